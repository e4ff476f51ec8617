"""What holds of every verdict, whatever was measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collect.archive.cut import summarise
from collect.archive.raw import read_trial
from collect.plan import TrialSpec
from collect.verdicts import CONFIDENCES, WORDS, Ceilings, Finding, judge_row
from collect.verdicts.findings import CONCURRENCY, Evidence
from collect.verdicts.judge import findings
from collect.verdicts.readings import CEILING, DETAIL, OTHER, OWN, Reading
from collect.verdicts.thresholds import Limits, thresholds
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, write_trial

RESOURCES = tuple(word for word in WORDS if word != CONCURRENCY)
FULL = st.floats(0, 1.03)
GAPS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([OWN, OTHER, CEILING, DETAIL]), max_size=3)
READINGS = st.fixed_dictionaries({word: st.tuples(FULL, GAPS) for word in RESOURCES})
ROWS = st.fixed_dictionaries(
    {
        "users": st.integers(1, 1000),
        "rps": st.floats(0, 1e5),
        "latency_mean_ms": st.none() | st.floats(0.01, 1e4),
        "validity": st.sampled_from(["valid", "degraded", "invalid"]),
    }
)


def readings(fulls: Mapping[str, tuple[float, Mapping[str, str]]]) -> list[Reading]:
    shown = Evidence("it", 1.0, 2.0, "cores", None, "it is so")
    return [Reading(word, full, (shown,), gaps) for word, (full, gaps) in fulls.items()]


def place(found: list[Finding], word: str) -> int:
    words = [finding.word for finding in found]
    return words.index(word) if word in words else len(WORDS)


@settings(deadline=None)
@given(fulls=READINGS, row=ROWS)
def test_there_is_always_a_word_and_only_known_ones(fulls: Any, row: Any) -> None:
    found = findings(readings(fulls), row, thresholds(), {})
    words = [finding.word for finding in found]
    assert words
    assert set(words) <= set(WORDS)
    assert len(set(words)) == len(words)
    for finding in found:
        assert finding.confidence in CONFIDENCES
        assert 0 <= finding.share <= 1
        assert Finding.from_json(finding.to_json()) == finding


@settings(deadline=None)
@given(fulls=READINGS, row=ROWS, word=st.sampled_from(RESOURCES), more=FULL)
def test_a_fuller_resource_never_goes_further_back(fulls: Any, row: Any, word: str, more: float) -> None:
    before = findings(readings(fulls), row, thresholds(), {})
    full, gaps = fulls[word]
    after = findings(readings({**fulls, word: (max(full, more), gaps)}), row, thresholds(), {})
    ahead = [finding.word for finding in before][: place(before, word)]
    # A process takes the set that it fills along, so only what was behind may still be.
    for other in (finding.word for finding in after[: place(after, word)]):
        assert other in ahead or place(before, word) == len(WORDS), (before, after)


@settings(deadline=None)
@given(fulls=READINGS, row=ROWS, word=st.sampled_from(RESOURCES), gap=st.sampled_from([OWN, OTHER, CEILING, DETAIL]))
def test_missing_evidence_never_makes_a_word_surer(fulls: Any, row: Any, word: str, gap: str) -> None:
    before = findings(readings(fulls), row, thresholds(), {})
    full, gaps = fulls[word]
    after = findings(readings({**fulls, word: (full, {**gaps, "the new gap": gap})}), row, thresholds(), {})
    assert [finding.word for finding in before] == [finding.word for finding in after]
    for old, new in zip(before, after, strict=True):
        assert CONFIDENCES.index(new.confidence) <= CONFIDENCES.index(old.confidence)
        assert "the new gap" in new.missing


@settings(deadline=None)
@given(
    use=st.lists(st.floats(0, 1.2), min_size=1, max_size=30),
    more=st.floats(0, 1),
    index=st.integers(0, 29),
    near=st.floats(0.1, 0.8),
)
def test_fullness_grows_with_every_second(use: list[float], more: float, index: int, near: float) -> None:
    limits = Limits(near, near + 0.1)
    fuller = list(use)
    fuller[index % len(use)] += more
    assert limits.fullness(np.array(fuller)) >= limits.fullness(np.array(use)) - 1e-12


CORES = st.none() | st.floats(0, 8)
NUMBERS = ("app", "redis", "database", "generator")


@settings(max_examples=200, deadline=None)
@given(
    cores=st.fixed_dictionaries({f"{unit}_cpu_cores": CORES for unit in NUMBERS}),
    sides=st.fixed_dictionaries(
        {f"{side}_{name}": CORES for side in ("server", "client") for name in ("cpus", "cpu_cores", "steal_cores")}
    ),
    row=ROWS,
    waiting=st.none() | st.integers(0, 40_000),
    ports=st.sampled_from([None, "32768 60999", "1024", "a b", "5 5"]),
)
def test_a_row_alone_always_gives_a_word_of_low_confidence(
    cores: Any, sides: Any, row: Any, waiting: Any, ports: Any
) -> None:
    whole = {**cores, **sides, **row, "client_time_wait_max": waiting, "window_s": 120.0}
    found = judge_row(whole, {"sysctl": {"net.ipv4.ip_local_port_range": ports}})
    assert found
    assert {finding.confidence for finding in found} == {"low"}
    assert all("the seconds of the window" in finding.missing for finding in found)


SETTINGS = st.builds(
    Setting,
    rps=st.floats(5, 600),
    app_cores=st.floats(0, 3),
    redis_cores=st.floats(0, 1),
    database_cores=st.none() | st.floats(0, 3),
    rows_off=st.integers(-30, 30),
    generator_cores=st.floats(0, 3),
    failures=st.integers(0, 20),
    steal_cores=st.floats(0, 1),
    wobble=st.floats(0, 0.3),
    keep_alive=st.booleans(),
    interval_s=st.sampled_from([0.5, 1.0, 2.0]),
    without=st.sets(st.sampled_from(["procs", "net", "tcp", "cpus", "database"])).map(tuple),
    seed=st.integers(0, 1000),
)
SPECS = [small_plan(1, window_s=4, workloads=(name,)).trials()[0] for name in ("redis", "db", "db-insert", "db-busy")]


@settings(max_examples=25, deadline=None)
@given(setting=SETTINGS, known=st.booleans(), spec=st.sampled_from(SPECS))
def test_every_trial_that_can_be_cut_gets_a_verdict(setting: Setting, known: bool, spec: TrialSpec) -> None:
    ceilings = Ceilings(hosts={"client1": FACTS, "server1": FACTS}) if known else Ceilings()
    with tempfile.TemporaryDirectory() as folder:
        record, _ = write_trial(Path(folder), spec, setting)
        whole = summarise(read_trial(Path(folder), spec, record), "run", ceilings)
    assert whole["limited_by"]
    assert set(whole["limited_by"]) <= set(WORDS)
    lists = ("limited_by", "limited_by_confidence", "limited_by_evidence", "findings")
    assert len({len(whole[name]) for name in lists}) == 1
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert whole["evidence_missing"]
    if not {"procs", "cpus"} - set(setting.without):
        assert set(whole["limited_by_confidence"]) <= {"low", "medium"}
