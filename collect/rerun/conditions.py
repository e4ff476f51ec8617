"""Whether hosts, versions and variables are those of the run that is to be measured again; what is not is named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from collect.compare.heads import Head
from collect.compare.metadata import Difference, differences, in_words, only_one_has, traits
from collect.compare.packages import spelled_out
from collect.errors import BenchError
from collect.rerun.code import worktree
from collect.rerun.original import VARIABLES, Original

CLIENTS = "clients"
PORTS = ("redis_port", "database_port", "relay_port")
WORDS = {"relay_by": ("auto", "netem", "relay")}
"""What may be taken over of what a run was told, beside its port base: nothing that could do harm on hosts."""
Facts = Mapping[str, Mapping[str, Any]]


def check_before(of: Original, now: Mapping[str, Any], clients: int | None, despite: Collection[str]) -> None:
    """Raise BenchError where versions, or the number of clients (None: not known), differ: what is known before hosts.

    ``now`` is the provenance of the code, with the sums of the lock files by which hosts will be provisioned.
    """
    had = len(of.head.clients)
    if clients is not None and clients != had and CLIENTS not in despite:
        allow = _allow({CLIENTS}, despite)
        remedy = f"use as many (hosts of this machine: -e local_clients={had}), or allow it: {allow}"
        raise BenchError(f"the run had {_counted(had)}, the inventory has {_counted(clients)}", of.run_id, remedy)
    refuse(of, differing(of, _with_code(of.head, now)), despite)


def check_hosts(
    of: Original, now: Mapping[str, Any], server: str, facts: Facts, despite: Collection[str]
) -> list[Difference]:
    """Return what differs and may; BenchError names what differs and may not."""
    clients = tuple(sorted(name for name in facts if name != server))
    head = replace(_with_code(of.head, now), hosts=facts, server=server, clients=clients)
    found = differing(of, head)
    refuse(of, found, despite)
    return found


def differing(of: Original, now: Head) -> list[Difference]:
    """Return what differs that matters to any cell of the plan, each thing once.

    Of clients that one of the two has not, their number alone is told.
    """
    found: dict[tuple[str, str], Difference] = {}
    for cell in of.plan.cells:
        for each in differences(traits(of.head, cell), traits(now, cell)):
            if not only_one_has(each, of.head, now):
                found.setdefault((each.name, each.where), each)
    first = sorted(found.values(), key=lambda each: each.name != CLIENTS)
    return spelled_out(first, of.head, now)


def refuse(of: Original, found: Iterable[Difference], despite: Collection[str]) -> None:
    """Raise BenchError where anything differs that may not."""
    refused = [each for each in found if each.name not in despite]
    if not refused:
        return
    problem = f"the run cannot be measured again as it was: {in_words(refused)}"
    allow = f"allow it: {_allow({each.name for each in refused}, despite)}"
    if any(_by_lock(each) for each in refused):
        remedy = f"measure with the code of then ({worktree(of.head.commit)}), or {allow}"
    else:
        remedy = f"put that back, or {allow}"
    raise BenchError(problem, of.run_id, remedy)


def told(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a run was told beside its plan, by the names of variables; None where that is not on record."""
    sessions = manifest.get("sessions")
    last = sessions[-1] if isinstance(sessions, list) and sessions else None
    said = last.get("variables") if isinstance(last, Mapping) else None
    return {str(name): value for name, value in said.items()} if isinstance(said, Mapping) else None


def taken_over(manifest: Mapping[str, Any], given: Mapping[str, Any], despite: Collection[str]) -> dict[str, Any]:
    """Return the variables to measure with: those of the run that can do no harm, where none is given.

    ``given`` are those of now. BenchError where one of them is another than then, and where one of then that may not be
    taken over is not given now.
    """
    if VARIABLES in despite:
        return {}
    said, base = told(manifest), {"app_port_base": manifest["port_base"]}
    then = {**(said or {}), **base}
    for name in sorted(given.keys() | then.keys()):
        if name not in then:
            if said is not None:
                raise _unlike(manifest, f"{name} was not given then, and is {_text(given[name])} now", "leave it away")
        elif name not in given:
            if not _harmless(name, then[name]):
                problem = f"{name} was {_text(then[name])} then, and is not given now"
                raise _unlike(manifest, problem, "give it again by -e")
        elif _text(given[name]) != _text(then[name]):
            problem = f"{name} was {_text(then[name])} then, and is {_text(given[name])} now"
            raise _unlike(manifest, problem, "give it as it was, or leave it away")
    return {name: value for name, value in then.items() if name not in given}


def harmless(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return those variables that may be taken over from a run, which may come from anywhere."""
    return {name: value for name, value in variables.items() if _harmless(name, value)}


def _with_code(head: Head, now: Mapping[str, Any]) -> Head:
    """Return a run's head with the code and lock files of now."""
    return replace(head, locks=now["locks"], commit=now["git"]["commit"], dirty=now["git"]["dirty"])


def _harmless(name: str, value: Any) -> bool:
    if name in WORDS:
        return value in WORDS[name]
    digits = str(value)
    return name in (*PORTS, "app_port_base") and digits.isdecimal() and 0 < int(digits) < 2**16


def _unlike(manifest: Mapping[str, Any], problem: str, remedy: str) -> BenchError:
    return BenchError(problem, str(manifest["run_id"]), f"{remedy}, or allow it: -e rerun_despite={VARIABLES}")


def _allow(names: Collection[str], despite: Collection[str]) -> str:
    return f"-e rerun_despite={','.join(sorted({*names, *despite}))}"


def _by_lock(found: Difference) -> bool:
    return found.where.endswith(".lock")


def _counted(clients: int) -> str:
    return f"{clients} client{'s' * (clients != 1)}"


def _text(value: Any) -> str:
    """Return a value as it is compared and told: what Ansible was given by -e is text."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
