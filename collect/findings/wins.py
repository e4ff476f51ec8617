"""Where async wins: the places of a map of users and delays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collect.findings.given import Part, estimate_of, hypothesis_of, section, told
from collect.findings.prose import FEW, doubt, tally, times
from collect.findings.statement import (
    COUNTED,
    FOUND,
    Finding,
    Holds,
    Kind,
    Link,
    Said,
    Statement,
    by_test,
    tested,
)
from collect.report.extras import Extra
from collect.report.figures import RunFigures
from collect.report.words import counted

NAME = "map"
CLIENTS = {"new": "a Redis client for each request", "pool": "a pool of Redis clients"}


def _statements(figures: RunFigures, sections: Sequence[Extra]) -> list[Statement]:
    extra = section(sections, NAME)
    if extra is None:
        return []
    return [
        _statement(figures, extra, each, place)
        for each in extra.data["maps"]
        for place in each["places"]
        if place["ratio"]
    ]


def _statement(figures: RunFigures, extra: Extra, each: Part, place: Part) -> Statement:
    part = place["ratio"]
    client = CLIENTS.get(each["client"], each["client"])
    begin = f"With {counted(place['users'], 'user')}, {place['delay_ms']:g} ms of delay and {client}"
    rider = f"; {'; '.join(place['doubts'])}" if place["doubts"] else ""
    allowed = place["allowed_ratio"]
    law = f" (threads, users, delay and CPU allow {allowed:.2f})" if allowed else ""
    names = [place[side]["cell"] for side in ("async", "sync")]

    def say(holds: Holds) -> Finding:
        estimate = estimate_of(part)
        answered = f"{each['top']} answered {times(estimate)} as many requests as {each['bottom']}{law}"
        text, says = by_test(
            holds,
            few=f"{begin}, {answered}; {FEW}.",
            found=f"{begin}, {answered}{rider}.",
            none=f"{begin}, a difference between {each['top']} and {each['bottom']} cannot be told from none:"
            f" {times(estimate)} as many requests{doubt(estimate)}{law}{rider}.",
        )
        return told(figures, text, says, part, extra, names)

    return Statement(say, tested(differ=hypothesis_of(part)), about=bool(place["doubts"]))


def _summary(_: RunFigures, said: Said) -> Finding | None:
    if not said:
        return None
    own: list[Any] = [(statement, each) for statement, each in said if not statement.about]
    up = sum(each.says == FOUND and (each.figure or 0) > 1 for _, each in own)
    text = (
        f"Of {counted(len(said), 'place')} of users, delay and client, {len(own)} have ratios that are the servers'"
        f" own; of these the asynchronous server answers, {tally(own)}."
    )
    links = (Link("the map", NAME),)
    return Finding(text, COUNTED, float(up), "places", None, None, len(said), "sentences", links)


KIND = Kind("map", "Where async wins", _statements, _summary)
