"""Runs that are measured until their ratios are known: looks, the decision, what is on record, sealed and reported."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collect.archive.looked import blocks_of, last_block, level_of
from collect.archive.looks import decide, expected_block, final_state, state_of
from collect.archive.partial import PartialRun, begin_run, find_partial, open_partial, resume_run
from collect.archive.store import Archive
from collect.cli import main
from collect.errors import BenchError
from collect.plan import Plan
from collect.precision import with_precision
from collect.report.data import run_data
from collect.report.extras import extras
from collect.report.figures import run_figures
from collect.report.html import render
from collect.statistics import sequential
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, finish

TOP, BOTTOM = "starlette-uvicorn.redis.locust-http.10.article", "flask-werkzeug.redis.locust-http.10.article"
BLOCK_S = 15.0


def begun(folder: Path, precision: float, limit_min: float = 60, plan: Plan | None = None) -> PartialRun:
    return begin_run(folder, with_precision(plan or small_plan(), precision, limit_min), inventory="local")


def measured(
    run: PartialRun, blocks: int, ratio: float = 2.0, noise: float = 0.1, invalid: tuple[int, ...] = ()
) -> None:
    """Put trials on record up to a block: only what a look reads of them."""
    rng = random.Random(5)
    for spec in run.trials():
        off = math.exp(rng.gauss(0, noise))
        if spec.block > blocks or run.finished(spec):
            continue
        rps = 400 * off * (ratio if spec.cell.name == TOP else 1)
        validity = "invalid" if spec.block in invalid and spec.cell.name == TOP else "valid"
        folder = run.path / "trials" / spec.trial_id
        folder.mkdir()
        (folder / "trial.json").write_text(json.dumps({"summary": {"rps": rps, "validity": validity}}))


def step(run: PartialRun, blocks: int, **how: Any) -> list[str]:
    """Measure block by block, each in its planned time, until it is over or so many are; return what is said."""
    began_s = datetime.fromisoformat(run.facts["sessions"][-1]["started_at"]).timestamp()
    lines: list[str] = []
    state = state_of(run)
    for block in range(state["decided"] + 1 if state else 1, blocks + 1):
        if last_block(run.facts) is None:
            measured(run, block, **how)
            lines += decide(run, began_s + BLOCK_S * block)
    return lines


def test_it_goes_on_until_it_is_known(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.1)
    lines = step(run, 240)
    stopped = run.facts["precision"]["stopped"]
    assert stopped["reason"] == "precise"
    assert 5 < stopped["block"] < 100
    assert stopped["block"] in sequential.look_blocks(240)
    [last] = run.facts["precision"]["looks"][-1]["ratios"]
    assert last["half_width"] <= 0.1
    assert last["half_width"] == pytest.approx(
        sequential.critical(last["level"], last["blocks"]) * last["deviation"] / math.sqrt(last["blocks"])
    )
    for look in run.facts["precision"]["looks"][:-1]:
        assert look["ratios"][0]["half_width"] > 0.1
    assert run.remaining() == []
    assert len(run.trials()) == 2 * stopped["block"]
    assert lines[0].startswith("  block 5: starlette-uvicorn / flask-werkzeug redis ")
    assert " % (wanted 10 %), about " in lines[0]
    assert lines[0].endswith(" min to go")
    assert lines[-1].endswith(" (wanted 10 %): enough")
    assert len(lines) == len(run.facts["precision"]["looks"])


def test_levels_pay_for_the_looks_before(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.01)
    step(run, 12)
    looks = run.facts["precision"]["looks"]
    assert [look["block"] for look in looks] == [5, 7, 10]
    own = [look["ratios"][0]["level"] for look in looks]
    assert own == pytest.approx(sequential.levels((5, 7, 10), tuple(sequential.spent(b, 240) for b in (5, 7, 10))))
    assert all(0 < level < 0.05 for level in own)


def test_time_ends_it(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.001, limit_min=3)
    lines = step(run, 240)
    assert run.facts["precision"]["stopped"] == {"block": 12, "reason": "blocks"}
    assert "min to go, then the time is up" in lines[0]
    slow = begun(tmp_path / "slow", 0.001, limit_min=3)
    began_s = datetime.fromisoformat(slow.facts["sessions"][-1]["started_at"]).timestamp()
    said: list[str] = []
    for block in range(1, 13):
        if last_block(slow.facts) is None:
            measured(slow, block)
            said += decide(slow, began_s + 2 * BLOCK_S * block)
    assert slow.facts["precision"]["stopped"] == {"block": 6, "reason": "time"}
    assert slow.facts["precision"]["looks"][-1]["final"]
    assert said[-1].endswith("(wanted 0.1 %): the time is up")
    [last] = slow.facts["precision"]["looks"][-1]["ratios"]
    assert last["spent"] == sequential.ALPHA


def test_what_comes_before_the_first_block_is_no_part_of_a_block(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.001, limit_min=5)
    began_s = datetime.fromisoformat(run.facts["sessions"][-1]["started_at"]).timestamp()
    before_s = 120  # hosts are asked, ceilings measured
    for block in range(1, 21):
        if last_block(run.facts) is None:
            measured(run, block)
            decide(run, began_s + before_s + BLOCK_S * block)
    state = run.facts["precision"]
    assert state["stopped"] == {"block": 12, "reason": "time"}, "the last for which there was time"
    assert (state["timed_blocks"], state["timed_s"]) == (11, 11 * BLOCK_S)


def test_invalid_trials_leave_their_block_out(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.01)
    step(run, 7, invalid=(2, 6, 7))
    counts = [look["ratios"][0]["blocks"] for look in run.facts["precision"]["looks"]]
    assert counts == [4, 4]
    few = begun(tmp_path / "few", 0.4)
    [line] = step(few, 5, invalid=(1, 2, 3))
    assert "from 2 of 3 blocks (wanted 40 %)" in line
    assert last_block(few.facts) is None


def test_several_ratios_must_all_be_known(tmp_path: Path) -> None:
    plan = small_plan(workloads=("redis", "none"))
    run = begun(tmp_path, 0.2, plan=plan)
    lines = step(run, 40)
    looks = run.facts["precision"]["looks"]
    assert len(looks[-1]["ratios"]) == 2
    assert all(ratio["half_width"] <= 0.2 for ratio in looks[-1]["ratios"])
    assert all(" of 2 ratios known" in line for line in lines)


def test_nothing_is_decided_in_the_middle_of_a_block_or_without_a_precision(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.4)
    measured(run, 1)
    (run.path / "trials" / run.trials()[1].trial_id / "trial.json").unlink()
    assert decide(run) == []
    assert "precision" not in run.facts
    plain = begin_run(tmp_path / "plain", small_plan(), inventory="local")
    measured(plain, 3)
    assert decide(plain) == []
    assert state_of(plain) is None
    assert final_state(plain) is None
    assert expected_block(plain) == 3


def test_all_hear_the_same_from_the_record(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.3)
    step(run, 240)
    block = last_block(run.facts)
    assert block is not None
    again = open_partial(run.path)
    assert last_block(again.facts) == block
    assert again.remaining() == []
    measured(again, 30)
    assert decide(again) == []


def test_resuming_takes_the_look_that_was_missed_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun(tmp_path, 0.4)
    measured(run, 5, noise=0.01)  # here the control node dies, before it has looked
    arguments = ["run", "resume", run.run_id, "--archive", str(tmp_path)]
    assert main([*arguments, "--precision", "0.4"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["remaining"] == []
    assert last_block(find_partial(tmp_path, run.run_id).facts) == 5
    assert main([*arguments, "--precision", "0.3"]) == 2
    assert "begun with precision=0.4, not 0.3" in capsys.readouterr().err
    other = begun(tmp_path, 0.01)
    step(other, 6)
    resumed = resume_run(tmp_path, other.run_id)
    assert expected_block(resumed) > 6
    step(resumed, 8)
    assert [look["block"] for look in resumed.facts["precision"]["looks"]] == [5, 7]


def test_time_of_all_sessions_counts(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.001, limit_min=5)
    began_s = datetime.fromisoformat(run.facts["sessions"][-1]["started_at"]).timestamp()
    measured(run, 2)
    decide(run, began_s + 100)
    resumed = resume_run(tmp_path, run.run_id)
    resumed.facts["sessions"][-1]["started_at"] = datetime.fromtimestamp(began_s + 10_000).astimezone().isoformat()
    measured(resumed, 3)
    decide(resumed, began_s + 10_000 + 60)
    assert resumed.facts["precision"]["measured_s"] == pytest.approx(160, abs=0.2)
    assert resumed.facts["precision"]["stopped"] is None
    measured(resumed, 4)
    decide(resumed, began_s + 10_000 + 160)
    assert resumed.facts["precision"]["stopped"] == {"block": 4, "reason": "time"}


def test_the_announcement_says_until_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--plan=quick", "--inventory=local", f"--archive={tmp_path}", "--precision=0.02", "--time-limit-min=5"]
    assert main(["run", "begin", *options]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "until each of 2 ratios is known to ± 2 %; at most " in said["announcement"]
    assert said["at_most"] is True
    assert main(["run", "check", "--plan=quick", f"--archive={tmp_path}", "--precision=0.6"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "0.6 is not between 0 and 0.5 (precision)" in error


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, str]:
    """A run that was known after five blocks of at most 240."""
    folder = tmp_path_factory.mktemp("archive")
    plan = replace(small_plan(window_s=2), warmup_s=0.5, ramp_s=0)
    run = begun(folder, 0.1, plan=plan)
    run.update_session(facts={"server1": FACTS, "client1": FACTS})
    for spec in run.trials():
        if spec.block <= 5:
            rps = (800 if spec.cell.name == TOP else 400) * (1 + 0.01 * (spec.ordinal % 3))
            finish(run, spec, Setting(rps=rps, app_cores=0.9, generator_cores=0.5, seed=spec.ordinal))
    decide(run)
    return Archive(folder), run.seal().name


def test_a_run_that_is_known_is_complete(sealed: tuple[Archive, str]) -> None:
    archive, run_id = sealed
    manifest = archive.manifest(run_id)
    assert manifest["reasons"] == [reason for reason in manifest["reasons"] if "not measured" not in reason]
    assert len(manifest["trials"]) == 10
    assert manifest["precision"]["stopped"] == {"block": 5, "reason": "precise"}
    assert manifest["precision"]["most_blocks"] == manifest["plan"]["blocks"] > 100
    assert blocks_of(manifest) == 5
    assert archive.verify(run_id) == []


def test_the_report_shows_the_interval_that_was_paid_for(sealed: tuple[Archive, str]) -> None:
    archive, run_id = sealed
    figures = run_figures(archive, run_id)
    [extra] = [extra for extra in extras(figures) if extra.name == "precision"]
    [known] = extra.content["known"]
    [ratio] = figures.ratios
    assert ratio.ratio is not None
    assert (known.ratio.low, known.ratio.high) == (ratio.ratio.low, ratio.ratio.high)
    assert known.half_width == pytest.approx(figures.manifest["precision"]["looks"][-1]["ratios"][0]["half_width"])
    assert known.price > 1.2
    assert known.enough
    assert level_of(figures.manifest, TOP, BOTTOM) == known.level
    assert "paid for" in extra.lines[0]
    assert "every ratio was known as well as was wanted" in extra.lines[0]
    assert "± " in extra.lines[1]
    data = run_data(figures)["precision"]
    assert data["stopped"]["reason"] == "precise"
    assert json.loads(json.dumps(data))["ratios"][0]["enough"] is True
    page = render(archive, run_id)
    assert "95 % interval, paid for" in page
    assert ">5 blocks; in each" in page


def test_one_that_was_interrupted_has_the_interval_of_what_there_is(tmp_path: Path) -> None:
    run = begun(tmp_path, 0.001)
    step(run, 6)
    state = final_state(run)
    assert state is not None
    assert state["stopped"] == {"block": 6, "reason": "interrupted"}
    assert [look["block"] for look in state["looks"]] == [5, 6]
    assert last_block(run.facts) is None, "it can still be gone on with"
    with pytest.raises(BenchError, match="are not measured yet"):
        run.seal()
