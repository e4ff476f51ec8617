"""The facts of a host, there or null."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from collect.sampler import facts
from collect.sampler.facts import SYSCTLS, Facts, bundled, database, main, python_build


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_facts_are_read_from_where_the_kernel_has_them(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    write(
        tmp_path,
        {
            "proc/cpuinfo": "processor : 0\nmodel name\t: Some CPU @ 3.20GHz\n\nprocessor : 1\nmodel name : Other\n",
            "proc/cmdline": "quiet secret=1 mitigations=off isolcpus=2-3 nosmt\n",
            "proc/self/cgroup": "9:name=systemd:/\n0::/\n",
            "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
            "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            f"{cpu}/cpu0/cpufreq/scaling_governor": "performance\n",
            f"{cpu}/cpu1/cpufreq/scaling_governor": "powersave\n",
            f"{cpu}/cpu2/cpufreq/scaling_governor": "userspace\n",
            f"{cpu}/cpu0/cpufreq/scaling_driver": "intel_pstate\n",
            f"{cpu}/cpu0/cpufreq/cpuinfo_min_freq": "800000\n",
            f"{cpu}/cpu1/cpufreq/cpuinfo_min_freq": "700000\n",
            f"{cpu}/cpu0/cpufreq/cpuinfo_max_freq": "4600000\n",
            f"{cpu}/cpu1/cpufreq/cpuinfo_max_freq": "4700000\n",
            f"{cpu}/intel_pstate/no_turbo": "0\n",
            f"{cpu}/vulnerabilities/meltdown": "Not affected\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
        },
    )
    found = Facts([0, 1], tmp_path).all()
    assert found["cpu_model"] == "Some CPU @ 3.20GHz"
    assert found["cpu_set"] == [0, 1]
    assert found["kernel_parameters"] == ["mitigations=off", "isolcpus=2-3", "nosmt"]
    assert found["cgroup"] == "hybrid"
    assert found["sysctl"]["net.ipv4.ip_local_port_range"] == "32768 60999"
    assert found["distribution"] == "Debian GNU/Linux 12 (bookworm)"
    assert found["frequency"] == {
        "driver": "intel_pstate",
        "governor": "performance, powersave",
        "min_mhz": 700.0,
        "max_mhz": 4700.0,
        "turbo": True,
    }
    assert found["mitigations"] == {"meltdown": "Not affected"}
    assert (found["transparent_hugepage"], found["clock_source"]) == ("madvise", "tsc")


def test_what_is_not_there_is_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts.shutil, "which", lambda *_, **__: None)  # type: ignore[attr-defined]
    found = Facts([0], tmp_path).all()
    missing = {"cpu_model", "distribution", "cgroup", "clock_source", "mitigations", "transparent_hugepage", "smt"}
    assert {found[name] for name in missing} == {None}
    assert found["kernel_parameters"] is None
    assert set(found["frequency"].values()) == {None}
    assert found["sysctl"] == dict.fromkeys(SYSCTLS)
    assert found["virtualisation"] == {"vm": None, "container": None}


def test_the_command_prints_this_host(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--cpus", "0"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["cpu_set"] == [0]
    assert found["kernel"] == os.uname().release
    assert found["memory_total"] > 1 << 28
    assert found["sysctl"]["net.ipv4.tcp_fin_timeout"].isdigit()
    assert found["python"]["version"].startswith("3.")
    assert found["threads"] >= 1


def test_the_cpu_set_is_the_collectors(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"host": "h", "cpus": "0", "samples_dir": "/x", "live_path": "/x", "units": {}}))
    assert main(["--config", str(config)]) == 0
    assert json.loads(capfd.readouterr().out)["cpu_set"] == [0]
    assert main([]) == 0
    assert json.loads(capfd.readouterr().out)["cpu_set"] == sorted(os.sched_getaffinity(0))


@pytest.mark.parametrize("arguments", [["--cpus", "x"], ["--config", "/nowhere/c.json"]])
def test_bad_arguments_end_with_one_line(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), err[:7]) == ("", 1, "error: ")


@pytest.mark.parametrize(
    ("variables", "pgo", "lto"),
    [
        ({"CONFIG_ARGS": "'--enable-shared'", "CFLAGS": "-O3"}, False, False),
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, True, True),
        ({"CONFIG_ARGS": None, "PY_LDFLAGS": "-flto=auto", "PY_CFLAGS": "-fprofile-use"}, True, True),
    ],
)
def test_how_python_was_built(monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any], pgo: bool, lto: bool) -> None:
    monkeypatch.setattr(facts.sysconfig, "get_config_var", variables.get)  # type: ignore[attr-defined]
    build = python_build()
    assert (build["pgo"], build["lto"]) == (pgo, lto)


def test_a_second_python_is_told_as_its_bundle_says(tmp_path: Path) -> None:
    assert bundled(tmp_path) is None
    told = {"version": "3.13.0", "compiler": "GCC", "config_args": "", "pgo": True, "lto": False, "sha256": "ab"}
    (tmp_path / "BUNDLE.json").write_text(json.dumps({**told, "libc": "glibc-2.36", "prefix": "/root/somewhere"}))
    assert bundled(tmp_path) == {**told, "libc": "glibc-2.36"}
    (tmp_path / "BUNDLE.json").write_text("{")
    assert bundled(tmp_path) is None


@pytest.mark.parametrize(("name", "says", "found"), [
    ("mariadbd", "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu", ("mariadb", "10.11.14")),
    ("mysqld", "/usr/sbin/mysqld  Ver 8.0.43-0ubuntu0.20.04 for Linux on x86_64", ("mysql", "8.0.43")),
    ("mysqld", "what?", None),
    ("postgres", "Ver 15", None),
])  # fmt: skip
def test_the_database_is_named_with_its_version(
    tmp_path: Path, name: str, says: str, found: tuple[str, str] | None
) -> None:
    command = tmp_path / name
    command.write_text(f"#!/bin/sh\necho '{says}'\n")
    command.chmod(0o755)
    assert database(str(tmp_path)) == (found and {"engine": found[0], "version": found[1]})
