from __future__ import annotations

import pytest

from tests.support.checkout import Checkout
from tests.support.units import shown

pytestmark = pytest.mark.hosts

CLI = "/opt/bench/redis/bin/redis-cli"
WITH_PASSWORD = 'REDISCLI_AUTH="$(cat /etc/bench/redis.password)"'


def ask(checkout: Checkout, command: str) -> str:
    return checkout.on("server1", f"{WITH_PASSWORD} {CLI} {command} 2>&1").strip()


def test_it_is_the_articles_version_with_the_key(provisioned: Checkout) -> None:
    assert "redis_version:5.0.7\n" in provisioned.on("server1", f"{WITH_PASSWORD} {CLI} INFO server")
    assert ask(provisioned, "GET name") == "async-bench"


def test_it_listens_on_the_loopback_alone(provisioned: Checkout) -> None:
    listening = provisioned.on("server1", "ss -Hltn 'sport = :6379'").split()
    assert [word for word in listening if word.endswith(":6379")] == ["127.0.0.1:6379"]
    address = provisioned.addresses()["server1"]["bench_load_address"]
    connect = f"import socket; socket.create_connection(('{address}', 6379), 3)"
    assert "Connection refused" in provisioned.on("client1", f'python3 -c "{connect}" 2>&1 || true')


def test_it_answers_only_who_knows_the_password(provisioned: Checkout) -> None:
    assert provisioned.on("server1", f"{CLI} GET name 2>&1").strip().startswith("NOAUTH")
    assert provisioned.on(
        "server1", "stat -c '%a %U %G' /etc/bench/redis.password /etc/bench/redis.conf /etc/bench/app.env"
    ) == ("640 root bench\n640 root bench-redis\n600 root root\n")


@pytest.mark.parametrize(
    "command", ["FLUSHALL", "FLUSHDB", "CONFIG GET dir", "DEBUG SLEEP 0", "SHUTDOWN", "EVAL 1 0", "KEYS '*'"]
)
def test_dangerous_commands_are_forgotten(provisioned: Checkout, command: str) -> None:
    assert ask(provisioned, command).startswith("ERR unknown command")


def test_nothing_is_kept_on_disk_and_the_key_is_back_after_a_restart(provisioned: Checkout) -> None:
    provisioned.on("server1", "systemctl restart bench-redis.service")
    assert ask(provisioned, "GET name") == "async-bench"
    assert provisioned.on("server1", "ls -A /var/lib/bench/redis") == ""


def test_it_stays_away_once_it_died(provisioned: Checkout) -> None:
    unit = shown(provisioned, "server1", "bench-redis.service", ["Restart", "UnitFileState", "Type"])
    assert unit == {"Restart": "no", "UnitFileState": "enabled", "Type": "notify"}
