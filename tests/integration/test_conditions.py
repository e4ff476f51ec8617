"""What a profile does to real hosts: burners take their share, and what cannot be set is told.

That it holds for its trials alone, whatever ends them, is shown with what is tuned meanwhile (test_tuning.py).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.bench import SMALL, measure
from tests.support.checkout import Checkout
from tests.support.conditions import DEFAULTS, settings

pytestmark = pytest.mark.hosts

CELL = {**SMALL["cells"][0], "variant": "starlette-uvicorn", "generator": "locust-fast"}
BURNING = {
    "burning": {
        "client_sysctls": {},
        "burn": {"client": {"duty": 0.4, "from_s": 1, "to_s": 3}, "server": {"duty": 0.3}},
    }
}


def host_conditions(checkout: Checkout, host: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(checkout.on(host, "cat /run/bench/conditions/report.json"))
    return report


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


def test_a_setting_that_is_not_there_fails_the_trial_with_a_line(provisioned: Checkout) -> None:
    profile = {"odd": {"client_sysctls": {"net.ipv4.tcp_tw_reuse": "1", "net.ipv4.no_such_setting": "1"}}}
    played = measure(provisioned, cells=[{**CELL, "profile": "odd"}], catalog={"profiles": profile}, fails=True)
    told = played.output.strip().splitlines()[-1]
    for part in ("net.ipv4.no_such_setting cannot be read", "(client1)", "take it out of the profile", "resume="):
        assert part in told, played.output
    assert settings(provisioned) == DEFAULTS
