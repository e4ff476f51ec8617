"""What a profile does to real hosts: in force during the load, gone after it, whatever ended the trial."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from subprocess import Popen
from typing import Any

import pytest

from tests.support.bench import RUN, SMALL, measure, until_load, write_plan
from tests.support.checkout import Checkout
from tests.support.generator import wait_until

pytestmark = pytest.mark.hosts

NAMES = ("ip_local_port_range", "tcp_tw_reuse", "ip_local_reserved_ports")
DEFAULTS = ["32768 60999", "2", ""]
CONTROLLED = ["1024 65535", "1", "5557"]
CELL = {**SMALL["cells"][0], "variant": "starlette-uvicorn", "generator": "locust-fast"}
BURNING = {
    "burning": {
        "client_sysctls": {},
        "burn": {"client": {"duty": 0.4, "from_s": 1, "to_s": 3}, "server": {"duty": 0.3}},
    }
}


def settings(checkout: Checkout) -> list[str]:
    """Return the client's settings that the profile ``controlled`` changes."""
    names = " ".join(NAMES)
    said = checkout.on("client1", f"cd /proc/sys/net/ipv4; for name in {names}; do xargs < $name; done")
    return said.removesuffix("\n").split("\n")


def host_conditions(checkout: Checkout, host: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(checkout.on(host, "cat /run/bench/conditions/report.json"))
    return report


@contextlib.contextmanager
def under_load(checkout: Checkout, **changes: Any) -> Iterator[Popen[str]]:
    """Measure one trial; the body runs when its window has begun."""
    plan = write_plan(checkout, cells=[{**CELL, "profile": "controlled"}], **changes)
    with checkout.start("ansible-playbook", RUN, "-e", f"plan={plan}") as process:
        until_load(checkout, process)
        yield process
        process.communicate(timeout=120)


def test_controlled_holds_for_its_trial_alone(provisioned: Checkout) -> None:
    assert settings(provisioned) == DEFAULTS
    with under_load(provisioned, window_s=3):
        assert settings(provisioned) == CONTROLLED
    assert settings(provisioned) == DEFAULTS
    report = host_conditions(provisioned, "client1")
    assert report["restored"] is True
    assert [report["set"][f"net.ipv4.{name}"] for name in NAMES] == CONTROLLED
    assert [report["after"][f"net.ipv4.{name}"] for name in NAMES] == DEFAULTS


@pytest.mark.alone
def test_burners_take_their_share_of_their_side(provisioned: Checkout) -> None:
    measure(provisioned, cells=[{**CELL, "profile": "burning"}], catalog={"profiles": BURNING}, window_s=4)
    client, server = (host_conditions(provisioned, host)["burn"] for host in ("client1", "server1"))
    assert client["ended_unix_s"] - client["began_unix_s"] == pytest.approx(2, abs=0.2)
    # No more than the share; less where this machine has other work.
    assert 0.4 < client["cpu_s"] / len(client["cpus"]) < 0.85
    assert server["ended_unix_s"] - server["began_unix_s"] > 4
    for host in ("client1", "server1"):
        assert provisioned.on(host, "systemctl is-active bench-conditions || true").strip() == "inactive"


@pytest.mark.parametrize("what", ["watch", "unit", "ansible-playbook"])
def test_killed_in_the_middle(provisioned: Checkout, what: str) -> None:
    """kill -9 of the watch, of the program that holds the conditions, or of the control node's process."""
    on_client = {
        "watch": "pkill -KILL -f '[w]atch.py'",
        "unit": "systemctl kill --signal=KILL bench-conditions.service",
    }
    with under_load(provisioned, window_s=6) as process:
        assert settings(provisioned) == CONTROLLED
        if what in on_client:
            provisioned.on("client1", on_client[what])
        else:
            process.send_signal(signal.SIGKILL)
        wait_until(lambda: settings(provisioned) == DEFAULTS, 5)
    assert process.returncode != 0
    assert provisioned.on("client1", "ls /run/bench/conditions").split().count("undo.json") == 0


def test_a_setting_that_is_not_there_fails_the_trial_with_a_line(provisioned: Checkout) -> None:
    profile = {"odd": {"client_sysctls": {"net.ipv4.tcp_tw_reuse": "1", "net.ipv4.no_such_setting": "1"}}}
    played = measure(provisioned, cells=[{**CELL, "profile": "odd"}], catalog={"profiles": profile}, fails=True)
    told = played.output.strip().splitlines()[-1]
    for part in ("net.ipv4.no_such_setting cannot be read", "(client1)", "take it out of the profile", "resume="):
        assert part in told, played.output
    assert settings(provisioned) == DEFAULTS
