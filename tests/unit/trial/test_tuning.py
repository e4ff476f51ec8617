"""Which trials find their hosts tuned, and what the record says of it; the watch is a shell here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collect.errors import BenchError
from collect.trial import watching
from collect.trial.board import Board
from collect.trial.remote import Remote
from collect.trial.watching import AS_IT_IS, TUNED, UNTUNED, Side, Task, tuning_of
from tests.unit.trial.test_client import SPEC

ADDRESSES = {"server1": "198.18.0.1", "client1": "198.18.0.2", "client2": "198.18.0.1"}
IN_FORCE = {"governor": {"set": "performance", "before": "powersave"}}
TOLD = {"in_force": IN_FORCE, "left": {}, "changed_meanwhile": {}, "restored": True}


def spec(profile: str) -> dict[str, Any]:
    return {**SPEC, "cell": {**SPEC["cell"], "profile": profile}}


@pytest.mark.parametrize(
    ("profile", "host", "tuned"),
    [
        ("controlled", "server1", TUNED),
        ("controlled", "client1", TUNED),
        ("article", "server1", UNTUNED),
        ("controlled", "client2", AS_IT_IS),
        ("article", "client2", AS_IT_IS),
    ],
)
def test_trials_of_some_profiles_are_tuned(profile: str, host: str, tuned: str) -> None:
    assert tuning_of(spec(profile), host, "server1", ADDRESSES, ["controlled"]) == tuned
    assert tuning_of(spec(profile), "server1", "server1", ADDRESSES, []) == UNTUNED


class Watched:
    """A host whose watch says some lines when it starts, and others when it is to put all back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, ""
        self.first: list[dict[str, Any]] = [{"src": "tuning", "state": "set", "in_force": IN_FORCE}]
        self.last: list[dict[str, Any]] = [{"src": "tuning", "state": "restored", **TOLD}]

    def argv(self, command: str) -> list[str]:
        self.asked = command
        for name, lines in (("first", self.first), ("last", self.last)):
            (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return ["/bin/sh", "-c", f"cd {self.folder}; cat first; while read -r line; do cat last; done"]

    def side(self, tuning: str = TUNED, **profile: Any) -> Side:
        given = {**spec("controlled"), "profile": {"client_sysctls": {}, **profile}}
        task = Task(given, "server1", "198.18.0.1", ["client1"], 1.0, self.folder, tuning=tuning)
        return Side(Remote("client1", self.argv), task, Board(self.folder / "board"), ["primary"])


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_the_record_says_what_was_in_force(watched: Watched) -> None:
    with watched.side() as side:
        assert "--tuning on" in watched.asked
        assert side.restore() == {"tuning": TOLD}


def test_a_host_with_nothing_listed_leaves_nothing_on_record(watched: Watched) -> None:
    watched.first[0]["in_force"] = watched.last[0]["in_force"] = {}
    with watched.side() as side:
        assert side.restore() == {}


@pytest.mark.parametrize(("tuning", "asked"), [(UNTUNED, ""), (AS_IT_IS, " --tuning leave")])
def test_who_is_not_tuned_waits_for_nothing(watched: Watched, tuning: str, asked: str) -> None:
    watched.first.clear()
    with watched.side(tuning) as side:
        assert f"watch.py primary{asked} --deadline" in watched.asked
        assert side.restore() == {}


def test_the_profiles_conditions_end_before_the_tuning(watched: Watched) -> None:
    done = {"src": "conditions", "state": "restored", "set": {"a": "1"}, "before": {"a": "0"}, "restored": True}
    watched.last.insert(0, done)
    with watched.side(client_sysctls={"net.ipv4.tcp_tw_reuse": "1"}) as side:
        assert list(side.restore()) == ["conditions", "tuning"]


def test_a_host_that_cannot_be_tuned_fails_the_trial(watched: Watched) -> None:
    said = {"error": "there is no governor 'fast'", "remedy": "set one"}
    watched.first[:] = [{"src": "watch", "state": "failed", **said}]
    told = r"there is no governor 'fast' \(client1\): set one, then go on"
    with pytest.raises(BenchError, match=told), watched.side():
        pass


def test_a_watch_that_does_not_speak_of_it_is_lost(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "TUNING_TIMEOUT_S", 0.5)
    watched.first.clear()
    with pytest.raises(BenchError, match="its watch does not say that the host is tuned"), watched.side():
        pass
