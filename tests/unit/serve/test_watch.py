"""The run under way as it is told: none, one, its seconds and trials, its end, and the next."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import collect.serve.watch
from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.live.lines import LIVE
from collect.live.write import append
from collect.serve.live import event, events
from collect.serve.served import Served
from collect.serve.watch import RECENT, Watch, heard_s, under_way
from tests.support.plans import small_plan
from tests.unit.serve.conftest import client_of


def second(number: int, trial: str = "b01-01-x", **more: Any) -> dict[str, Any]:
    said = {
        "at": 1_800_000_000.0 + number, "trial_id": trial, "ordinal": 1, "of": 2, "phase": "window", "second": number,
        "rps": 400.0, "p95_ms": 30.5, "failures": 0, "server_cpu_cores": 0.6, "client_cpu_cores": 0.5,
        "app_cpu_cores": 0.5, "generator_cpu_cores": 0.4, "left_s": 60 - number,
    }  # fmt: skip
    return {**said, **more}


def finished(trial: str = "b01-01-x") -> dict[str, Any]:
    return {
        "kind": "finished", "at": 1.0, "trial_id": trial, "ordinal": 1, "of": 2, "rps": 400.0, "p95_ms": 30.0,
        "validity": "valid", "limited_by": ["generator"],
    }  # fmt: skip


def begun(folder: Path) -> Path:
    return begin_run(folder, small_plan(1), inventory="local").path


def names(found: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    return [name for name, _ in found]


def test_that_there_is_none_is_said_once(tmp_path: Path) -> None:
    watch = Watch(Archive(tmp_path))
    assert watch.look() == [("none", {})]
    assert watch.look() == []
    path = begun(tmp_path)
    ((name, said),) = watch.look()
    assert (name, said["run_id"]) == ("run", path.name.removesuffix(".partial"))
    assert (said["plan"], said["of"], said["done"], said["heard_s"]) == ("small", 2, 0, None)
    assert watch.look() == []


def test_seconds_and_trials_are_told_as_they_come(tmp_path: Path) -> None:
    path, watch = begun(tmp_path), Watch(Archive(tmp_path))
    assert names(watch.look()) == ["run"]
    append(path, second(1))
    append(path, second(2))
    assert watch.look() == [("second", second(1)), ("second", second(2))]
    append(path, finished())
    assert watch.look() == [("finished", finished())]
    append(path, {"kind": "news", "trial_id": "b01-01-x"})
    assert watch.look() == []


def test_half_a_line_and_what_is_none_are_passed_over(tmp_path: Path) -> None:
    path, watch = begun(tmp_path), Watch(Archive(tmp_path))
    watch.look()
    with (path / LIVE).open("w") as file:
        file.write('not a line\n[1]\n{"trial_id": 3}\n' + json.dumps(second(1))[:20])
    assert watch.look() == []
    with (path / LIVE).open("a") as file:
        file.write(json.dumps(second(1))[20:] + "\n")
    assert watch.look() == [("second", second(1))]


def test_a_newcomer_is_told_of_the_trials_and_the_last_seconds(tmp_path: Path) -> None:
    path = begun(tmp_path)
    for number in range(5):
        append(path, second(number, "b01-01-x"))
    append(path, finished())
    for number in range(RECENT + 20):
        append(path, second(number, "b01-02-y"))
    found = Watch(Archive(tmp_path)).look()
    assert names(found) == ["run", "finished", *["second"] * RECENT]
    assert found[-1][1] == second(RECENT + 19, "b01-02-y")
    assert {said["trial_id"] for name, said in found if name == "second"} == {"b01-02-y"}


def test_its_end_is_told_with_its_last_line_and_whether_it_is_sealed(tmp_path: Path) -> None:
    archive, path = Archive(tmp_path), begun(tmp_path)
    watch = Watch(archive)
    watch.look()
    append(path, finished())
    sealed = path.with_suffix("")
    sealed.mkdir()
    found = watch.look()
    assert names(found) == ["finished", "ended"]
    assert found[-1][1] == {"run_id": sealed.name, "sealed": True}
    shutil.rmtree(path)
    assert watch.look() == []  # no second word on it
    path = begun(tmp_path)
    assert names(watch.look()) == ["run"]
    shutil.rmtree(path)
    assert watch.look() == [("ended", {"run_id": path.name.removesuffix(".partial"), "sealed": False})]


def test_a_run_that_went_silent_gives_way_to_one_that_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, old = Archive(tmp_path), begun(tmp_path)
    append(old, second(1))
    watch = Watch(archive)
    watch.look()
    new = begin_run(tmp_path, replace(small_plan(1), seed=2), inventory="local").path
    append(new, second(1))
    os.utime(old / LIVE, (1, 1))
    assert watch.look() == []
    monkeypatch.setattr(collect.serve.watch, "SILENT_S", -1.0)
    assert names(watch.look()) == ["run", "second"]
    assert under_way(archive) == new.name.removesuffix(".partial")


def test_silence_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, path = Archive(tmp_path), begun(tmp_path)
    append(path, second(1))
    os.utime(path / LIVE, (time.time() - 90, time.time() - 90))
    watch = Watch(archive)
    assert names(watch.look()) == ["run", "second"]
    monkeypatch.setattr(collect.serve.watch, "BEAT_S", 0.0)
    ((name, said),) = watch.look()
    assert name == "beat"
    assert 85 < said["heard_s"] < 95
    assert heard_s(archive, None) is None


def test_a_run_of_another_version_is_named_all_the_same(tmp_path: Path) -> None:
    path = begun(tmp_path)
    for content in ('{"schema_version": 99}', "[]", "{", "{}"):
        (path / "run.json").write_text(content)
        ((name, said),) = Watch(Archive(tmp_path)).look()
        assert (name, said["plan"]) == ("run", None)
    text = client_of(tmp_path).get("/live").text
    assert path.name.removesuffix(".partial") in text


def heard(serving: Served, count: int) -> list[str]:
    async def listen() -> list[str]:
        found: list[str] = []
        async with contextlib.aclosing(events(serving, poll_s=0.01)) as stream:
            async for text in stream:
                found.append(text)
                if len(found) == count:
                    break
        return found

    return asyncio.run(asyncio.wait_for(listen(), 10))


def test_the_stream_is_what_browsers_read(tmp_path: Path) -> None:
    path = begun(tmp_path)
    append(path, second(1, cell="<b>\n\u2028"))
    serving: Served = client_of(tmp_path).app.state.served  # type: ignore[attr-defined]
    retry, run, told = heard(serving, 3)
    assert retry == "retry: 2000\n\n"
    assert run.startswith("event: run\ndata: {")
    assert told == event("second", second(1, cell="<b>\n\u2028"))
    assert told.count("\n") == 3
    assert json.loads(told.split("data: ", 1)[1]) == second(1, cell="<b>\n\u2028")


def test_the_stream_ends_with_the_server_and_in_its_time(tmp_path: Path) -> None:
    ending = client_of(tmp_path, closing=lambda: True).app.state.served  # type: ignore[attr-defined]
    assert heard(ending, 9) == ["retry: 2000\n\n"]
    client = client_of(tmp_path, stream_s=0.2)
    answer = client.get("/live/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == "retry: 2000\n\nevent: none\ndata: {}\n\n"
    assert client.head("/live/events").text == ""


def test_what_is_no_number_in_json_is_null() -> None:
    assert event("second", {"rps": float("nan"), "p95_ms": float("inf"), "failures": 3, "limited_by": ["x"]}) == (
        'event: second\ndata: {"rps": null, "p95_ms": null, "failures": 3, "limited_by": ["x"]}\n\n'
    )
