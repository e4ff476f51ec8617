"""What preflight warned of is in the manifest, and among the run's reasons without changing its validity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.archive import validity
from collect.archive.preflight import on_record, weighed
from collect.preflight.findings import finding
from tests.support.plans import small_plan
from tests.support.synthetic import write_run

Case = tuple[str, dict[str, Any]]

SWAP: Case = ("swap_used", {"used": 12})
NOTE: Case = ("turbo", {})
SAME: Case = ("same_machine_allowed", {"other": "server1"})


def session(**by_host: list[Case]) -> dict[str, Any]:
    found = {
        host: [finding(name, host, values, {}).to_json() for name, values in each] for host, each in by_host.items()
    }
    return {"preflight": found}


def sealed(folder: Path, **noted: Any) -> dict[str, Any]:
    """Return the manifest of a run whose session has noted this."""
    folder.mkdir()
    run = write_run(folder, small_plan(1))
    run.update_session(**noted)
    manifest: dict[str, Any] = json.loads((run.seal() / "manifest.json").read_text())
    return manifest


def test_each_warning_is_a_reason_once() -> None:
    told = weighed([session(server1=[SWAP, NOTE], client1=[SWAP]), {}, session(server1=[SWAP])])
    assert told.warnings == ["12 MiB are swapped out (server1)", "12 MiB are swapped out (client1)"]
    assert (told.validity, told.reasons) == (validity.VALID, [])


def test_one_machine_for_both_sides_is_degraded() -> None:
    told = weighed([session(client1=[SAME])])
    assert told.validity == validity.DEGRADED
    assert told.reasons[0].startswith("server1 is the same machine: ")
    assert told.warnings == []


def test_the_last_look_at_a_host_is_on_record() -> None:
    first, last = session(server1=[SWAP], client1=[SWAP]), session(server1=[NOTE])
    assert {host: [each["name"] for each in found] for host, found in on_record([first, last]).items()} == {
        "server1": ["turbo"],
        "client1": ["swap_used"],
    }
    assert on_record([{}]) == {}


@pytest.mark.parametrize(
    ("found", "is_reason", "degrades"), [(SWAP, True, False), (NOTE, False, False), (SAME, True, True)]
)
def test_a_sealed_run(tmp_path: Path, found: Case, is_reason: bool, degrades: bool) -> None:
    bare = sealed(tmp_path / "bare")
    assert bare["preflight"] == {}, "nobody has looked"
    manifest = sealed(tmp_path / "looked", **session(client1=[found]))
    told = finding(found[0], "client1", found[1], {})
    assert manifest["preflight"] == {"client1": [told.to_json()]}
    assert manifest["reasons"] == [*bare["reasons"], *([f"{told.what} (client1)"] if is_reason else [])]
    assert manifest["validity"] == (validity.DEGRADED if degrades else bare["validity"])
