"""What differs from the article's setup: its words beside the facts that a run has on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collect.archive.looked import blocks_of
from collect.catalog import needs_database
from collect.report.article import article_setup
from collect.report.figures import RunFigures
from collect.report.words import counted

NOT_TOLD = "not told"
UNKNOWN = "not on record"
PORTS, REUSE = "net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"


@dataclass(frozen=True)
class Difference:
    """One thing: how the article had it, and how this run did."""

    what: str
    article: str
    ours: str


def setup(figures: RunFigures) -> list[Difference]:
    """Return what differs, or may differ since the article does not say; nothing for runs that know of no setup."""
    told = article_setup(figures.catalog)
    if not told:
        return []
    return [
        Difference(what, told.get(key) or NOT_TOLD, ours) for what, key, ours in _ours(figures) if ours != told.get(key)
    ]


def _ours(figures: RunFigures) -> Iterator[tuple[str, str, str]]:
    """Yield each thing with its key in the article's setup and what this run has."""
    server, client = _sides(figures)
    plan = figures.manifest["plan"]
    yield "server's CPU", "server_cpu", _cpu(server)
    yield "client's CPU", "client_cpu", _cpu(client)
    yield "system", "system", _system(server)
    yield "Python", "python", _python(figures, server)
    workloads = [figures.catalog.workloads[name] for name in dict.fromkeys(cell.workload for cell in figures.cells)]
    if any(needs_database(workload) for workload in workloads):
        yield "database", "database", _database(server)
        rows = {str(workload["rows"]) for workload in workloads if workload.get("db_selects")}
        if rows:
            yield "rows of the table", "rows", " or ".join(sorted(rows))
    sizes = {f"{workload['file_bytes']:,} bytes" for workload in workloads if workload.get("file_bytes")}
    if sizes:
        yield "size of the file", "file_bytes", " or ".join(sorted(sizes))
    yield "load", "load", _load(figures)
    yield (
        "length of a run",
        "window",
        f"windows of {plan['window_s']:g} s after {plan['warmup_s']:g} s of warm-up, users arriving over"
        f" {plan['ramp_s']:g} s",
    )
    blocks = counted(blocks_of(figures.manifest), "block")
    yield "repeats", "repeats", f"{blocks}, the cells of each in an order of its own"
    yield "client's ports", "ports", _ports(figures, client)


def _sides(figures: RunFigures) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the facts of the server and of the first client; empty where there are none."""
    hosts: Mapping[str, Mapping[str, Any]] = figures.manifest["hosts"]
    servers = {trial["server"]["name"] for trial in figures.manifest["trials"]}
    server: Mapping[str, Any] = next((facts for host, facts in hosts.items() if host in servers), {})
    client: Mapping[str, Any] = next((facts for host, facts in hosts.items() if host not in servers), {})
    return server, client


def _cpu(facts: Mapping[str, Any]) -> str:
    model = facts.get("cpu_model")
    if not model:
        return UNKNOWN
    of = facts.get("cpu_set")
    return f"{model}, {counted(len(of), 'CPU')} of it" if isinstance(of, list) else str(model)


def _system(facts: Mapping[str, Any]) -> str:
    known = [facts.get("distribution"), facts.get("kernel") and f"kernel {facts['kernel']}"]
    return ", ".join(filter(None, known)) or UNKNOWN


def _python(figures: RunFigures, facts: Mapping[str, Any]) -> str:
    parts = [_build(facts.get("python") or {})]
    if any(cell.python == "modern" for cell in figures.cells):
        parts.append(f"today's: {_build(facts.get('python_modern') or {})}")
    return "; ".join(parts)


def _build(python: Mapping[str, Any]) -> str:
    if not python:
        return UNKNOWN
    version = str(python.get("version", "")).split(" ")[0]
    options = [f"{'with' if python.get(key) else 'without'} {key.upper()}" for key in ("pgo", "lto") if key in python]
    return ", ".join(filter(None, [version, python.get("compiler"), " and ".join(options)]))


def _database(facts: Mapping[str, Any]) -> str:
    known: Mapping[str, Any] = facts.get("database") or {}
    name = {"mariadb": "MariaDB", "mysql": "MySQL"}.get(str(known.get("engine")), known.get("engine"))
    return f"{name} {known['version']}, no container" if name and known.get("version") else UNKNOWN


def _load(figures: RunFigures) -> str:
    loads: dict[str, str] = {}
    for cell in figures.cells:
        generator = figures.catalog.generators[cell.generator]
        name = generator.get("user_class") or generator["tool"]
        text = f"{name}, {counted(generator['processes'], 'process').replace('processs', 'processes')}"
        loads.setdefault(f"{cell.profile}: {text}, {cell.users} users", "")
    return "; ".join(loads)


def _ports(figures: RunFigures, facts: Mapping[str, Any]) -> str:
    own = facts.get("sysctl") or {}
    parts = []
    for profile in dict.fromkeys(cell.profile for cell in figures.cells):
        values = {**own, **figures.catalog.profiles[profile].get("client_sysctls", {})}
        if span := str(values.get(PORTS) or ""):
            low, high = map(int, span.split())
            reuse = f", {REUSE.rsplit('.', 1)[1]} {values[REUSE]}" if values.get(REUSE) is not None else ""
            parts.append(f"{profile}: {low} to {high} ({high - low + 1:,}){reuse}")
    return "; ".join(parts) or UNKNOWN
