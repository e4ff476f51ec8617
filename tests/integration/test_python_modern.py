"""The second Python: on the server alone, where a plan needs it, and independent of the control node's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from collect.provision.pythons import MODERN, release_of
from tests.conftest import SITE_S
from tests.support.checkout import ORIGINAL, Checkout, Played

pytestmark = pytest.mark.hosts

SITE = "playbooks/site.yml"
NEEDS = ("-e", json.dumps({"bench_needs": ["python-modern"]}))
PREFIX = "/opt/bench/python-modern"
VENV = "/opt/bench/venvs/app-modern"
LOCKED = dict(
    re.findall(r"^([a-z0-9-]+)==(\S+)", (ORIGINAL / "apps" / "requirements-modern.lock").read_text(), re.MULTILINE)
)
MODULES = (
    "flask", "werkzeug", "gunicorn", "gevent", "starlette", "uvicorn", "uvicorn_worker", "uvloop", "httptools",
    "aiohttp", "aiofiles", "redis", "sqlalchemy", "pymysql", "tortoise", "aiomysql",
)  # fmt: skip
PROGRAM = f"""
import importlib, json, re, sys
from importlib.metadata import distributions
print(json.dumps({{
    "version": sys.version_info[:2],
    "prefix": sys.prefix,
    "base": sys.base_prefix,
    "files": {{name: importlib.import_module(name).__file__ for name in {MODULES!r}}},
    "packages": {{re.sub("[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in distributions()}},
    "libraries": sorted({{line.split()[-1] for line in open("/proc/self/maps") if "libpython3." in line}}),
}}))
"""


def there(checkout: Checkout, host: str) -> list[str]:
    return checkout.on(host, f"ls -d {PREFIX}* {VENV}* 2>/dev/null || true").split()


@pytest.fixture(scope="module")
def modern(provisioned: Checkout) -> Checkout:
    """The provisioned hosts with the second Python, after a plain site.yml that did not make it."""
    provisioned.on("server1", f"rm -rf {PREFIX}* {VENV}*")
    provisioned.play(SITE, timeout_s=SITE_S)
    assert there(provisioned, "server1") == []
    assert provisioned.play(SITE, *NEEDS, timeout_s=SITE_S).changed == 2, "the interpreter and the environment"
    return provisioned


@pytest.fixture(scope="module")
def said(modern: Checkout) -> dict[str, Any]:
    """What the environment's interpreter says when the app's user runs it."""
    command = shlex.join([f"{VENV}/bin/python", "-I", "-W", "ignore", "-c", PROGRAM])
    told: dict[str, Any] = json.loads(modern.on("server1", f"runuser -u bench-app -- {command}", timeout_s=60))
    return told


def test_it_is_on_the_server_alone(modern: Checkout) -> None:
    assert {PREFIX, VENV} <= set(there(modern, "server1"))
    assert there(modern, "client1") == []


def test_a_second_run_changes_nothing(modern: Checkout) -> None:
    assert modern.play(SITE, *NEEDS).changed == 0


def test_the_interpreter_runs_as_any_user_and_is_no_part_of_the_control_nodes(
    modern: Checkout, said: dict[str, Any]
) -> None:
    bundle = json.loads(modern.on("server1", f"cat {PREFIX}/BUNDLE.json"))
    release = release_of(bundle)
    assert release in MODERN.releases
    modern.on("server1", f"test ! -e {bundle['prefix']}/lib/python{release}")
    assert ".".join(map(str, said["version"])) == release
    for path in (said["base"], *said["libraries"]):
        assert re.match(rf"{PREFIX}(-[0-9a-f]{{12}})?(/|$)", path), path
    for user in ("nobody", "bench-collector"):
        version = modern.on("server1", f"runuser -u {user} -- {PREFIX}/bin/python3 --version")
        assert version == f"Python {bundle['version']}\n"


def test_what_is_installed_is_what_the_lock_says_and_can_be_imported(said: dict[str, Any]) -> None:
    assert len(LOCKED) > len(MODULES)
    assert said["packages"] == LOCKED
    assert re.fullmatch(rf"{VENV}(-[0-9a-f]{{12}})?", said["prefix"])
    assert {name: path for name, path in said["files"].items() if not path.startswith(said["prefix"])} == {}


def test_each_host_tells_the_manifest_which_it_has(modern: Checkout) -> None:
    command = (
        "PYTHONPATH=/opt/bench/collector /opt/bench/venvs/collector/bin/python -m sampler.facts"
        " --config /etc/bench/collector.json"
    )
    facts = {host: json.loads(modern.on(host, command)) for host in ("server1", "client1")}
    bundle = json.loads(modern.on("server1", f"cat {PREFIX}/BUNDLE.json"))
    told = facts["server1"]["python_modern"]
    assert {"version", "compiler", "config_args", "pgo", "lto", "sha256"} <= set(told)
    assert told.items() <= bundle.items()
    assert facts["client1"]["python_modern"] is None
    assert {host: one["python"]["version"][:4] for host, one in facts.items()} == {"server1": "3.8.", "client1": "3.8."}


def errors(played: Played) -> list[str]:
    assert "Traceback" not in played.output
    return sorted({line for line in played.output.splitlines() if line.startswith("error: ")})


def test_a_prefix_without_a_modern_python_is_said_in_one_line(modern: Checkout, tmp_path: Path) -> None:
    before = there(modern, "server1")
    [error] = errors(modern.play(SITE, *NEEDS, "-e", f"python_modern_prefix={tmp_path}", fails=True))
    assert f"{tmp_path}/bin/python3.12: No such file or directory" in error
    assert "-e python_modern_prefix=/path" in error
    assert there(modern, "server1") == before


def test_a_wheel_that_is_missing_is_said_in_one_line(modern: Checkout, tmp_path: Path) -> None:
    lock = tmp_path / "old.lock"
    lock.write_text(f"psutil==0.0.1 --hash=sha256:{'0' * 64}\n")
    before = there(modern, "server1")
    given = json.dumps({"python_modern_locks": {"app-modern": str(lock)}})
    [error] = errors(modern.play(SITE, *NEEDS, "-e", given, fails=True))
    assert "psutil==0.0.1" in error
    assert re.search(r"old\.lock\): see that the package index can be reached and has it for cp31[23], ", error)
    assert there(modern, "server1") == before
