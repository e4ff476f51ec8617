"""What is wrong with the database is said in one line, before anything is measured."""

from __future__ import annotations

import json

import pytest

from tests.conftest import NEEDS
from tests.faults.test_provisioning import the_error
from tests.integration.test_database import AS_ROOT, UNIT, ask
from tests.support.checkout import Checkout
from tests.support.units import shown

pytestmark = pytest.mark.hosts

SITE = "playbooks/site.yml"
DATABASE = ("--tags", "database", "-e", NEEDS)
"""Its part of it, where the rest would show nothing."""
COMMANDS = "/usr/sbin/mariadbd", "/usr/bin/mariadb"
MYSQL = json.dumps({**json.loads(NEEDS), "database_engine": "mysql"})


def test_its_port_is_taken_by_somebody_else(with_database: Checkout) -> None:
    with_database.on("server1", f"systemctl stop {UNIT}")
    with_database.on(
        "server1", "systemd-run --quiet --unit=squatter python3 -m http.server --bind 127.0.0.1 3306; sleep 1"
    )
    try:
        error = the_error(with_database.play(SITE, "-e", NEEDS, fails=True))
        assert "port 3306, for the database, is taken by squatter.service (server1)" in error
        assert "choose another port by database_port" in error
    finally:
        with_database.on("server1", "systemctl stop squatter.service")
    with_database.play(SITE, *DATABASE)
    assert shown(with_database, "server1", UNIT, ["ActiveState"]) == {"ActiveState": "active"}


def test_it_does_not_start(with_database: Checkout) -> None:
    folder = "/var/lib/bench/database/mariadb"
    with_database.on("server1", f"systemctl stop {UNIT}; mv {folder}/ibdata1 {folder}/away")
    try:
        error = the_error(with_database.play(SITE, *DATABASE, fails=True))
        assert "it does not start, it says: " in error
        assert f"({UNIT} on server1)" in error
    finally:
        with_database.on("server1", f"rm -f {folder}/ibdata1; mv {folder}/away {folder}/ibdata1")
    with_database.play(SITE, *DATABASE)


def test_the_password_is_another(with_database: Checkout) -> None:
    ask(with_database, "SET PASSWORD FOR 'bench'@'127.0.0.1' = PASSWORD('another')")
    error = the_error(with_database.play(SITE, *DATABASE, fails=True))
    assert "the database does not answer rightly: ERROR 1045 (28000): Access denied for user 'bench'" in error
    assert f"(port 3306 on server1): restart {UNIT} there" in error
    with_database.on("server1", f"systemctl restart {UNIT}")
    assert with_database.play(SITE, *DATABASE).changed == 0


def test_the_apps_could_do_more_than_they_must(with_database: Checkout) -> None:
    ask(with_database, "GRANT DELETE ON bench.student TO 'bench'@'127.0.0.1'")
    error = the_error(with_database.play(SITE, *DATABASE, fails=True))
    assert "grants the user bench SELECT, INSERT, DELETE ON bench.student; USAGE ON *.*, wanted" in error
    with_database.on("server1", f"systemctl restart {UNIT}")


def test_mysql_where_only_mariadb_is(with_database: Checkout) -> None:
    before = shown(with_database, "server1", UNIT, ["MainPID"])
    error = the_error(with_database.play(SITE, *DATABASE[:2], "-e", MYSQL, fails=True))
    assert "mysqld there is MariaDB 10.11." in error
    assert (
        "database_engine asks for MySQL 8.0 (server1): install mysql-server-core-8.0 mysql-client-core-8.0 there"
        in error
    )
    assert "leave database_engine at mariadb" in error
    assert shown(with_database, "server1", UNIT, ["MainPID"]) == before


def test_another_version(with_database: Checkout) -> None:
    error = the_error(with_database.play(SITE, *DATABASE, "-e", "database_version=10.1", fails=True))
    assert "mariadbd there is MariaDB 10.11." in error
    assert (
        "database_engine asks for MariaDB 10.1 (server1): install mariadb-server-core mariadb-client-core there"
        in error
    )


def test_packages_that_are_missing_are_named(with_database: Checkout) -> None:
    for command in COMMANDS:
        with_database.on("server1", f"mv {command} {command}.away")
    try:
        played = with_database.play(SITE, "-e", NEEDS, fails=True)
    finally:
        for command in COMMANDS:
            with_database.on("server1", f"mv {command}.away {command}")
    error = the_error(played)
    assert "there is no mariadbd, no mariadb (server1): install mariadb-server-core mariadb-client-core there" in error
    assert "note: " not in played.output


def test_a_provisioning_killed_while_its_folder_was_filled_is_gone_on_with(with_database: Checkout) -> None:
    folder = "/var/lib/bench/database"
    halfway = f"mkdir {folder}/new; touch {folder}/new/x; chown -R bench-database {folder}/new"
    with_database.on("server1", f"systemctl stop {UNIT}; rm -r {folder}/mariadb; {halfway}")
    with_database.play(SITE, *DATABASE)
    assert with_database.on("server1", f"ls {folder}") == "mariadb\n"
    assert ask(with_database, "SELECT COUNT(*) FROM bench.student", AS_ROOT) == [["0"]]


def test_a_run_that_needs_it_ends_before_its_first_trial_where_it_is_down(with_database: Checkout) -> None:
    with_database.on("server1", f"systemctl stop {UNIT}")
    try:
        played = with_database.play("playbooks/run.yml", "-e", NEEDS, fails=True)
    finally:
        with_database.on("server1", f"systemctl start {UNIT}")
    error = the_error(played)
    assert "the database does not answer rightly: ERROR 2002 (HY000): Can't connect" in error
    assert f"restart {UNIT} there" in error
    assert "trial" not in played.output.partition("Measure the plan")[2].partition("error: ")[0]
