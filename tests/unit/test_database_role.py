"""What the database's role makes of its variables, and of what a database says."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from tests.support.checkout import ORIGINAL
from tests.support.database import NAME, PASSWORD, USER, Database, running_database
from tests.support.plugins import plugin

ROLE = ORIGINAL / "roles" / "database"
facts = plugin("database/library/database_facts.py")


def variables(engine: str) -> dict[str, Any]:
    """Return the role's variables as Ansible has them, with the engine that was chosen."""
    read: dict[str, Any] = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    given = {"database_engine": engine, "database_port": 3306, "database_max_connections": 1000}
    chosen = read["_database_engines"][engine]
    own = {"ansible_managed": "managed", "database_version": chosen["version"], "_database_is": chosen}
    return {**read, **given, **own, "database_password": "it's a \\ secret"}


def rendered(template: str, engine: str) -> str:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    return environment.from_string((ROLE / "templates" / template).read_text()).render(variables(engine))


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_password_with_any_character_is_one_text_of_sql(engine: str) -> None:
    assert "IDENTIFIED BY 'it''s a \\\\ secret';" in rendered("database.sql.j2", engine)


@pytest.mark.parametrize(
    ("engine", "plugin", "server"), [("mariadb", "unix_socket", "mariadbd"), ("mysql", "auth_socket", "mysqld")]
)
def test_each_engine_has_its_own_words(engine: str, plugin: str, server: str) -> None:
    assert rendered("database.sql.j2", engine).count(f"IDENTIFIED WITH {plugin};") == 2
    unit = rendered("bench-database.service.j2", engine)
    assert f"ExecStart=/usr/sbin/{server} --defaults-file=/etc/bench/database.cnf\n" in unit
    configured = rendered("database.cnf.j2", engine)
    assert f"datadir=/var/lib/bench/database/{engine}\n" in configured
    assert ("auth_socket.so" in configured) == (engine == "mysql")


def test_durability_and_buffers_are_the_engines_own() -> None:
    configured = rendered("database.cnf.j2", "mariadb")
    assert not [line for line in configured.splitlines() if line.startswith(("innodb", "sync", "query", "log"))]


def test_grants_are_told_without_whom_and_how_he_is_known() -> None:
    lines = [
        "GRANT USAGE ON *.* TO `bench`@`127.0.0.1` IDENTIFIED BY PASSWORD '*00'",
        "GRANT SELECT, INSERT ON `bench`.`student` TO `bench`@`127.0.0.1`",
    ]
    assert facts.granted(lines) == variables("mariadb")["_database_grants"]
    assert facts.granted(["GRANT ALL PRIVILEGES ON *.* TO `bench`@`%`"]) == ["ALL PRIVILEGES ON *.*"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_database(tmp_path_factory.mktemp("database")) as running:
        yield running


def test_the_database_is_asked_as_the_apps_ask_it(database: Database) -> None:
    version, *grants = facts.ask("mariadb", database.port, USER, PASSWORD, "SELECT VERSION(); SHOW GRANTS")
    assert version.startswith("10.11.")
    assert facts.granted(grants) == [f"SELECT, INSERT ON {NAME}.student", "USAGE ON *.*"]
    assert facts.listening(database.port) == ["127.0.0.1"]


def test_a_refusal_is_told_in_the_databases_words(database: Database, tmp_path: Path) -> None:
    with pytest.raises(facts.DatabaseError, match=r"^ERROR 1045 .*Access denied for user 'bench'"):
        facts.ask("mariadb", database.port, USER, "wrong", "SELECT 1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(facts.DatabaseError, match="Can't connect"):
        facts.ask("mariadb", port, USER, PASSWORD, "SELECT 1")
    with pytest.raises(facts.DatabaseError, match="No such file"):
        facts.ask(str(tmp_path / "mariadb"), port, USER, PASSWORD, "SELECT 1")
    assert facts.listening(port) == []


def test_the_sql_of_the_role_is_right_and_can_be_run_again_and_again(database: Database) -> None:
    sql = rendered("database.sql.j2", "mariadb")
    for _ in range(2):
        database.ask(sql, None)
    asked = facts.ask("mariadb", database.port, USER, "it's a \\ secret", f"SELECT * FROM {NAME}.student; SHOW GRANTS")
    assert facts.granted(asked) == variables("mariadb")["_database_grants"]
    columns = database.ask("SHOW COLUMNS FROM student")
    assert [column[:4] for column in columns] == [["id", "int(11)", "NO", "PRI"], ["name", "varchar(50)", "YES", ""]]
    assert columns[0][5] == "auto_increment"
