"""What the role tuning makes of its variables is what the program on the host understands; its units let it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined
from jinja2.nativetypes import NativeEnvironment

from collect.tuning.config import Config, load
from collect.tuning.files import Files
from collect.tuning.kept import KEPT
from tests.support.checkout import ORIGINAL

ROLE = ORIGINAL / "roles" / "tuning"
FILTERS = {
    "bool": lambda value: str(value).lower() in ("true", "yes", "on", "1"),
    "combine": lambda one, other: {**one, **other},
    "to_nice_json": lambda value: json.dumps(value, indent=4),
}
"""As much of Ansible's as is asked for."""


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROLE / name).read_text())
    return content


def variables(**given: Any) -> dict[str, Any]:
    """Return the role's variables as Ansible has them."""
    own = {"ansible_managed": "managed", "bench_prefix": "/opt/bench", "inventory_hostname": "server1"}
    named = {**read("defaults/main.yml"), **own, **given}
    environment = NativeEnvironment(undefined=StrictUndefined)
    environment.filters.update(FILTERS)
    computed = {name: environment.from_string(text).render(named) for name, text in read("vars/main.yml").items()}
    return {**named, **computed}


def rendered(template: str, **given: Any) -> str:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    environment.filters.update(FILTERS)
    return environment.from_string((ROLE / "templates" / template).read_text()).render(variables(**given))


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({}, Config()),
        ({"bench_cpu_set": "0-2,4"}, Config({0, 1, 2, 4})),
        ({"tuning_governor": "performance"}, Config(governor="performance")),
        ({"tuning_turbo": "false"}, Config(turbo=False)),
        ({"tuning_turbo": False}, Config(turbo=False)),
        ({"tuning_turbo": True}, Config(turbo=True)),
        ({"tuning_turbo": "on"}, Config(turbo=True)),
        ({"tuning_smt_siblings_off": "yes", "tuning_irqs_off": True}, Config(smt_siblings_off=True, irqs_off=True)),
        ({"tuning_sysctls": {"vm.swappiness": 1}}, Config(sysctls={"vm.swappiness": "1"})),
    ],
)
def test_the_host_is_told_what_is_listed_and_no_more(tmp_path: Path, given: dict[str, Any], config: Config) -> None:
    path = tmp_path / "etc/bench/tuning.json"
    path.parent.mkdir(parents=True)
    path.write_text(rendered("tuning.json.j2", **given))
    assert load(Files(tmp_path)) == config
    assert json.loads(path.read_text())["profiles"] == ["controlled"]
    assert (len(json.loads(path.read_text())["listed"]) == 0) == config.lists_nothing


def directives(unit: str) -> dict[str, str]:
    lines = rendered(unit).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_units_do_it_and_put_it_back() -> None:
    hold, restore = directives("bench-tuning.service.j2"), directives("bench-tuning-restore.service.j2")
    assert hold["ExecStart"].endswith("/python3.8 -m tuning hold")
    assert hold["ExecStopPost"].endswith("/python3.8 -m tuning restore"), "however it ends"
    assert "-m tuning restore" in restore["ExecStart"]
    assert restore["ConditionPathExists"] == f"/{KEPT}"
    assert restore["Conflicts"] == "bench-tuning.service"
    assert restore["WantedBy"] == "multi-user.target"
    for unit in (hold, restore):
        assert unit["Environment"] == "PYTHONPATH=/opt/bench/tuning"
        assert "/var/lib/bench" in unit["ReadWritePaths"].split()


def test_what_hardens_the_others_does_not_keep_them_from_it() -> None:
    """Drop-ins go by their names, whatever folder they are in."""
    assert "hardening.conf" < "kernel.conf"
    assert directives("kernel.conf.j2") == {"ProtectKernelTunables": "no", "CPUAffinity": ""}
    placed = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())[1]["place"]["files"]
    names = [file["dest"] for file in placed]
    for unit in ("bench-tuning.service", "bench-tuning-restore.service"):
        assert f"/etc/systemd/system/{unit}.d/kernel.conf" in names
