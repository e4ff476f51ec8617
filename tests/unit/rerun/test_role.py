"""What a rerun takes over is what the role control gives to the hosts."""

from __future__ import annotations

from typing import Any

import yaml

from collect.paths import CHECKOUT
from collect.rerun.code import ENVIRONMENTS
from collect.rerun.conditions import PORTS, WORDS

OWN = "control_repeats"


def tasks(role: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "roles" / role / "tasks" / f"{name}.yml").read_text())
    return found


def test_all_that_may_be_taken_over_is_given_to_the_hosts() -> None:
    (given,) = [task["ansible.builtin.set_fact"] for task in tasks("control", "rerun") if "loop" in task]
    variables = {variable for variable, _ in ENVIRONMENTS.values()}
    assert set(given) - {OWN} == {"app_port_base", *PORTS, *WORDS, *variables}
    for name in set(given) - {OWN}:
        assert given[name] == f"{{{{ control_taken.{name} | default(omit) }}}}"


def test_what_is_kept_with_a_run_is_what_may_be_taken_over() -> None:
    told = yaml.safe_load((CHECKOUT / "inventory" / "group_vars" / "all" / "told.yml").read_text())
    names = told["_bench_told_names"].partition("^(")[2].partition(")$")[0].split("|")
    assert set(names) == {"app_port_base", *PORTS, *WORDS}


def test_a_run_is_refused_before_it_is_begun() -> None:
    """And a run that goes on, before it goes on."""
    plays = yaml.safe_load((CHECKOUT / "playbooks" / "run.yml").read_text())
    (begin,) = [play for play in plays if play["name"] == "Begin the run"]
    order = [task["ansible.builtin.import_role"]["tasks_from"] for task in begin["tasks"]]
    assert order == ["lock", "same", "begin"]
