"""From evidence to words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import CONCURRENCY, Evidence, Finding

if TYPE_CHECKING:
    from collect.archive.window import Window
    from collect.archive.raw import RawTrial


def judge(raw: RawTrial, window: Window, row: Mapping[str, Any], ceilings: Ceilings) -> list[Finding]:
    """Return what held the trial back, most binding first; never nothing."""
    evidence = Evidence("users", float(row["users"]), None, "users", None, "nothing is judged yet")
    return [Finding(CONCURRENCY, "low", 1.0, (evidence,), ("all of it",))]
