"""What the role's plugins hand to the checks, and that nothing in the role changes a host."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.support.looked import ADDRESSES, ROLE, limits, machine, probe
from tests.support.plugins import plugin

GROUPS = {"server": ["server1"], "clients": ["client1", "client2"]}
READING = {
    "probe", "machine", "findings",
    "ansible.builtin.assert", "ansible.builtin.set_fact", "ansible.builtin.import_tasks", "ansible.builtin.debug",
}  # fmt: skip
WORDS = {"name", "vars", "when", "tags", "register", "loop", "loop_control", "run_once"}


def action(module: ModuleType, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return an action as Ansible has it, as far as the plugins look at it."""
    monkeypatch.setattr(module.ActionBase, "run", lambda *_args, **_kwargs: {})
    made = module.ActionModule.__new__(module.ActionModule)
    made._task = SimpleNamespace(args=arguments)
    return made


def variables(name: str, **other: Any) -> dict[str, Any]:
    probed = probe(source_address=ADDRESSES[name])
    inventory = {"bench_load_address": ADDRESSES[name], "bench_load_interface": "enp1s0", "bench_cpus": "performance"}
    return {**inventory, "__preflight_host": probed, "__preflight_machine": machine(name), **other}


def found(monkeypatch: pytest.MonkeyPatch, name: str, hosts: dict[str, Any], **asked: Any) -> dict[str, Any]:
    module = plugin("preflight/action_plugins/findings.py")
    arguments = {"limits": limits(), "services": {"redis": 6379}, "levels": {}, "notes": False, **asked}
    known = {"inventory_hostname": name, "groups": GROUPS, "hostvars": hosts}
    result: dict[str, Any] = action(module, arguments, monkeypatch).run(task_vars=known)
    return result


@pytest.fixture
def hosts() -> dict[str, Any]:
    """A lab whose second client was left out by --limit."""
    return {"server1": variables("server1"), "client1": variables("client1"), "client2": {"bench_load_address": "x"}}


def test_a_good_host_passes_and_its_findings_are_kept(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> None:
    result = found(monkeypatch, "client1", hosts)
    assert not result.get("failed")
    assert [each["name"] for each in result["findings"]] == ["way"]
    assert result["told"] == result["errors"] == []
    (note,) = found(monkeypatch, "client1", hosts, notes=True)["told"]
    assert note.startswith("note: a round trip to the server takes 0.2 ms")


def test_all_refusals_of_a_host_are_told_at_once(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> None:
    hosts["client1"]["__preflight_host"] |= {"root": False, "max_tw_buckets": 10}
    result = found(monkeypatch, "client1", hosts)
    assert result["failed"]
    assert len(result["errors"]) == 2
    assert result["msg"] == "\n".join(result["errors"])
    assert all(" (client1): " in error for error in result["errors"])


def test_levels_of_the_user(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> None:
    hosts["client1"]["__preflight_host"] |= {"max_tw_buckets": 10}
    assert not found(monkeypatch, "client1", hosts, levels={"tw_buckets": "warn"}).get("failed")
    result = found(monkeypatch, "client1", hosts, levels={"tw_bucket": "warn"})
    assert result["failed"]
    assert 'did you mean "tw_buckets"?' in result["msg"]


def test_one_machine_by_two_names(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> None:
    hosts["client1"]["__preflight_machine"]["system"]["machine_id"] = "boot of server1"
    assert "server1 is the same machine (client1)" in found(monkeypatch, "client1", hosts)["msg"]
    (warning,) = found(monkeypatch, "client1", hosts, same_host=True)["told"]
    assert warning.startswith("warning: server1 is the same machine: ")


def test_a_host_is_told_whom_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    module = plugin("preflight/action_plugins/machine.py")
    asked: dict[str, Any] = {}

    def execute(_self: Any, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert (module_name, task_vars["inventory_hostname"]) == ("machine", "client2")
        asked.update(module_args)
        return {"cpu_set": "0"}

    monkeypatch.setattr(module.ActionBase, "_execute_module", execute)
    made = action(module, {"cpus": "all", "first_port": "20000", "last_port": "20999"}, monkeypatch)
    hosts = {name: {"bench_load_address": address} for name, address in ADDRESSES.items()}
    known = {"inventory_hostname": "client2", "groups": GROUPS, "hostvars": hosts}
    assert made.run(task_vars=known) == {"cpu_set": "0"}
    tried = {peer["host"]: peer["ports"] for peer in asked["peers"]}
    assert tried == {"server1": [20000, 20999], "client1": [5557]}
    assert set(asked) == {"cpus", "peers"}


def test_where_cpus_are_all_that_is_asked_for_nobody_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    module = plugin("preflight/action_plugins/machine.py")
    monkeypatch.setattr(module.ActionBase, "_execute_module", lambda *_args, **asked: asked["module_args"])
    assert action(module, {"cpus": "all", "cpus_only": True}, monkeypatch).run(task_vars={}) == {
        "cpus": "all",
        "cpus_only": True,
    }


@pytest.mark.parametrize("path", sorted((ROLE / "tasks").glob("*.yml")), ids=lambda path: path.stem)
def test_the_role_only_reads(path: Any) -> None:
    for task in yaml.safe_load(path.read_text()):
        (module,) = set(task) - WORDS
        assert module in READING, task["name"]


def probed(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> dict[str, Any]:
    module = plugin("preflight/action_plugins/probe.py")
    monkeypatch.setattr(module.ActionBase, "_execute_module", lambda *_args, **_asked: dict(answer))
    result: dict[str, Any] = action(module, {}, monkeypatch).run(task_vars={"inventory_hostname": "client1"})
    return result


@pytest.mark.parametrize("off_s", [-300.0, 300.0, 0.0])
def test_how_far_a_clock_is_off_at_least(monkeypatch: pytest.MonkeyPatch, off_s: float) -> None:
    told = probed(monkeypatch, {"time": time.time() + off_s})["clock_offset_s"]
    assert told == pytest.approx(abs(off_s), abs=1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"failed": True, "rc": 127, "msg": "oh"}, "there is no Python for Ansible (client1): install"),
        (
            {"failed": True, "msg": "ansible-core requires a minimum of Python version 3.8. Current version: 3.6.8"},
            "the Python for Ansible is older than 3.8 (client1): install a newer one beside it",
        ),
        ({"failed": True, "msg": "another"}, "another"),
    ],
)
def test_a_host_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], said: str) -> None:
    assert probed(monkeypatch, answer)["msg"].startswith(said)


def test_the_python_that_is_carried_there_must_run_there(
    monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any], tmp_path: Path
) -> None:
    packed = tmp_path / "python.tar"
    packed.write_bytes(b"\0GLIBC_2.38\0")
    result = found(monkeypatch, "client1", hosts, python=str(packed))
    assert "needs glibc-2.38, the host has glibc-2.36 (client1): " in result["errors"][0]
    packed.write_bytes(b"\0GLIBC_2.17\0")
    assert not found(monkeypatch, "client1", hosts, python=str(packed)).get("failed")
