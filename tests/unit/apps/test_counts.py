from __future__ import annotations

import sys
from pathlib import Path

import pytest

from apps import counts, seed


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a command in the place of redis-cli."""
    path = folder / "redis-cli"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    (folder / "app.env").write_text("REDIS_HOST=127.0.0.1\nREDIS_PORT=16379\nREDIS_PASSWORD=secret\n")
    monkeypatch.setattr(counts, "REDIS_CLI", path)
    monkeypatch.setattr(counts, "ENVIRONMENT", folder / "app.env")


@pytest.mark.parametrize(
    ("script", "gets"),
    [
        ("echo '# Commandstats'; echo cmdstat_set:calls=9,usec=1; echo cmdstat_get:calls=7,usec=3,x=1", 7),
        ("echo '# Commandstats'; test $REDISCLI_AUTH = secret && echo cmdstat_set:calls=9,usec=1", 0),
        ("test \"$*\" = '-p 16379 info commandstats' && echo '# Commandstats'; echo cmdstat_get:calls=8,usec=3", 8),
        ("echo Could not connect to Redis; exit 1", None),
        ("exec sleep 5", None),
    ],
)
def test_redis_gets(script: str, gets: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "QUESTION_S", 0.2)
    answering(tmp_path, monkeypatch, script)
    assert counts.redis_gets() == gets


@pytest.mark.parametrize("said", [None, "", "REDIS_PORT=16379\n", "REDIS_PASSWORD=secret\n"])
def test_where_nothing_says_which_redis_none_is_asked(
    said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(tmp_path, monkeypatch, "echo '# Commandstats'")
    monkeypatch.setattr(counts, "ENVIRONMENT", tmp_path / "other.env")
    if said is not None:
        (tmp_path / "other.env").write_text(said)
    assert counts.redis_gets() is None


def test_the_table_is_counted_before_the_selects(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(sql: str) -> list[list[str]]:
        asked.append(sql)
        return [["12"], ["Com_select", "345"]]

    monkeypatch.setattr(seed, "ask", ask)
    assert counts.database() == {"rows": 12, "selects": 345}
    assert asked == ["SELECT count(*) FROM student; SHOW GLOBAL STATUS LIKE 'Com_select';"]


def test_the_apps_processes_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "RUNTIME", tmp_path)
    assert counts.app_requests() is None
    for pid, count in ((7, 40), (8, 2)):
        (tmp_path / f"requests.{pid}").write_bytes(count.to_bytes(8, sys.byteorder))
    assert counts.app_requests() == 42
