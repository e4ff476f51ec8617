"""What the configuration may say, and what is said of one that may not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from collect.sampler.__main__ import main
from collect.sampler.config import DatabaseAddress, RedisAddress, load, parse_cpus
from collect.sampler.errors import SamplerError

GOOD: dict[str, Any] = {
    "host": "server1",
    "interval_s": 0.5,
    "memory_interval_s": 5.0,
    "cpus": "0-2,5",
    "samples_dir": "/var/lib/bench/samples",
    "live_path": "/run/bench/collector/live.jsonl",
    "units": {"app": ["bench-app.service"], "generator": ["bench-load@"]},
    "redis": {"host": "127.0.0.1", "port": 6379, "password_file": "/etc/bench/redis.password"},
    "database": {"socket": "/run/bench/database/database.sock", "user": "bench-collector"},
    "keep_hours": 24,
}


def written(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "collector.json"
    path.write_text(json.dumps({**GOOD, **changes}))
    return path


def test_the_whole_configuration_is_read(tmp_path: Path) -> None:
    config = load(written(tmp_path))
    assert (config.host, config.interval_s, config.memory_interval_s, config.keep_hours) == ("server1", 0.5, 5.0, 24.0)
    assert config.cpus == (0, 1, 2, 5)
    assert config.units == {"app": ("bench-app.service",), "generator": ("bench-load@",)}
    assert config.redis == RedisAddress("127.0.0.1", 6379, Path("/etc/bench/redis.password"))
    assert config.database == DatabaseAddress(Path("/run/bench/database/database.sock"), "bench-collector")
    assert (config.samples_dir, config.live_path) == (Path(GOOD["samples_dir"]), Path(GOOD["live_path"]))


def test_null_means_no_redis_no_database_and_the_cpus_it_may_run_on(tmp_path: Path) -> None:
    config = load(written(tmp_path, redis=None, database=None, cpus=None))
    assert (config.redis, config.database) == (None, None)
    assert set(config.cpus) == os.sched_getaffinity(0)


@pytest.mark.parametrize(
    ("text", "cpus"), [("0", (0,)), ("3,1", (1, 3)), ("0-3", (0, 1, 2, 3)), ("1-2,2-4", (1, 2, 3, 4))]
)
def test_cpu_lists(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "-1", "1,,2", "0x1"])
def test_what_is_no_cpu_list(text: str) -> None:
    with pytest.raises(ValueError, match="not a list of CPUs"):
        parse_cpus(text)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"interval_s": 0.05}, "interval_s must be a number from 0.1 to 10"),
        ({"interval_s": 11}, "interval_s"),
        ({"interval_s": "1"}, "interval_s"),
        ({"interval_s": True}, "interval_s"),
        ({"memory_interval_s": -1}, "memory_interval_s"),
        ({"cpus": "none"}, "cpus"),
        ({"cpus": 3}, "cpus"),
        ({"host": ""}, "host"),
        ({"samples_dir": None}, "samples_dir"),
        ({"units": {"app": "bench-app.service"}}, "units.app"),
        ({"units": {"other": ["x.service"]}}, "units"),
        ({"units": None}, "units"),
        ({"redis": {"host": "127.0.0.1"}}, "redis.port"),
        ({"redis": {"host": "127.0.0.1", "port": 0}}, "redis.port"),
        ({"redis": {"host": "127.0.0.1", "port": 1, "user": "x"}}, "redis"),
        ({"redis": {"host": "", "port": 1}}, "redis.host"),
        ({"redis": {"host": "h", "port": 1, "password_file": 7}}, "redis.password_file"),
        ({"database": "/run/database.sock"}, "database must be null or an object of socket and user"),
        ({"database": {"socket": "/run/database.sock"}}, "database.user"),
        ({"database": {"socket": "", "user": "bench-collector"}}, "database.socket"),
        ({"database": {"socket": "/s", "user": "u", "password": "p"}}, "database"),
        ({"keep_hours": 0}, "keep_hours"),
        ({"speed": 1}, "speed is no key"),
    ],
)
def test_a_bad_value_is_named_with_its_file(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(SamplerError) as caught:
        load(path)
    assert str(caught.value).startswith(f"error: {named}")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_the_command_ends_with_one_line_and_exit_code_2(
    tmp_path: Path, text: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "collector.json"
    if text is not None:
        path.write_text(text)
    assert main(["--config", str(path)]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    assert f"({path})" in err
