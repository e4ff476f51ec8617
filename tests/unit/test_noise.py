"""The noise of runs, cut and paired: what is known of it is found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.noise import Parts, Run, deviations, page, pairings

PARTS_EACH, TRIALS = 3, 200


def parts_of(memory: float, *, shared: float = 0.0) -> Parts:
    """Trials 9 s apart, three parts of 2 s each, whose noise has a deviation of 0.1 and remembers the trial before."""
    rng = np.random.default_rng(3)
    level = np.zeros(TRIALS)
    for index in range(TRIALS):
        level[index] = memory * level[index - 1] + rng.normal(0, 0.1 * math.sqrt(1 - memory**2))
    trial = np.repeat(np.arange(TRIALS), PARTS_EACH)
    at_s = 9.0 * trial + 2.0 * np.tile(np.arange(PARTS_EACH), TRIALS)
    speed = rng.normal(0, shared, TRIALS)[trial]
    noise = dict.fromkeys(("rps", "app"), level[trial] + speed)
    noise |= {"generator": speed, "redis": np.full(len(trial), np.nan)}
    return Parts(2.0, at_s, trial, noise)


def run_of(parts: Parts) -> Run:
    return Run([parts], 9.0, 6.0)


def test_parts_are_paired_by_how_far_they_are_apart() -> None:
    parts = parts_of(0.0)
    earlier, later = pairings(parts)["same trial"]
    assert len(earlier) == TRIALS * (PARTS_EACH - 1), "all of them"
    earlier, later = pairings(parts)["neighbours"]
    assert len(earlier) == TRIALS - 1
    assert np.allclose(parts.at_s[later] - parts.at_s[earlier], 5.0), "the last of one and the first of the next"
    earlier, later = pairings(parts)["20 to 60 s"]
    apart_s = parts.at_s[later] - parts.at_s[earlier]
    assert apart_s.min() >= 20
    assert apart_s.max() < 60


def test_noise_that_lasts_is_smaller_between_neighbours() -> None:
    found = deviations([run_of(parts_of(0.5))], 2.0, ("rps", None))
    assert found["same trial"] == 0
    assert found["neighbours"] == pytest.approx(0.1, rel=0.1), "sqrt(2 (1 - 0.5)) times 0.1"
    assert found["beyond 200 s"] == pytest.approx(0.141, rel=0.1)
    forgetful = deviations([run_of(parts_of(0.0))], 2.0, ("rps", None))
    assert forgetful["neighbours"] == pytest.approx(0.141, rel=0.1)


def test_what_a_covariate_shares_is_taken_off_and_one_that_is_not_there_gives_nothing() -> None:
    run = run_of(parts_of(0.0, shared=0.3))
    plain, adjusted, none = (
        deviations([run], 2.0, ("app", covariate))["neighbours"] for covariate in (None, "generator", "redis")
    )
    assert plain == pytest.approx(math.hypot(0.141, 0.424), rel=0.1)
    assert adjusted == pytest.approx(0.141, rel=0.1)
    assert math.isnan(none)


def test_the_page_has_a_row_for_each_outcome_and_length() -> None:
    lines = page([run_of(parts_of(0.5))])
    assert sum(line.startswith("| RPS | 2 s | 0.0%") for line in lines) == 1
    assert any("windows of 2 s" in line for line in lines)
