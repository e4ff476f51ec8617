"""The database on the server host: which it is, who may do what, what it keeps, and what the collector tells of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.conftest import NEEDS
from tests.integration.test_collector import rows
from tests.integration.test_site import HARDENED
from tests.support.checkout import Checkout
from tests.support.units import shown

pytestmark = pytest.mark.hosts

UNIT = "bench-database.service"
SOCKET = "/run/bench/database/database.sock"
WITH_PASSWORD = 'MYSQL_PWD="$(cat /etc/bench/database.password)"'
AS_BENCH = f"{WITH_PASSWORD} mariadb --no-defaults -h127.0.0.1 -ubench -BN bench"
AS_ROOT = f"mariadb --no-defaults --socket={SOCKET} -uroot -BN"


def ask(checkout: Checkout, sql: str, client: str = AS_ROOT) -> list[list[str]]:
    """Return the rows of the answer to some SQL."""
    said = checkout.on("server1", f"{client} <<'END'\n{sql}\nEND")
    return [line.split("\t") for line in said.splitlines()]


def refusal(checkout: Checkout, sql: str, client: str = AS_BENCH) -> str:
    """Return what the database says to SQL that it must refuse."""
    return checkout.on("server1", f'! {client} -e "{sql}" 2>&1').strip()


def test_it_is_the_version_with_the_table(with_database: Checkout) -> None:
    ((version, engine, character_set),) = ask(
        with_database,
        "SELECT VERSION(), ENGINE, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_NAME='student'",
    )
    assert version.startswith("10.11.")
    assert (engine, character_set.split("_")[0]) == ("InnoDB", "utf8mb4")
    assert [column[:2] for column in ask(with_database, "SHOW COLUMNS FROM bench.student")] == [
        ["id", "int(11)"],
        ["name", "varchar(50)"],
    ]


def test_it_listens_on_the_loopback_and_its_socket_alone(with_database: Checkout) -> None:
    (pid,) = shown(with_database, "server1", UNIT, ["MainPID"]).values()
    lines = with_database.on("server1", f"ss -Hlnp | grep 'pid={pid},'").splitlines()
    assert {line.split()[4] for line in lines} == {"127.0.0.1:3306", SOCKET}
    address = with_database.addresses()["server1"]["bench_load_address"]
    connect = f"import socket; socket.create_connection(('{address}', 3306), 3)"
    assert "Connection refused" in with_database.on("client1", f'python3 -c "{connect}" 2>&1 || true')


def test_there_are_no_other_accounts(with_database: Checkout) -> None:
    accounts = ask(with_database, "SELECT CONCAT(User, '@', Host), plugin FROM mysql.user ORDER BY 1")
    assert accounts == [
        ["bench-collector@localhost", "unix_socket"],
        ["bench@127.0.0.1", "mysql_native_password"],
        ["mariadb.sys@localhost", "mysql_native_password"],
        ["root@localhost", "unix_socket"],
    ]
    locked = "SELECT JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv WHERE User = 'mariadb.sys'"
    assert ask(with_database, locked) == [["1"]]
    assert {name for (name,) in ask(with_database, "SHOW DATABASES")} == {
        "bench", "information_schema", "mysql", "performance_schema", "sys",
    }  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM student",
        "UPDATE student SET name = 'x'",
        "TRUNCATE student",
        "DROP TABLE student",
        "CREATE TABLE other (id INT)",
        "SELECT * FROM mysql.global_priv",
        "SELECT name INTO OUTFILE '/tmp/x' FROM student",
        "SET GLOBAL max_connections = 1",
        "SHUTDOWN",
    ],
)
def test_the_apps_may_read_and_add_students_and_no_more(with_database: Checkout, sql: str) -> None:
    assert "denied" in refusal(with_database, sql)


def test_the_apps_may_do_what_they_must(with_database: Checkout) -> None:
    ask(with_database, "INSERT INTO student (name) VALUES ('Zoë 🎓')", AS_BENCH)
    assert ask(with_database, "SELECT name FROM student ORDER BY id DESC LIMIT 1", AS_BENCH) == [["Zoë 🎓"]]
    assert ask(with_database, "SELECT BENCHMARK(1000, SHA2('x', 256))", AS_BENCH) == [["0"]]


def test_who_is_somebody_else_does_not_get_in(with_database: Checkout) -> None:
    for client in (
        AS_BENCH.replace(WITH_PASSWORD, "MYSQL_PWD=wrong"),
        AS_BENCH.replace("-ubench", "-unobody"),
        AS_BENCH.replace("-h127.0.0.1", f"-S{SOCKET}"),
        "setpriv --reuid=bench-app --regid=bench-app --clear-groups " + AS_ROOT,
        "setpriv --reuid=bench-app --regid=bench-app --clear-groups " + AS_ROOT.replace("-uroot", "-ubench-collector"),
    ):
        assert "Access denied" in refusal(with_database, "SELECT 1", client), client
    modes = "stat -c '%a %U %G' /etc/bench/database.password /etc/bench/database.sql /etc/bench/app.env"
    assert with_database.on("server1", modes) == "640 root bench\n640 root bench-database\n600 root root\n"
    assert "PASSWORD" not in with_database.on("server1", f"systemctl show {UNIT}").upper()


def test_the_apps_are_told_where_it_is(with_database: Checkout) -> None:
    environment = dict(
        line.split("=", 1) for line in with_database.on("server1", "grep ^DATABASE_ /etc/bench/app.env").splitlines()
    )
    password = with_database.on("server1", "cat /etc/bench/database.password").strip()
    assert environment == {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "3306",
        "DATABASE_SOCKET": SOCKET,
        "DATABASE_NAME": "bench",
        "DATABASE_USER": "bench",
        "DATABASE_PASSWORD": password,
    }


def test_it_is_hardened_as_the_others_are(with_database: Checkout) -> None:
    assert shown(with_database, "server1", UNIT, list(HARDENED)) == HARDENED
    names = ["User", "CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies", "CPUAffinity"]
    found = shown(with_database, "server1", UNIT, names)
    assert (found["User"], found["CapabilityBoundingSet"], found["AmbientCapabilities"]) == ("bench-database", "", "")
    assert set(found["RestrictAddressFamilies"].split()) == {"AF_INET", "AF_UNIX"}
    assert found["CPUAffinity"] == json.loads(with_database.on("server1", "cat /etc/bench/collector.json"))["cpus"]


def exposure(checkout: Checkout, unit: str) -> float:
    """Return systemd's own mark of how much a unit lets its process do, from 0 (nothing) to 10."""
    said = checkout.on("server1", f"systemd-analyze security --no-pager {unit} | tail -n 1")
    return float(said.partition("level for")[2].split()[1])


