"""The report's section on where async wins: heat maps of the ratio, and beside them what Little's law allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collect.designs.map import Map, Place, Side, maps
from collect.report.chart import Chart
from collect.report.extras import Extra
from collect.report.figures import CellFigures, RunFigures
from collect.report.heat import Square, heat_map, ratio_color, share_color
from collect.report.words import NOTHING, counted, number, percent
from collect.statistics.blocks import MIN_BLOCKS

HEAD = (
    "users", "delay ms", "sync requests/s", "async requests/s", "async / sync", "from", "to", "p, of all places",
    "faster", "sync allowed", "by", "taken", "async allowed", "by", "taken", "allowed ratio", "sync limited by",
    "async limited by", "failed",
)  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What the template shows."""

    lead: str
    maps: Sequence[tuple[Map, Sequence[Sequence[Any]]]]
    head: Sequence[str]
    relay: Mapping[str, Any]
    cost: Sequence[str]


def section(figures: RunFigures) -> Extra | None:
    """Return the section; None for a run that is no map."""
    found = maps(figures)
    if not found:
        return None
    tables = [(each, [_row(place) for place in each.places]) for each in found]
    relay: Mapping[str, Any] = (figures.manifest.get("ceilings") or {}).get("relay") or {}
    lead, cost = _lead(found), list(_cost(figures, relay))
    return Extra(
        name="map",
        title="Where async wins: users against the delay of Redis",
        template="report_map.html.j2",
        content=Content(lead, tables, HEAD, relay, cost),
        data=_data(found, relay),
        lines=[lead, *(line for each in found for line in _lines(each)), *cost],
        draw=lambda: [chart for each in found for chart in _charts(each)],
        leads=True,
    )


def delay_name(delay_ms: float) -> str:
    """Return a delay as the axis has it."""
    return f"{delay_ms:g} ms"


def _charts(each: Map) -> Iterator[Chart]:
    columns = [f"{users:,}" for users in each.users]
    rows = [delay_name(delay) for delay in each.delays_ms]
    axes = {"x": "users", "y": "delay of Redis"}
    body = [_row(place) for place in each.places]
    whole = heat_map([_ratio_square(place) for place in each.places], columns, rows, **axes)
    note = "Framed and bold: it can be told from 1, with all places of all maps counted. !: not the servers' own."
    yield Chart(f"{each.top} / {each.bottom}, measured", note, whole, HEAD, body)
    allowed = [
        Square(
            f"{place.users:,}",
            delay_name(place.delay_ms),
            number(place.allowed_ratio, 1),
            ratio_color(_log(place.allowed_ratio)),
            f"{_bound(place.bottom)}; {_bound(place.top)}",
        )
        for place in each.places
    ]
    note = "What threads / delay against users / delay, and the CPU of a request, leave of it at most."
    yield Chart("The ratio that Little's law allows", note, heat_map(allowed, columns, rows, **axes), HEAD, body)
    for name, pick in ((each.bottom, "bottom"), (each.top, "top")):
        squares = [_taken_square(place, getattr(place, pick)) for place in each.places]
        note = "Measured, as a share of what Little's law and the CPU allow."
        yield Chart(f"{name}: taken of what is allowed", note, heat_map(squares, columns, rows, **axes), HEAD, body)


def _ratio_square(place: Place) -> Square:
    where = f"{place.users:,}", delay_name(place.delay_ms)
    if place.ratio is None:
        return Square(*where, NOTHING, ratio_color(None), "no block holds a valid trial of both")
    told = f"{number(place.ratio.value)} ({_span(place)}); {_rates(place)}"
    if place.doubts:
        told += f"; {'; '.join(place.doubts)}"
    text = number(place.ratio.value, 1 if place.ratio.value >= 10 else 2) + " !" * bool(place.doubts)
    return Square(*where, text, ratio_color(place.ratio.log), told, strong=place.ratio.known)


def _taken_square(place: Place, side: Side) -> Square:
    told = f"{number(side.rps, 1)}/s of {_bound(side)}"
    text = NOTHING if side.taken_share is None else percent(side.taken_share)
    return Square(f"{place.users:,}", delay_name(place.delay_ms), text, share_color(side.taken_share), told)


def _row(place: Place) -> list[Any]:
    ratio = place.ratio
    figures = [ratio.value, ratio.low, ratio.high, ratio.p_holm] if ratio else [None] * 4
    sides = [value for side in (place.bottom, place.top) for value in _allowed(side)]
    limits = [side.cell.verdict.short for side in (place.bottom, place.top)]
    failed = max(place.bottom.failed_share, place.top.failed_share)
    return [
        place.users, place.delay_ms, place.bottom.rps, place.top.rps, *figures, place.wins, *sides,
        place.allowed_ratio, *limits, percent(failed) if failed else "",
    ]  # fmt: skip


def _allowed(side: Side) -> list[Any]:
    return [side.bound.allowed_rps, side.bound.text, side.taken_share]


def _bound(side: Side) -> str:
    return f"{side.cell.variant}: {number(side.bound.allowed_rps, 0)}/s by {side.bound.text}"


def _rates(place: Place) -> str:
    return f"{number(place.top.rps, 1)} against {number(place.bottom.rps, 1)}/s"


def _span(place: Place) -> str:
    assert place.ratio is not None
    if place.ratio.low is None or place.ratio.high is None:
        return f"no interval from fewer than {MIN_BLOCKS} blocks"
    return f"{place.ratio.low:.2f} to {place.ratio.high:.2f}"


