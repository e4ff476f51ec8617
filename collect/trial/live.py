"""The live line: which trial of how many, time left, requests/s, CPU of both sides."""

from __future__ import annotations

from typing import Any

BAR = " ▁▂▃▄▅▆▇█"
EVIDENCE_WIDTH = 150
"""Characters; all of the evidence is in the entry."""


def duration(seconds: float) -> str:
    """Return seconds as ``m:ss``."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def share(line: dict[str, Any] | None) -> str:
    """Return the CPU in use on a host's CPU set, as a bar and in cores."""
    if not line:
        return "  –  "
    busy, cpus = float(line["busy"]), int(line["cpus"])
    step = min(len(BAR) - 1, round(busy / cpus * (len(BAR) - 1)))
    return f"{BAR[step]} {busy:.2f}/{cpus}"


def live_line(
    spec: dict[str, Any],
    load: dict[str, Any],
    server: dict[str, Any] | None,
    client: dict[str, Any] | None,
    left_s: float,
) -> str:
    """Return one line for one second of a trial."""
    p95 = load.get("p95_ms")
    latency = f"p95 {p95:6.1f} ms" if isinstance(p95, int | float) else " " * 13
    failures = f"  {load['failures']} FAILURES" if load.get("failures") else ""
    return (
        f"  {title(spec)}  {load['phase']:<6}  {load.get('rps') or 0:6.0f} req/s  {latency}"
        f"  cpu: server {share(server)}  client {share(client)}  {duration(left_s)} left{failures}"
    )


def title(spec: dict[str, Any]) -> str:
    """Return which trial of how many, and of what."""
    cell, kind = spec["cell"], spec.get("kind", "cell")
    width = len(str(spec["total"]))
    text = f"[{spec['ordinal']:>{width}}/{spec['total']}] {cell['variant']:<17} {cell['workload']:<5}"
    if kind != "cell":
        text = f"{text}  {kind}"
    return f"{text}  {cell['generator']} {cell['profile']}"


def finished_line(spec: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return the line that stays when a trial is done."""
    validity = "" if summary["validity"] == "valid" else f"  {summary['validity']}: {'; '.join(summary['reasons'])}"
    change = f"  with {spec['intervention']}" if spec.get("intervention") else ""
    return (
        f"  {title(spec)}  {_number(summary, 'rps'):>8} req/s  p50 {_number(summary, 'latency_p50_ms')}"
        f"  p95 {_number(summary, 'latency_p95_ms')}  p99 {_number(summary, 'latency_p99_ms')} ms"
        f"  cpu: server {_number(summary, 'server_cpu_cores', 2)}  client {_number(summary, 'client_cpu_cores', 2)}"
        f"{change}{validity}{verdict(summary)}"
    )


def verdict(summary: dict[str, Any]) -> str:
    """Return what held the trial back and the evidence for it, in a line of its own; nothing where none was judged."""
    words = summary.get("limited_by")
    if not words:
        return ""
    evidence = summary.get("limited_by_evidence") or [""]
    sure = (summary.get("limited_by_confidence") or ["?"])[0]
    text = f"{words[0]} ({sure}): {evidence[0]}" + (f"; then {', '.join(words[1:])}" if words[1:] else "")
    return "\n      limited by " + (text if len(text) <= EVIDENCE_WIDTH else f"{text[: EVIDENCE_WIDTH - 1]}…")


def _number(summary: dict[str, Any], name: str, digits: int = 1) -> str:
    """Return a figure of the summary, a dash where it could not be measured."""
    value = summary[name]
    return "–" if value is None else f"{value:.{digits}f}"
