"""To which unit a control group belongs."""

from __future__ import annotations

import pytest

from collect.sampler.units import Membership

MEMBERSHIP = Membership(
    {"app": ["bench-app.service"], "redis": ["bench-redis.service"], "generator": ["bench-load@", "wrk.service"]}
)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (b"0::/system.slice/bench-app.service\n", "app"),
        (b"9:name=systemd:/system.slice/bench-redis.service\n1:cpu:/\n0::/system.slice/bench-redis.service\n", "redis"),
        (b"9:name=systemd:/system.slice/bench-app.service\n0::/\n", "app"),
        (b"9:name=systemd:/\n0::/system.slice/bench-app.service\n", "app"),
        (b"0::/machine.slice/x/payload/system.slice/bench-app.service/worker\n", "app"),
        (rb"0::/system.slice/system-bench\x2dload.slice/bench-load@worker-1.service" b"\n", "generator"),
        (b"0::/system.slice/wrk.service\n", "generator"),
        (b"0::/system.slice/bench-load.service\n", "other"),
        (b"0::/system.slice/bench-load@primary.socket\n", "other"),
        (b"0::/system.slice/my-bench-app.service\n", "other"),
        (b"0::/system.slice/ssh.service\n", "other"),
        (b"1:cpu:/system.slice/bench-app.service\n0::/\n", "other"),
        (b"", "other"),
    ],
)
def test_a_control_group_names_its_unit(text: bytes, unit: str) -> None:
    assert MEMBERSHIP.unit(text) == unit
