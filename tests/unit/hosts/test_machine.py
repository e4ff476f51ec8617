"""All at once, and that the hosts' Python can read it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

from collect.hosts import machine
from tests.support.checkout import ORIGINAL
from tests.support.venv38 import python38_with

SOURCES = sorted((ORIGINAL / "collect" / "hosts").glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_python_3_8_reads_it(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not [name for name in named if name and name.startswith("collect")], "a host has nothing else of collect"


def test_ansible_finds_it_beside_the_role() -> None:
    beside = ORIGINAL / "roles" / "preflight" / "module_utils" / "bench_hosts"
    assert beside.resolve() == ORIGINAL / "collect" / "hosts"


def test_a_look_at_this_machine_is_plain_data() -> None:
    peer = {"host": "self", "address": "127.0.0.1", "ports": [], "pings": False}
    wanted = {
        "cpus": "all", "load_address": "127.0.0.1", "load_interface": "", "peers": [peer], "disks": ["/"],
        "busy_s": 0.05,
    }  # fmt: skip
    told = json.loads(json.dumps(machine.look(wanted)))
    assert told["cpu_problem"] == ""
    assert told["cpu_set"]
    assert told["load_interface"] == "lo"
    assert told["link"]["name"] == "lo"
    assert told["ways"][0]["route"]["local"] is True
    assert told["ways"][0]["unreachable"] == []


def test_an_address_that_is_not_there_has_the_link_that_is_named() -> None:
    told = machine.network("192.0.2.99", "lo")
    assert told["load_interface"] is None
    assert told["link"]["name"] == "lo"


def test_the_hosts_python_runs_it() -> None:
    """As Ansible carries it there: by itself, without the rest of this project."""
    python = python38_with(ORIGINAL / "collect" / "sampler" / "requirements.lock")
    program = "import json; from bench_hosts.machine import hardware; print(json.dumps(hardware('all')))"
    beside = ORIGINAL / "roles" / "preflight" / "module_utils"
    environment = {**os.environ, "PYTHONPATH": str(beside), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["cpu_set"] == machine.hardware("all")["cpu_set"]
