"""What a person can do wrong before anything is started: told in one line, quickly, and nothing is begun."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from collect.plan import plan_names
from tests.support.bench import SMALL
from tests.support.checkout import Checkout, Played

CELL = SMALL["cells"][0]


def assert_told(played: Played, *parts: str) -> None:
    last = played.output.strip().splitlines()[-1]
    for part in parts:
        assert part in last, played.output
    assert played.exit_code != 0
    assert "Traceback" not in played.output


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ("there is no plan", ", ".join(plan_names()))),
        ("blocks: [1", ("not YAML",)),
        (yaml.safe_dump({**SMALL, "blcoks": 3}), ("blcoks", "blocks")),
        (yaml.safe_dump({**SMALL, "window_s": -5}), ("window_s", "-5")),
        (yaml.safe_dump({**SMALL, "cells": [CELL, CELL]}), ("twice",)),
    ],
    ids=["missing", "not yaml", "unknown key", "negative", "duplicate"],
)
def test_a_plan_that_will_not_do(checkout: Checkout, text: str | None, parts: tuple[str, ...]) -> None:
    plan = checkout.path / ".state" / "wrong.yml"
    plan.parent.mkdir(exist_ok=True)
    if text is not None:
        plan.write_text(text)
    began = time.monotonic()
    played = checkout.run("ansible-playbook", "bench.yml", "-e", f"plan={plan if text is not None else 'quik'}")
    assert_told(played, *parts)
    assert time.monotonic() - began < 15
    assert "Make the hosts" not in played.output


def inventory(checkout: Checkout, name: str, **groups: Mapping[str, object]) -> str:
    """Write an inventory of one host a group, as a person copies inventory/lab, and return its path."""
    folder = checkout.path / "inventory" / name
    folder.mkdir(exist_ok=True)
    (folder / "group_vars").unlink(missing_ok=True)
    (folder / "group_vars").symlink_to("../group_vars")
    hosts = {group: {"hosts": {f"{group}1": variables}} for group, variables in groups.items()}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
    return f"inventory/{name}"


@pytest.mark.parametrize(("group", "other"), [("server", "clients"), ("clients", "server")])
def test_an_inventory_without_one_side(checkout: Checkout, group: str, other: str) -> None:
    path = inventory(checkout, "half", **{other: {"ansible_host": "127.0.0.1"}})
    played = checkout.run("ansible-playbook", "-i", path, "bench.yml")
    assert_told(played, "the inventory has 0 hosts", f"group {group}", path)


def test_an_inventory_from_elsewhere(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {children: {server: {hosts: {one: {}}}, clients: {hosts: {two: {}}}}}")
    played = checkout.run("ansible-playbook", "-i", str(tmp_path / "hosts.yml"), "bench.yml")
    assert_told(played, "has not the testbed's own variables", "group_vars", str(tmp_path))


def test_not_root(checkout: Checkout) -> None:
    copied = checkout.path.stat().st_mode
    checkout.path.chmod(0o755)
    try:
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "script/bench"],
            cwd=checkout.path,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        checkout.path.chmod(copied)
    assert_told(Played(done.returncode, done.stdout + done.stderr), "not root", "run with sudo")


def tools(folder: Path, **scripts: str) -> dict[str, str]:
    """Return an environment that finds this machine's tools, but for those of which other scripts are given."""
    for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for tool in Path(place).iterdir():
            if not (folder / tool.name).is_symlink() and tool.name not in scripts:
                (folder / tool.name).symlink_to(tool)
    for name, script in scripts.items():
        if script:
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
    return {**os.environ, "PATH": str(folder)}


def bench(checkout: Checkout, environment: dict[str, str]) -> Played:
    done = subprocess.run(
        ["script/bench"], cwd=checkout.path, env=environment, capture_output=True, text=True, check=False
    )
    return Played(done.returncode, done.stdout + done.stderr)


def test_not_linux(checkout: Checkout, tmp_path: Path) -> None:
    assert_told(bench(checkout, tools(tmp_path, uname="echo Darwin")), "Darwin", "run on Linux")


def test_no_nspawn_to_be_had(checkout: Checkout, tmp_path: Path) -> None:
    refuse = "echo 'E: Unable to locate package systemd-container'; exit 100"
    played = bench(checkout, tools(tmp_path, **{"systemd-nspawn": "", "apt-get": refuse}))
    assert_told(played, "systemd-container", "Unable to locate")
    assert "Debian packages: installing systemd-container" in played.output


def test_no_apt(checkout: Checkout, tmp_path: Path) -> None:
    played = bench(checkout, tools(tmp_path, **{"systemd-nspawn": "", "apt-get": ""}))
    assert_told(played, "no apt-get", "systemd-container")


@pytest.mark.hosts
def test_a_host_that_does_not_answer(checkout: Checkout) -> None:
    nowhere: dict[str, object] = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    sides = {"server": {**nowhere, "bench_load_address": "a"}, "clients": {**nowhere, "bench_load_address": "b"}}
    played = checkout.run("ansible-playbook", "-i", inventory(checkout, "nowhere", **sides), "bench.yml")
    assert_told(played, "the host does not answer", "Connection refused", "ansible_host")


@pytest.mark.hosts
def test_a_host_that_refuses_the_key(hosts: Checkout, tmp_path: Path) -> None:
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    # A connection that others have left open would be taken without any key.
    options = f"-F none -o ControlPath=none -o UserKnownHostsFile={hosts.state}/ssh/known_hosts"
    told = json.dumps({"ansible_ssh_private_key_file": str(key), "ansible_ssh_common_args": options})
    played = hosts.run("ansible-playbook", "playbooks/site.yml", "-e", told)
    assert_told(played, "refuses the SSH key", "authorized_keys")


@pytest.mark.hosts
def test_a_host_whose_key_changed(hosts: Checkout, tmp_path: Path) -> None:
    known = hosts.state / "ssh" / "known_hosts"
    kept = tmp_path / "known_hosts"
    shutil.copy(known, kept)
    keys = [line.split() for line in known.read_text().splitlines()]
    swapped = [[*here[:-1], there[-1]] for here, there in zip(keys, keys[1:] + keys[:1], strict=True)]
    known.write_text("".join(" ".join(words) + "\n" for words in swapped))
    try:
        played = hosts.run("ansible-playbook", "playbooks/site.yml", "--ssh-extra-args", "-o ControlPath=none")
    finally:
        shutil.copy(kept, known)
    assert_told(played, "host key is not the one in known_hosts")