def _log(ratio: float | None) -> float | None:
    return math.log(ratio) if ratio else None


def _lead(found: Sequence[Map]) -> str:
    """Return how often each side is faster, and where by most."""
    places = [place for each in found for place in each.places]
    count = Counter(place.wins for place in places)
    blocks = min((place.ratio.blocks for place in places if place.ratio), default=0)
    said = [f"async is faster at {count['async']}", f"sync at {count['sync']}"]
    said += [f"at {count['unknown']} they cannot be told apart"] * bool(count["unknown"])
    said += [f"at {count['in doubt']} it is not known"] * bool(count["in doubt"])
    told = f"Of {counted(len(places), 'place')} in {counted(blocks, 'block')}, {', '.join(said)}."
    won = [
        (place.ratio.value, each, place)
        for each in found
        for place in each.places
        if place.ratio and place.wins == "async"
    ]
    if won:
        most, each, place = max(won, key=lambda item: item[0])
        told += (
            f" By most, {number(most, 1)} times ({_span(place)}), with {counted(place.users, 'user')} and"
            f" {delay_name(place.delay_ms)}, client {each.client}: {_bound(place.bottom)}."
        )
    return told


def _lines(each: Map) -> Iterator[str]:
    """Draw a map in text: a row a delay, a column a number of users; * told from 1, ! not the servers' own."""
    yield f"{each.top} / {each.bottom} (allowed by Little's law); * told from 1, ! not the servers' own"
    yield "".join([f"{'users':>10}", *(f"{users:>18,}" for users in each.users)])
    for delay in each.delays_ms:
        cells = [_short(each.at(users, delay)) for users in each.users]
        yield "".join([f"{delay_name(delay):>10}", *(f"{cell:>18}" for cell in cells)])


def _short(place: Place | None) -> str:
    if place is None or place.ratio is None:
        return NOTHING
    marks = "*" * place.ratio.known + "!" * bool(place.doubts)
    return f"{place.ratio.value:.2f}{marks} ({number(place.allowed_ratio, 1)})"


def _cost(figures: RunFigures, relay: Mapping[str, Any]) -> Iterator[str]:
    """Say what holding answers up costs: the delay beyond what was asked for, the rate through it, its CPU."""
    if "missing" in relay:
        yield f"What holds up Redis' answers was not measured: {relay['missing']}."
    elif relay:
        who = "netem of the server's kernel" if relay["by"] == "netem" else f"a relay (no netem: {relay['why']})"
        yield f"Redis' answers were held up by {who}."
        through, alone = relay.get("through") or {}, (figures.manifest["ceilings"].get("redis") or {})
        if "gets_per_s" in through and "gets_per_s" in alone:
            share = through["gets_per_s"] / alone["gets_per_s"]
            yield (
                f"redis-benchmark reached {through['gets_per_s']:,.0f} GETs/s through it with"
                f" {through['clients']:,} clients, {share:.0%} of the {alone['gets_per_s']:,.0f} without."
            )
    used = [cell for cell in figures.cells if cell.means.get("relay_cpu_cores") is not None and cell.rps]
    if used:
        most = max(used, key=lambda cell: cell.means["relay_cpu_cores"] or 0)
        yield (
            f"The relay took {number(most.means['relay_cpu_cores'])} of a core at most ({most.name}), and"
            f" {_each_ms(used, 'pool', figures)} ms of CPU a request where connections are kept,"
            f" {_each_ms(used, 'new', figures)} where each is new. Both sides pay it, on the server's own CPU set."
        )


def _each_ms(cells: Sequence[CellFigures], client: str, figures: RunFigures) -> str:
    """Return the relay's CPU for a request in ms: over all cells with that client, by their rates."""
    mine = [cell for cell in cells if figures.catalog.variants[cell.variant]["client"] == client and cell.rps]
    rate = sum(cell.rps.value for cell in mine if cell.rps)
    return number(1000 * sum(cell.means["relay_cpu_cores"] or 0 for cell in mine) / rate, 3) if rate else NOTHING


def _data(found: Sequence[Map], relay: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of it as plain data."""
    places = [place for each in found for place in each.places]
    return {
        "looked_at": sum(place.ratio is not None and place.ratio.p is not None for place in places),
        "wins": dict(Counter(place.wins for place in places)),
        "maps": [
            {
                "client": each.client, "top": each.top, "bottom": each.bottom, "users": each.users,
                "delays_ms": each.delays_ms, "places": [_place_data(place) for place in each.places],
            }
            for each in found
        ],
        "relay": dict(relay),
    }  # fmt: skip


def _place_data(place: Place) -> dict[str, Any]:
    return {
        "users": place.users,
        "delay_ms": place.delay_ms,
        "ratio": place.ratio and place.ratio.to_json(),
        "allowed_ratio": place.allowed_ratio,
        "wins": place.wins,
        "doubts": place.doubts,
        "async": _side_data(place.top),
        "sync": _side_data(place.bottom),
    }


def _side_data(side: Side) -> dict[str, Any]:
    return {
        "cell": side.cell.name,
        "rps": side.rps,
        "slots": side.bound.slots,
        "wait_s": side.bound.wait_s,
        "cpu_s": side.bound.cpu_s,
        "little_rps": side.bound.little_rps,
        "allowed_rps": side.bound.allowed_rps,
        "allowed_by": side.bound.by,
        "taken_share": side.taken_share,
        "failed_share": side.failed_share,
        "limited_by": side.cell.verdict.word,
    }
