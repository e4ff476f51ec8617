from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from collect.archive.validity import thresholds as validity
from collect.documents import load_yaml
from collect.errors import BenchError
from collect.paths import DATA_DIR
from collect.verdicts import WORDS
from collect.verdicts.thresholds import Limits, thresholds


def changed(folder: Path, name: str, change: Any) -> Path:
    document = copy.deepcopy(load_yaml(DATA_DIR / name))
    change(document)
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


def test_every_word_has_limits() -> None:
    assert set(thresholds().words) == set(WORDS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda d: d["words"].update({"server-ap": {"near": 0.5, "full": 0.9}}),
            r'unknown key "server-ap" \(.*verdicts.yml: words\): did you mean "server-app"\?',
        ),
        (lambda d: d["words"].pop("redis"), r'the key "redis" is missing'),
        (lambda d: d["words"]["redis"].update(full=1.2), r"1.2 is out of range \(.*words.redis.full\)"),
        (lambda d: d["words"]["redis"].update(near=0.95), r"near 0.95 is not below full 0.9 \(.*words.redis\)"),
        (lambda d: d["rules"].update(port_search_cost=0.5), r"0.5 is out of range \(.*rules.port_search_cost\)"),
        (lambda d: d["rules"].update(close="far"), r"'far' is not a number"),
        (lambda d: d["rules"].update(closer=0.1), r'unknown key "closer"'),
        (lambda d: d["rules"].update(confidence_medium=0.9), "0.9 is not below confidence_high"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(BenchError, match=told) as error:
        thresholds(changed(tmp_path, "verdicts.yml", change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(failed_shar={"degraded": 0.1}), r'unknown key "failed_shar" .*did you mean "failed_share"'),
        (lambda d: d["steal_share"].update(degraded=2), r"2 is out of range \(.*steal_share.degraded\)"),
        (lambda d: d["steal_share"].update(bad=0.1), r'unknown key "bad"'),
    ],
)
def test_a_bad_file_of_validity_is_told_in_one_line(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        validity(changed(tmp_path, "validity.yml", change))


def test_fullness_counts_seconds() -> None:
    limits = Limits(0.8, 0.95)
    assert limits.fullness(0.5) == 0
    assert limits.fullness(0.875) == pytest.approx(0.5)
    assert limits.fullness(np.array([1.0, 1.0, 0.2, 0.2])) == pytest.approx(0.5, abs=0.02)
    assert limits.fullness(np.array([0.6] * 4)) == 0
    assert limits.fullness(np.array([np.nan, 0.95])) == pytest.approx(1)
    assert limits.fullness(np.array([np.nan])) == 0
    assert limits.full_share(np.array([np.nan])) is None
    assert limits.fullness(1.0) > limits.fullness(0.96)
