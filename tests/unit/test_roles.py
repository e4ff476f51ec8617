"""Each role says what it takes, and what it says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.paths import CHECKOUT

ROLES = Path(__file__).resolve().parents[2] / "roles"
NAMES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else None


def options(role: str) -> dict[str, Any]:
    """Return the options of all entry points of a role."""
    specs = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: option for spec in specs.values() for name, option in (spec.get("options") or {}).items()}


def defaults(role: str) -> dict[str, Any]:
    return read(ROLES / role / "defaults" / "main.yml") or {}


@pytest.mark.parametrize("role", NAMES)
def test_each_default_is_a_described_option(role: str) -> None:
    assert set(defaults(role)) <= set(options(role))
    assert all(option.get("description") and option.get("type") for option in options(role).values())


@pytest.mark.parametrize("role", NAMES)
def test_each_option_has_a_default_or_is_required(role: str) -> None:
    without = {name for name, option in options(role).items() if not option.get("required")} - set(defaults(role))
    assert not without


@pytest.mark.parametrize("role", NAMES)
def test_the_defaults_that_are_described_are_the_real_ones(role: str) -> None:
    described = {name: option["default"] for name, option in options(role).items() if "default" in option}
    real = {name: defaults(role)[name] for name in described}
    computed = {name for name, value in real.items() if isinstance(value, str) and "{{" in value}
    for name in computed:
        assert str(described[name]) in str(real[name])
    assert {name: value for name, value in real.items() if name not in computed} == {
        name: value for name, value in described.items() if name not in computed
    }


@pytest.mark.parametrize("role", NAMES)
def test_public_variables_carry_the_roles_name(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in options(role) | defaults(role))
    assert all(name.startswith("_") for name in read(ROLES / role / "vars" / "main.yml") or {})


def test_before_hosts_are_made_nothing_asks_whether_they_are() -> None:
    # bench.yml has check.yml come first, then hosts.yml makes them, then site.yml may ask.
    asked = {path.name for path in (CHECKOUT / "playbooks").glob("*.yml") if "tasks_from: made" in path.read_text()}
    assert asked == {"site.yml"}
    names = re.findall(r"playbooks/(\w+)\.yml", (CHECKOUT / "bench.yml").read_text())
    assert names[:3] == ["check", "hosts", "site"]
    assert "__preflight_not_made" not in (CHECKOUT / "roles/preflight/tasks/inventory.yml").read_text()
