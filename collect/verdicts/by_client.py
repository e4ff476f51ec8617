"""What each of several clients was at its end of: the trial's words are of the fullest one, these are of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collect.verdicts import ports, processors
from collect.verdicts.ceilings import Ceilings
from collect.verdicts.processors import Trial
from collect.verdicts.readings import Reading
from collect.verdicts.thresholds import thresholds
from collect.verdicts.usage import Seconds

if TYPE_CHECKING:
    from collect.archive.raw import RawTrial
    from collect.archive.window import Window


def client_words(raw: RawTrial, window: Window, row: Mapping[str, Any], ceilings: Ceilings) -> dict[str, list[str]]:
    """Return what limited each client by itself, fullest first; nothing for one with room. ``row`` is the trial's."""
    limits = thresholds()
    trial = Trial(raw, Seconds.of(raw, window), row, ceilings, limits)
    readings: list[Reading] = [*processors.generators(trial), *processors.client_sets(trial)]
    readings += [ports.read(trial, window, [each]) for each in ports.client_ports(trial)]
    found: dict[str, list[tuple[float, str]]] = {series.host: [] for series in raw.clients}
    for reading in readings:
        if reading.full >= limits.rules["named_from"]:
            for host in (reading.host or raw.clients[0].host).split(", "):
                found[host].append((reading.full, reading.word))
    return {host: [word for _, word in sorted(words, key=lambda each: -each[0])] for host, words in found.items()}
