"""Quotas on a pretended host: systemctl is a script that writes to a folder as the kernel would show it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from collect.load.kernel import ConditionsError
from collect.load.quota import MEASURED, NONE, PREFIX, Quotas, seconds, values
from tests.support.generator import wait_until
from tests.support.venv38 import CHECKOUT

PROGRAM = CHECKOUT / "collect" / "load" / "conditions.py"
NAME = PREFIX + MEASURED

SYSTEMCTL = """#!/bin/bash
# Units are files in $HERE/units that hold their group; the slice has one while the unit runs that holds its place.
HERE=%(here)s
echo "$@" >> $HERE/calls
quota() {
  case %(version)s in
    2) [ "$2" = none ] && echo "max 100000" > $1/cpu.max || echo "$(($2 * 100)) 10000" > $1/cpu.max ;;
    1) echo 10000 > $1/cpu.cfs_period_us
       [ "$2" = none ] && echo -1 > $1/cpu.cfs_quota_us || echo $(($2 * 100)) > $1/cpu.cfs_quota_us ;;
  esac
}
case $1 in
  show) [ $3 = ControlGroup ] && kept=units || kept=planned; cat $HERE/$kept/$5 2>/dev/null; echo ;;
  start) slice=bench-measured.slice; mkdir -p $HERE/group/$slice; echo /$slice > $HERE/units/$slice
    quota $HERE/group/$slice none
    printf 'nr_periods 100\\nnr_throttled 40\\n%(stalled)s\\n' > $HERE/group/$slice/cpu.stat ;;
  stop) rm -rf $HERE/group/*; rm -f $HERE/units/* ;;
  set-property) value=${4//[^0-9]/}
    if [ -d $HERE/group/$3 ]; then %(refuse)s quota $HERE/group/$3 ${value:-none}
    else [ -n "$value" ] && echo "${value}0ms" > $HERE/planned/$3 || rm -f $HERE/planned/$3; fi ;;
esac
"""


@dataclass
class Host:
    folder: Path
    mounts: Path

    @property
    def quotas(self) -> Quotas:
        return Quotas(self.mounts)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


Make = Callable[..., Host]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(version: int = 2, *, refuse: bool = False) -> Host:
        for name in ("units", "planned", "group", "bin"):
            (tmp_path / name).mkdir()
        stalled = {2: "throttled_usec 1500000", 1: "throttled_time 1500000000"}[version]
        script = tmp_path / "bin" / "systemctl"
        ignored = "true ||" if refuse else ""
        script.write_text(SYSTEMCTL % {"here": tmp_path, "version": version, "stalled": stalled, "refuse": ignored})
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        kind = {2: "cgroup2 rw,nosuid", 1: "cgroup ro,nosuid,cpu,cpuacct"}[version]
        (tmp_path / "mounts").write_text(
            f"proc /proc proc rw 0 0\ncgroup /nowhere cgroup rw,memory 0 0\ncgroup {tmp_path / 'group'} {kind} 0 0\n"
        )
        return Host(tmp_path, tmp_path / "mounts")

    return made


@pytest.mark.parametrize("version", [1, 2])
def test_a_quota_is_what_the_kernel_says_it_is_and_can_be_taken_back(make: Make, version: int) -> None:
    quotas = make(version).quotas
    assert quotas.read(MEASURED) == NONE
    quotas.write(MEASURED, "0.67")
    assert quotas.read(MEASURED) == "0.67"
    quotas.write(MEASURED, "1.34")
    assert quotas.read(MEASURED) == "1.34"
    assert quotas.stalls(MEASURED) == {"periods": 100, "throttled": 40, "throttled_s": 1.5}
    quotas.write(MEASURED, NONE)
    assert quotas.read(MEASURED) == NONE


def test_a_period_is_short_and_nothing_is_kept_beyond_a_boot(make: Make) -> None:
    host = make()
    host.quotas.write(MEASURED, "0.5")
    (call,) = [call for call in host.calls() if call.startswith("set-property")]
    assert call == f"set-property --runtime {MEASURED} CPUQuota=50% CPUQuotaPeriodSec=10000us"


def test_what_is_so_already_is_left_alone(make: Make) -> None:
    host = make()
    host.quotas.write(MEASURED, NONE)
    assert not [call for call in host.calls() if not call.startswith(("show", "stop"))]


def test_a_service_that_does_not_run_yet_has_what_systemd_plans_for_it(make: Make) -> None:
    quotas = make().quotas
    quotas.write("bench-app.service", "0.67")
    assert quotas.read("bench-app.service") == "0.67"
    quotas.write("bench-app.service", NONE)
    assert quotas.read("bench-app.service") == NONE


@pytest.mark.parametrize("version", [1, 2])
def test_a_service_that_ends_while_it_is_asked_after_has_what_systemd_says(
    make: Make, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    host = make(version)
    host.quotas.write(MEASURED, "0.67")
    assert host.quotas.read(MEASURED) == "0.67"

    def gone(path: Path, *_: object, **__: object) -> str:
        if path.name.startswith("cpu."):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return read_text(path)

    read_text = Path.read_text
    monkeypatch.setattr(Path, "read_text", gone)
    assert host.quotas.read(MEASURED) == NONE
    assert host.quotas.stalls(MEASURED) == {}


def test_a_kernel_that_does_not_grant_it_is_not_believed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collect.load.quota.SETTLE_S", 0.2)
    with pytest.raises(ConditionsError, match=r"grants bench-measured.slice none cores after 0.67 .*: let systemd"):
        make(refuse=True).quotas.write(MEASURED, "0.67")


def test_a_systemctl_that_fails_is_told_in_its_own_words(make: Make) -> None:
    host = make()
    (host.folder / "bin" / "systemctl").write_text("#!/bin/sh\necho 'Access denied' >&2; exit 4\n")
    with pytest.raises(ConditionsError, match=r"systemctl show .*: Access denied"):
        host.quotas.read(MEASURED)


def test_a_trial_has_its_quota_and_the_host_is_as_before(make: Make, tmp_path: Path) -> None:
    host = make()
    folder, sysctls = tmp_path / "run", tmp_path / "sys"
    folder.mkdir()
    wanted = {"cpu_quota": {"share": 0.67, "processes": {}}, "deadline_s": 20, "guard_pid": os.getpid()}
    (folder / "wanted.json").write_text(json.dumps(wanted))
    command = [sys.executable, str(PROGRAM), "hold", str(folder), str(sysctls), str(host.mounts)]
    cores = f"{round(67 * len(os.sched_getaffinity(0))) / 100:.4g}"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: (folder / "report.json").exists())
        assert host.quotas.read(MEASURED) == cores
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
    report = json.loads((folder / "report.json").read_text())
    told = {name: report[name] for name in ("set", "before", "after", "restored")}
    assert told == {"set": {NAME: cores}, "before": {NAME: NONE}, "after": {NAME: NONE}, "restored": True}
    assert report["quota"] == {"share": 0.67, "period_us": 10000, "periods": 0, "throttled": 0, "throttled_s": 0}
    assert host.quotas.read(MEASURED) == NONE


def test_restore_after_a_kill_takes_the_quota_back(make: Make, tmp_path: Path) -> None:
    host = make()
    host.quotas.write(MEASURED, "0.67")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "undo.json").write_text(json.dumps({NAME: NONE}))
    command = [sys.executable, str(PROGRAM), "restore", str(folder), str(tmp_path / "sys"), str(host.mounts)]
    subprocess.run(command, check=True)
    assert host.quotas.read(MEASURED) == NONE
    assert not (folder / "undo.json").exists()


@pytest.mark.parametrize(
    ("cpus", "wanted"),
    [
        (1, {MEASURED: "0.67"}),
        (2, {MEASURED: "1.34", "bench-redis.service": "0.67"}),
        (4, {MEASURED: "2.68", "bench-redis.service": "0.67", "bench-app.service": "1.34"}),
    ],
)
def test_each_cpu_is_as_slow_as_the_share_also_for_who_fills_but_one(cpus: int, wanted: dict[str, str]) -> None:
    given = {"share": 0.67, "processes": {"bench-redis.service": 1, "bench-app.service": 2}}
    assert values(given, cpus) == {PREFIX + unit: cores for unit, cores in wanted.items()}


@pytest.mark.parametrize(("text", "value"), [("670ms", 0.67), ("1s 340ms", 1.34), ("2s", 2.0), ("1min 6s", 66.0)])
def test_systemds_spans_of_time(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)
