"""script/bench: what it sets up for which inventory, and that it passes on what it is given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from collect.paths import CHECKOUT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with script/bench and, in place of what it calls, scripts that say how they were called."""
    (tmp_path / "script").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy2(CHECKOUT / "script" / "bench", tmp_path / "script" / "bench")
    for path in (tmp_path / "script" / "bootstrap", tmp_path / ".venv" / "bin" / "ansible-playbook"):
        path.write_text('#!/bin/sh\necho "$(basename "$0")" "$@"\n')
        path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "setup"),
    [
        ((), "bootstrap --local"),
        (("-e", "plan=table"), "bootstrap --local"),
        (("-i", "inventory/local"), "bootstrap --local"),
        (("-i", "inventory/lab"), "bootstrap"),
        (("-iinventory/lab",), "bootstrap"),
        (("--inventory", "inventory/lab"), "bootstrap"),
        (("--inventory=inventory/mine/hosts.yml",), "bootstrap"),
        (("-i", "inventory/lab", "--ask-become-pass", "-e", "plan=article"), "bootstrap"),
        (("-e", "rerun=latest", "-i", "inventory/lab"), "bootstrap"),
    ],
)
def test_hosts_on_this_machine_are_prepared_for_their_inventory_alone(
    checkout: Path, given: tuple[str, ...], setup: str
) -> None:
    command = [str(checkout / "script" / "bench"), *given]
    said = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [setup, " ".join(["ansible-playbook", "bench.yml", *given])]
