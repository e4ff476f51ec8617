"""What a run is asked to be: of a plan, or as a run of the archive was; the options of `collect run` that say so."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from collect.cli import complete
from collect.cli.common import despite_option, precision_options
from collect.errors import BenchError
from collect.plan import Plan, check_ports, load_plan
from collect.precision import with_precision
from collect.statistics.blocks import MIN_BLOCKS

if TYPE_CHECKING:
    from collect.rerun.repeats import Repeats

Command = TypeVar("Command", bound=Callable[..., Any])
PREFIX = "asked_"
"""Before the names of the parameters, so that a command may have one of the same name."""


@dataclass(frozen=True)
class Wanted:
    """What is to be measured."""

    plan: Plan
    port_base: int
    repeats: Repeats | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What the hosts are to be told besides, by the names of Ansible's variables."""
    notes: Sequence[str] = ()
    """What is not as it was and is measured all the same, a line each."""


@dataclass(frozen=True)
class Asked:
    """What the options say; None for what is not given."""

    plan: str | None
    rerun: str | None
    despite: tuple[str, ...]
    client_cores: list[int]
    server_cores: int
    probe: bool | None
    precision: float | None
    time_limit_min: float | None
    variables: str | None
    clients: int | None
    locks: Path | None

    def wanted(self, archive_dir: Path, inventory: str | None, port_base: int) -> Wanted:
        """Return what is to be measured; BenchError where it cannot be, or both a plan and a run are given."""
        if self.rerun:
            return self._again(archive_dir, inventory, port_base)
        if self.despite:
            raise BenchError("there is no run to differ from", "rerun_despite", "give rerun=, too, or leave it away")
        if not self.plan:
            raise BenchError("neither a plan nor a run is given", "--plan", "give one such as --plan quick")
        plan = self.planned()
        # A base that leaves no run its ports is told as such.
        check_ports(replace(plan, blocks=min(plan.blocks, MIN_BLOCKS)), port_base)
        return Wanted(with_precision(plan, self.precision, self.time_limit_min, port_base=port_base), port_base)

    def planned(self) -> Plan:
        """Return the plan that is named, with probes as they are asked for, without the precision."""
        cores = self.client_cores
        plan = load_plan(str(self.plan), client_cores=sum(cores), clients=len(cores), server_cores=self.server_cores)
        return plan if self.probe is None else replace(plan, probe=self.probe)

    def goes_on(self) -> None:
        """Raise BenchError where a run is to be gone on with and another to be repeated."""
        if self.rerun:
            remedy = "leave rerun= away: a run that repeats another knows it"
            raise BenchError("resume and rerun are both given", "rerun", remedy)

    def _again(self, archive_dir: Path, inventory: str | None, port_base: int) -> Wanted:
        from collect.archive.provenance import provenance
        from collect.archive.store import Archive
        from collect.rerun.code import notes, takable, take
        from collect.rerun.conditions import check_before, taken_over
        from collect.rerun.original import VARIABLES, allowed, original
        from collect.rerun.repeats import Repeats

        self._check_alone()
        despite = allowed(self.despite)
        of = original(Archive(archive_dir), str(self.rerun), inventory, despite)
        variables = taken_over(of.manifest, as_object(self.variables or "{}", "--variables"), despite)
        now = provenance()
        locks = takable(of.head, now["locks"], despite) if self.locks else {}
        now["locks"] |= locks
        check_before(of, now, self.clients, despite)
        base = port_base if VARIABLES in despite else int(of.manifest["port_base"])
        check_ports(of.plan, base)
        repeats = Repeats(of.run_id, True, tuple(sorted(despite)), locks, of.head.commit if locks else None)
        if self.locks:
            variables |= take(locks, repeats.commit, self.locks)
        return Wanted(of.plan, base, repeats, variables, notes(of.head, now, locks))

    def _check_alone(self) -> None:
        """Raise BenchError where something is given that is taken over from the run."""
        given = {
            "plan": self.plan or None, "probe": self.probe, "precision": self.precision,
            "time_limit_min": self.time_limit_min,
        }  # fmt: skip
        too_much = [name for name, value in given.items() if value is not None]
        if too_much:
            remedy = f"leave {', '.join(f'{name}=' for name in too_much)} away: all of it is as it was then"
            raise BenchError(f"{' and '.join(too_much)} and rerun are both given", "rerun", remedy)


def asked_options(command: Command) -> Command:
    """Add the options; the command gets ``asked``, an ``Asked``."""

    @functools.wraps(command)
    def with_asked(*arguments: Any, **values: Any) -> Any:
        own = {name: values.pop(name) for name in list(values) if name.startswith(PREFIX)}
        said = {name.removeprefix(PREFIX): value for name, value in own.items()}
        said |= {name: values.pop(name) for name in ("precision", "time_limit_min")}
        return command(*arguments, asked=Asked(**said), **values)

    added: Any = precision_options(with_asked)
    for option in reversed(OPTIONS):
        added = option(added)
    wrapped: Command = added
    return wrapped


def as_object(text: str, where: str) -> dict[str, Any]:
    """Return the JSON object that a text is; BenchError for one that is none."""
    try:
        said = json.loads(text)
    except ValueError as error:
        raise BenchError(f"not JSON: {error}", where, "give one JSON object") from error
    if not isinstance(said, dict):
        raise BenchError("not a JSON object", where, 'give one such as {"redis_port": 6390}')
    return said


def _option(flag: str, name: str, text: str, **more: Any) -> Callable[[Any], Any]:
    return click.option(flag, f"{PREFIX}{name}", help=text, **more)


class _Cores(click.ParamType[Any]):
    """Numbers of cores, one for each client."""

    name = "cores"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Take a number, or several with commas between."""
        if isinstance(value, list):
            return value
        numbers = str(value).split(",")
        if not all(number.isdecimal() and int(number) for number in numbers):
            self.fail(f"{value!r} is no number of cores, or one for each client as in 4,2", param, ctx)
        return [int(number) for number in numbers]


OPTIONS: Sequence[Callable[[Any], Any]] = (
    _option("--plan", "plan", "A plan's name or path.", shell_complete=complete.own_plans),
    _option("--rerun", "rerun", "Instead of a plan: a sealed run, to be measured again.", shell_complete=complete.runs),
    functools.partial(despite_option, parameter=f"{PREFIX}despite"),
    _option(
        "--client-cores", "client_cores",
        "Cores of each client, as in 4,2; they say how many processes of a generator are enough.",
        type=_Cores(), default="1", show_default=True,
    ),
    _option(
        "--server-cores", "server_cores",
        "Cores of the server's CPU set: as many processes has a variant with one per core.",
        type=click.IntRange(min=1), default=1, show_default=True,
    ),
    _option(
        "--probe/--no-probe", "probe", "Put verdicts to the test; without it, as the plan says.", default=None
    ),
    _option("--variables", "variables", "Of a rerun: what Ansible was given now, as JSON.", metavar="JSON"),
    _option("--clients", "clients", "Of a rerun: how many clients the inventory has.", type=click.IntRange(min=1)),
    _option(
        "--locks", "locks", "Of a rerun: where lock files of then may be put, to provision hosts by them.",
        type=click.Path(path_type=Path), metavar="DIR",
    ),
)  # fmt: skip
