from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support.plugins import plugin

unit = plugin("delivery/library/unit.py")
probe = plugin("preflight/library/probe.py")
redis_facts = plugin("redis/library/redis_facts.py")

RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "NeedDaemonReload": "no",
    "UnitFileState": "enabled",
    "MainPID": "1",
}


def properties(started_s_ago: float, **other: str) -> dict[str, str]:
    started = int((time.monotonic() - started_s_ago) * 1e6)
    return {**RUNNING, "ExecMainStartTimestampMonotonic": str(started), **other}


def test_a_unit_that_runs_as_its_files_say_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("")
    os.utime(tmp_path / "conf", (time.time() - 60, time.time() - 60))
    assert unit.plan(properties(5), True, [str(tmp_path / "conf"), "/not/there"]) == []


def test_a_unit_older_than_its_files_is_restarted(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("")
    assert unit.plan(properties(5), True, [str(tmp_path / "conf")]) == [["restart"]]


def test_a_link_that_was_switched_counts_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (0, 0))
    (tmp_path / "link").symlink_to("old")
    assert unit.plan(properties(5), True, [str(tmp_path / "link")]) == [["restart"]]


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        ({"ActiveState": "failed"}, [["start"]]),
        ({"ActiveState": "inactive", "UnitFileState": "disabled"}, [["enable"], ["start"]]),
        ({"NeedDaemonReload": "yes"}, [["daemon-reload"]]),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, [["daemon-reload"], ["start"]]),
    ],
)
def test_only_what_is_needed_is_done(state: dict[str, str], commands: list[list[str]]) -> None:
    assert unit.plan(properties(5, **state), True, []) == commands


def test_a_unit_that_is_not_to_be_started_is_enabled_and_no_more() -> None:
    inactive = properties(5, ActiveState="inactive", UnitFileState="disabled")
    assert unit.plan(inactive, True, [], False) == [["enable"]]
    assert unit.plan({**inactive, "UnitFileState": "enabled"}, True, [], False) == []


def test_a_proof_must_be_newer_than_the_start(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("")
    now = time.time()
    assert unit.proven(str(tmp_path / "live"), 3, 0, now - 1)
    assert not unit.proven(str(tmp_path / "live"), 3, 0, now + 1)
    assert not unit.proven(str(tmp_path / "none"), 3, 0, now - 1)


def test_who_listens_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert set(probe.ports(port, port, [])) == {str(port)}
        assert probe.ports(1, 1, [port])[str(port)] != "another process" or os.geteuid() != 0
        assert redis_facts.listening(port) == ["127.0.0.1"]
    assert probe.ports(port, port, []) == {}


def test_addresses_and_routes_are_told() -> None:
    assert probe.has_address("127.0.0.1")
    assert not probe.has_address("192.0.2.1")
    assert probe.source_towards("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("kernels", "ours"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000100007F", "::ffff:127.0.0.1"),
    ],
)
def test_the_kernels_addresses_are_read(kernels: str, ours: str) -> None:
    assert redis_facts.readable(kernels) == ours


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        ("cgroup /sys/fs/cgroup/cpu cgroup ro,nosuid,nodev,noexec,relatime,cpu 0 0\n", ["/sys/fs/cgroup/cpu"]),
        ("cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,relatime,cpu,cpuacct 0 0\n", []),
        ("cgroup /sys/fs/cgroup/cpuset cgroup ro,nosuid,cpuset 0 0\ncgroup2 /sys/fs/cgroup cgroup2 ro 0 0\n", []),
    ],
)
def test_a_host_that_may_not_give_its_units_quotas_is_found(
    monkeypatch: pytest.MonkeyPatch, mounts: str, found: list[str]
) -> None:
    shared = plugin("local_hosts/module_utils/local_hosts.py")
    monkeypatch.setitem(sys.modules, "ansible.module_utils.local_hosts", shared)
    machines = plugin("local_hosts/library/local_machines.py")
    assert machines.read_only(mounts) == found


def test_a_folder_is_removed_and_what_it_links_to_is_not(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    doomed = tmp_path / "doomed"
    (doomed / "folder" / "empty").mkdir(parents=True)
    for name in ("one", "folder/two", "folder/three"):
        (doomed / name).touch()
    (doomed / "folder" / "link").symlink_to(kept)
    (doomed / "nowhere").symlink_to("nothing")
    os.mkfifo(doomed / "pipe")
    plugin("local_hosts/module_utils/local_hosts.py").remove_tree(doomed)
    assert [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*"))] == [Path("kept"), Path("kept/file")]


def test_a_removal_that_is_cut_off_leaves_no_host_that_counts_as_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its link to the image it does."""
    (tmp_path / "image").mkdir()
    root = tmp_path / "roots" / "server1"
    root.mkdir(parents=True)
    (root / "image").symlink_to(tmp_path / "image")
    (root / "file").touch()
    hosts = plugin("local_hosts/module_utils/local_hosts.py")

    def cut_off(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hosts, "ThreadPoolExecutor", cut_off)
    with pytest.raises(KeyboardInterrupt):
        hosts.remove_tree(tmp_path / "roots")
    assert [path.name for path in root.iterdir()] == ["file"]
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(hosts.HostsError, match="is a link"):
        hosts.remove_tree(tmp_path / "link")
    assert (root / "file").exists()
