"""What preflight found before a run was measured: on record, and among the run's reasons as validity.yml has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collect.archive.validity import Verdict
from collect.preflight.findings import WARN

SAME_MACHINE = "same_machine_allowed"

Session = Mapping[str, Any]


def on_record(sessions: Sequence[Session]) -> dict[str, list[dict[str, str]]]:
    """Return the findings by host, those of a host's last session that was preceded by a preflight."""
    found: dict[str, list[dict[str, str]]] = {}
    for session in sessions:
        found |= session.get("preflight", {})
    return found


def weighed(sessions: Sequence[Session]) -> Verdict:
    """Return what the warnings of all sessions mean for the run; each that was the same in several counts once."""
    every = [each for session in sessions for found in session.get("preflight", {}).values() for each in found]
    warnings = {(each["host"], each["what"]): each for each in every if each["level"] == WARN}
    verdict = Verdict()
    for each in warnings.values():
        rule = "same_machine" if each["name"] == SAME_MACHINE else "preflight_warnings"
        verdict.weigh(rule, len(warnings), f"{each['what']} ({each['host']})")
    return verdict
