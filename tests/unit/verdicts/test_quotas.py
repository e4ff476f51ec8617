"""What is held back by its quota is at its end, though CPU is left; a quota that does not hold spoils the trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.verdicts import Ceilings
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, write_trial

SPEC = small_plan(1, window_s=10).trials()[0]
CEILINGS = Ceilings(hosts={"server1": FACTS, "client1": FACTS})
IDLE = Setting(rps=400, app_cores=0.3, redis_cores=0.03, generator_cores=0.3)


def slow(host: str, share: float = 0.67) -> dict[str, Any]:
    return {host: {"set": {}, "quota": {"share": share, "period_us": 10000}}}


def judged(folder: Path, setting: Setting) -> dict[str, Any]:
    record, _ = write_trial(folder, SPEC, setting)
    return summarise(read_trial(folder, SPEC, record), "run", CEILINGS)


def test_a_generator_that_has_used_up_its_quota_is_at_its_end(tmp_path: Path) -> None:
    at_it = replace(IDLE, generator_cores=0.665)
    row = judged(tmp_path / "slow", replace(at_it, conditions=slow("client1")))
    assert row["limited_by"][0] == "generator"
    assert "at 0.67 of a core, of which the profile grants it 0.67" in row["limited_by_evidence"][0]
    assert row["validity"] == "valid"
    assert "generator" not in judged(tmp_path / "free", at_it)["limited_by"]


def test_a_server_whose_parts_have_used_up_its_quota_together_is_at_its_end(tmp_path: Path) -> None:
    at_it = replace(IDLE, app_cores=0.45, redis_cores=0.21)
    row = judged(tmp_path / "slow", replace(at_it, conditions=slow("server1")))
    assert row["limited_by"][0] == "server-cpu"
    assert "what is measured at 0.66 of the 0.67 cores that the profile grants it" in row["limited_by_evidence"][0]
    assert "server-cpu" not in judged(tmp_path / "free", at_it)["limited_by"]


def test_an_app_at_its_part_of_one_core_of_several_goes_before_the_set(tmp_path: Path) -> None:
    lab = {"server1": 4, "client1": 4}
    row = judged(tmp_path, replace(IDLE, cpus=lab, app_cores=0.665, conditions=slow("server1")))
    assert row["limited_by"] == ["server-app"]


def test_a_quota_that_is_not_used_up_limits_nothing(tmp_path: Path) -> None:
    row = judged(tmp_path, replace(IDLE, conditions={**slow("client1"), **slow("server1")}))
    assert row["limited_by"] == ["concurrency"]


@pytest.mark.parametrize(("cores", "validity"), [(0.66, "valid"), (0.72, "degraded"), (0.80, "invalid")])
@pytest.mark.parametrize("host", ["client1", "server1"])
def test_who_used_more_than_the_quota_had_none(tmp_path: Path, host: str, cores: float, validity: str) -> None:
    setting = replace(IDLE, redis_cores=0.0, conditions=slow(host))
    used = replace(setting, app_cores=cores) if host == "server1" else replace(setting, generator_cores=cores)
    row = judged(tmp_path, used)
    assert row["validity"] == validity
    reasons = [f"what is measured on the {host[:-1]} used {cores:.2f} cores; its quota is 0.67"]
    assert row["reasons"] == (reasons if validity != "valid" else [])
