from __future__ import annotations

import json
import re

import pytest

from tests.support.apps import start
from tests.support.checkout import Checkout
from tests.support.hosts import Hosts
from tests.support.units import shown

pytestmark = pytest.mark.hosts

UNITS = {
    "bench-app.service": "server1",
    "bench-redis.service": "server1",
    "bench-load@primary.service": "client1",
    "bench-collector.service": "server1",
}
HARDENED = {
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "LimitNOFILE": "65536",
    "UMask": "0027",
}
FLASK = {
    "framework": "flask",
    "server": "werkzeug",
    "client": "new",
    "response": "text",
    "access_log": True,
    "debug": False,
    "processes": 1,
}
VERSIONS = {
    ("server1", "app"): {"flask": "2.3.2", "starlette": "0.28.0", "uvicorn": "0.22.0", "redis": "4.5.5"},
    ("client1", "load"): {"locust": "2.15.1", "requests": "2.31.0", "gevent": "22.10.2"},
    ("server1", "collector"): {"psutil": "5.9.5"},
    ("client1", "collector"): {"psutil": "5.9.5"},
}


def test_check_mode_finds_nothing_to_change(provisioned: Checkout) -> None:
    played = provisioned.play("playbooks/site.yml", "--check", "--diff")
    assert played.changed == 0


def test_check_mode_shows_what_would_change_but_no_secret(provisioned: Checkout) -> None:
    password = provisioned.on("server1", "cat /etc/bench/redis.password").strip()
    given = ("-e", "redis_password=another-secret", "-e", "collector_interval_s=2.0")
    played = provisioned.play("playbooks/site.yml", "--check", "--diff", *given)
    assert played.changed > 0
    assert '"interval_s": 2.0' in played.output
    assert "another-secret" not in played.output
    assert password not in played.output
    assert provisioned.on("server1", "cat /etc/bench/redis.password").strip() == password


def test_a_second_run_mends_what_was_undone_and_changes_nothing_else(provisioned: Checkout) -> None:
    """What was removed by hand is made again, and a service that missed a change is restarted.

    The latter is as after a run that was killed between a change and the restart that it called for.
    """
    before = shown(provisioned, "server1", "bench-collector.service", ["MainPID"])
    provisioned.on("server1", "touch /etc/bench/collector.json")
    provisioned.on("client1", "rm -r /run/bench/load.d /opt/bench/load /etc/systemd/system/bench-load@.service")
    recap = provisioned.play("playbooks/site.yml").recap
    changed = {host: recap[host].changed for host in recap}
    assert changed == {"localhost": 0, "server1": 1, "client1": 2}
    provisioned.on("client1", "test -d /run/bench/load.d && test -f /opt/bench/load/locustfile.py")
    assert shown(provisioned, "client1", "bench-load@primary.service", ["LoadState"]) == {"LoadState": "loaded"}
    assert shown(provisioned, "server1", "bench-collector.service", ["MainPID"]) != before


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_is_hardened(provisioned: Checkout, unit: str) -> None:
    assert shown(provisioned, UNITS[unit], unit, list(HARDENED)) == HARDENED
    one = shown(
        provisioned, UNITS[unit], unit, ["User", "Group", "SystemCallFilter", "RestrictAddressFamilies", "LoadState"]
    )
    user = unit.split("@")[0].removesuffix(".service")
    assert (one["User"], one["Group"], one["LoadState"]) == (user, user, "loaded")
    assert "mount" not in one["SystemCallFilter"].split()
    assert "AF_INET" in one["RestrictAddressFamilies"].split()
    assert "AF_PACKET" not in one["RestrictAddressFamilies"].split()


def test_capabilities_are_the_collectors_alone(provisioned: Checkout) -> None:
    names = ["CapabilityBoundingSet", "AmbientCapabilities"]
    read = "cap_dac_read_search cap_sys_ptrace"
    for unit, host in UNITS.items():
        wanted = read if unit == "bench-collector.service" else ""
        found = shown(provisioned, host, unit, names)
        assert {name: " ".join(sorted(value.split())) for name, value in found.items()} == dict.fromkeys(names, wanted)


def test_the_apps_unit_is_a_trials_to_start(provisioned: Checkout) -> None:
    unit = shown(
        provisioned,
        "server1",
        "bench-app.service",
        ["Type", "UnitFileState", "Restart", "TimeoutStopUSec", "EnvironmentFiles"],
    )
    assert unit["Type"] == "exec"
    assert unit["UnitFileState"] == "static"
    assert unit["Restart"] == "no"
    assert unit["TimeoutStopUSec"] == "2s"


def test_units_stay_on_the_hosts_cpus(provisioned: Checkout) -> None:
    for unit, host in UNITS.items():
        cpus = json.loads(provisioned.on(host, "cat /etc/bench/collector.json"))["cpus"]
        assert shown(provisioned, host, unit, ["CPUAffinity"]) == {"CPUAffinity": cpus}


def test_the_interpreter_is_the_same_everywhere(provisioned: Checkout) -> None:
    listing = "cd /opt/bench/python3.8 && find . -type f | sort | xargs sha256sum | sha256sum"
    assert provisioned.on("server1", listing) == provisioned.on("client1", listing)
    facts = json.loads(provisioned.on("server1", "cat /opt/bench/python3.8/BUNDLE.json"))
    assert re.fullmatch(r"[0-9a-f]{64}", facts["sha256"])
    assert {facts["pgo"], facts["lto"]} <= {True, False}
    assert provisioned.on("server1", "/opt/bench/python3.8/bin/python3.8 --version") == f"Python {facts['version']}\n"


@pytest.mark.parametrize(("host", "name"), VERSIONS)
def test_packages_are_those_of_the_articles_day(provisioned: Checkout, host: str, name: str) -> None:
    program = (
        "import json, sys; from importlib.metadata import distributions as all;"
        " print(json.dumps([sys.version_info[:2], {d.metadata['Name'].lower(): d.version for d in all()}]))"
    )
    version, packages = json.loads(provisioned.on(host, f'/opt/bench/venvs/{name}/bin/python -c "{program}"'))
    assert version == [3, 8]
    assert packages.items() >= VERSIONS[host, name].items()
    assert "pip" not in packages


def test_the_environments_are_the_clients_own(provisioned: Checkout) -> None:
    on_server = set(provisioned.on("server1", "ls /opt/bench/venvs | grep -vE -- '-[0-9a-f]{12}$'").split())
    assert on_server - {"app-modern"} == {"app", "collector"}, "app-modern is there where a plan needed it"
    assert provisioned.on("client1", "ls /opt/bench/venvs | grep -v -- -").split() == ["collector", "load"]


def test_services_write_only_where_they_may(provisioned: Checkout, kept: Hosts) -> None:
    app = start(kept, FLASK, 20600)
    writable = (
        "for d in /opt/bench /etc/bench /run/bench /var/lib/bench /var/log/bench; do test -w $d && echo $d; done; true"
    )
    enter = f"nsenter --target {app.started['pid']} --mount --setuid $(id -u bench-app) --setgid $(id -g bench-app)"
    assert provisioned.on("server1", f"{enter} sh -c '{writable}'") == ""