def test_systemd_finds_it_no_more_exposed_than_redis(with_database: Checkout) -> None:
    assert exposure(with_database, UNIT) <= exposure(with_database, "bench-redis.service") < 3


def test_it_keeps_its_defaults_for_durability_and_its_io_under_the_hardening(with_database: Checkout) -> None:
    wanted = {
        "innodb_flush_log_at_trx_commit": "1",
        "innodb_doublewrite": "ON",
        "query_cache_type": "OFF",
        "log_bin": "OFF",
        "innodb_use_native_aio": "ON",
    }
    values = ask(with_database, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN {tuple(wanted)}")
    assert dict(values) == wanted
    (limit,) = ask(with_database, "SELECT @@max_connections")
    assert limit == ["1000"], "open files suffice for them"
    # After a crash it would give a copy of its log the owner that the copy has already; it does without.
    since_its_start = f"_SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID {UNIT})"
    said = with_database.on("server1", f"journalctl --no-pager -o cat {since_its_start}")
    assert "ready for connections" in said
    assert [line for line in said.splitlines() if "[ERROR]" in line and "Can't copy ownership" not in line] == []


def test_what_is_committed_is_there_after_a_crash_and_the_accounts_are_put_back(with_database: Checkout) -> None:
    ask(with_database, "TRUNCATE bench.student; DROP USER 'bench-collector'@'localhost'")
    ask(with_database, "INSERT INTO student (name) VALUES ('kept')", AS_BENCH)
    ask(with_database, "SET PASSWORD FOR 'bench'@'127.0.0.1' = PASSWORD('another')")
    assert "Access denied" in refusal(with_database, "SELECT 1")
    (pid,) = shown(with_database, "server1", UNIT, ["MainPID"]).values()
    with_database.on("server1", f"kill -9 {pid}; sleep 1")
    unit = shown(with_database, "server1", UNIT, ["ActiveState", "Restart", "UnitFileState", "Type"])
    assert unit == {"ActiveState": "failed", "Restart": "no", "UnitFileState": "static", "Type": "notify"}
    with_database.on("server1", f"systemctl start {UNIT}")
    assert ask(with_database, "SELECT id, name FROM student", AS_BENCH) == [["1", "kept"]]
    assert ask(with_database, "SELECT User FROM mysql.user WHERE User = 'bench-collector'") == [["bench-collector"]]


def now(checkout: Checkout) -> float:
    return float(checkout.on("server1", "date +%s.%N"))


def latest(checkout: Checkout, since: float, count: int = 2) -> list[dict[str, Any]]:
    """Return rows of the server's collector that were due after ``since`` and tell of the database."""
    deadline = time.monotonic() + 20
    while len(found := [row for row in rows(checkout, "server1", since) if row["database"]]) < count:
        assert time.monotonic() < deadline, rows(checkout, "server1", since)[-2:]
        time.sleep(0.5)
    return found


def test_the_collector_counts_what_was_asked_and_nothing_else(with_database: Checkout) -> None:
    before = latest(with_database, now(with_database))[-1]
    statements = "SELECT * FROM student;" * 40 + "INSERT INTO student (name) VALUES ('a');" * 9
    ask(with_database, statements, AS_BENCH)
    after = latest(with_database, now(with_database), 3)[-1]
    told = {key: after["database"][key] - before["database"][key] for key in ("selects", "inserts")}
    assert told == {"selects": 40, "inserts": 9}
    assert after["database"]["threads"] == 1, "the collector's own connection"
    assert 0 <= after["database"]["t"] - after["tick"] < 1
    assert (after["units"]["database"]["procs"], after["units"]["database"]["threads"] > 5) == (1, True)
    assert after["units"]["database"]["rss"] > 20 << 20


def test_the_collector_survives_a_database_that_stops(with_database: Checkout) -> None:
    latest(with_database, 0)
    before = shown(with_database, "server1", "bench-collector.service", ["MainPID"])
    with_database.on("server1", f"systemctl stop {UNIT}; sleep 3")
    row = rows(with_database, "server1", 0)[-1]
    assert (row["database"], row["units"]["database"]["procs"], row["missed"]) == (None, 0, 0)
    with_database.on("server1", f"systemctl start {UNIT}")
    assert latest(with_database, now(with_database))
    assert shown(with_database, "server1", "bench-collector.service", ["MainPID"]) == before


def test_clients_have_none_of_it(with_database: Checkout) -> None:
    config = json.loads(with_database.on("client1", "cat /etc/bench/collector.json"))
    assert config["database"] is None
    assert with_database.on("client1", f"systemctl show -p LoadState {UNIT}") == "LoadState=not-found\n"


def test_a_second_run_and_a_dry_run_change_nothing(with_database: Checkout) -> None:
    assert with_database.play("playbooks/site.yml", "-e", NEEDS).changed == 0
    other = ("-e", NEEDS, "-e", "database_password=another-secret")
    played = with_database.play("playbooks/site.yml", "--check", "--diff", *other)
    assert played.changed > 0
    password = with_database.on("server1", "cat /etc/bench/database.password").strip()
    assert "another-secret" not in played.output
    assert password not in played.output
    assert with_database.play("playbooks/site.yml", "--check", "--diff", "-e", NEEDS).changed == 0


def test_it_rests_while_nothing_needs_it(with_database: Checkout) -> None:
    ask(with_database, "INSERT INTO student (name) VALUES ('rested')", AS_BENCH)
    try:
        changed = with_database.play("playbooks/site.yml").changed
        assert changed == 4, "the database, what the apps know, what the collector does, and that it starts anew"
        assert shown(with_database, "server1", UNIT, ["ActiveState"]) == {"ActiveState": "inactive"}
        assert with_database.on("server1", "grep -c ^DATABASE_ /etc/bench/app.env || true") == "0\n"
        assert with_database.play("playbooks/site.yml").changed == 0
    finally:
        with_database.play("playbooks/site.yml", "-e", NEEDS)
    assert ask(with_database, "SELECT name FROM student ORDER BY id DESC LIMIT 1", AS_BENCH) == [["rested"]]
