"""What the article left out: which run length, ramp, ports and speed of its client explain its figures best.

Each hypothesis is one choice of all of them. Its figures are cut out of what was measured: the plan's profiles have the
ranges of ports and the client's speeds, each trial's seconds the shorter runs, with the ramp and without.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from collect.archive.query import open_run
from collect.designs.cuts import LATEST, MEAN, Seconds, by_second
from collect.designs.fits import (
    Figure,
    Floats,
    enough_blocks,
    fits,
    interval,
    least_blocks,
    means,
    resampled,
    stretched,
    told_apart,
)
from collect.report.article import article_figures, side_of
from collect.report.figures import Row, RunFigures, kind, usable
from collect.verdicts.findings import CLIENT_PORTS
from collect.verdicts.ports import RANGE, port_count

KIND = "hypotheses"
LEAST_RATE = 0.1
"""In requests/s: a run that stands still has no logarithm."""
FACTORS = ("ports", "client_speed", "length_s", "ramp", "reading")
Name = tuple[str, str]
"""A figure of the article: framework and workload."""


@dataclass(frozen=True)
class Hypothesis:
    """How the article may have measured."""

    ports: int
    """That its client hands out."""
    client_speed: float
    """Of its client against its server; 1 where neither was slowed down."""
    length_s: int
    """From the first user on."""
    ramp: bool
    """Whether its users came one after the other."""
    reading: str
    """What it read off Locust: the mean, or the latest RPS."""


@dataclass(frozen=True)
class Fit:
    """One hypothesis against the article."""

    hypothesis: Hypothesis
    fit: float
    fit_by_text: float
    """Where the article's prose gives another figure than its table, with that one."""
    low: float | None
    high: float | None
    apart: bool | None
    """Whether it is known to be worse than the best; None where that cannot be said."""
    factor: float
    """Our figures over the article's, the geometric mean."""
    rates: Mapping[Name, float]


@dataclass(frozen=True)
class Level:
    """One choice of one thing, over all hypotheses that share it."""

    factor: str
    level: Any
    mean: float
    """Of their fits."""
    best: float
    beyond: tuple[float, float] | None
    """By how much the mean is above that of the factor's best level: a 95 % interval; None for the best itself."""


@dataclass(frozen=True)
class Kept:
    """Of one variant's trials, whether its ports can run out: why it needs no long runs, or why it does."""

    variant: str
    connections_each: float | None
    """Per request, the most of its trials."""
    held_by_ports: int
    trials: int
    seconds: int
    """Of load in its shortest trial, from the first user on."""


@dataclass(frozen=True)
class Hypotheses:
    """The whole answer."""

    names: Sequence[Name]
    article: Mapping[Name, float]
    fits: Sequence[Fit]
    """The best first."""
    levels: Sequence[Level]
    kept: Sequence[Kept]
    blocks: int
    missing: Sequence[str]
    """Figures of the article that were not measured in all of the profiles."""

    @property
    def untold(self) -> Sequence[Fit]:
        """Return those that cannot be told apart from the best one; that one alone where nothing can be said."""
        return [each for number, each in enumerate(self.fits) if number == 0 or each.apart is False]


def hypotheses(figures: RunFigures) -> Hypotheses | None:
    """Return the fits of all hypotheses of a run; None where its plan has none, or too little of it was measured."""
    return figures.once(_hypotheses)


def _hypotheses(figures: RunFigures) -> Hypotheses | None:
    design = figures.manifest["plan"].get("design") or {}
    if design.get("kind") != KIND or figures.archive is None:
        return None
    trials = _trials(figures)
    ramps = (True, False) if figures.manifest["plan"]["ramp_s"] > 0 else (False,)
    with open_run(figures.archive, figures.run_id) as database:
        seconds = {ramp: by_second(database, ramp=ramp) for ramp in ramps}
    told = {
        (framework, workload): figure
        for workload, row in article_figures(figures.catalog).items()
        for framework, figure in row.items()
    }
    profiles = _profiles(figures)
    names = [name for name in told if all(_measured(trials, name, levels, profiles) for levels in profiles.values())]
    if len(names) < 3:
        return None
    every = [
        Hypothesis(*levels, length, ramp, reading)
        for levels, length, ramp, reading in itertools.product(
            sorted(set(profiles.values())), sorted(design["lengths_s"]), ramps, (MEAN, LATEST)
        )
    ]
    sets = [[_figure(name, each, trials, seconds[each.ramp], profiles) for name in names] for each in every]
    logs = np.log([told[name].rps for name in names])
    by_text = np.log([told[name].text_rps or told[name].rps for name in names])
    values, texts, centre = fits(means(sets), logs), fits(means(sets), by_text), means(sets)
    blocks = least_blocks(sets)
    draws = stretched(fits(resampled(sets), logs), blocks) if enough_blocks(sets) else None
    apart = None if draws is None else told_apart(values, draws)
    found = []
    for row, each in enumerate(every):
        low, high = (None, None) if draws is None else interval(float(values[row]), draws[:, row])
        worse = None if apart is None else bool(apart[row])
        factor = math.exp(float((centre[row] - logs).mean()))
        rates = {name: math.exp(centre[row, column]) for column, name in enumerate(names)}
        found.append(Fit(each, float(values[row]), float(texts[row]), low, high, worse, factor, rates))
    return Hypotheses(
        names,
        {name: told[name].rps for name in names},
        sorted(found, key=lambda each: each.fit),
        _levels(every, values, draws),
        _kept(figures, seconds[ramps[0]]),
        blocks,
        [f"{framework}, {workload}" for framework, workload in told if (framework, workload) not in names],
    )


Trials = Mapping[tuple[Name, str], Mapping[int, str]]
"""By figure and profile: the trial of each block."""


def _trials(figures: RunFigures) -> Trials:
    found: dict[tuple[Name, str], dict[int, str]] = defaultdict(dict)
    for row in usable(row for row in figures.rows if kind(row) == "cell"):
        side = side_of(figures.catalog.variants[row["variant"]])
        if side:
            found[(side, row["workload"]), row["profile"]][row["block"]] = row["trial_id"]
    return found


def _profiles(figures: RunFigures) -> dict[str, tuple[int, float]]:
    """Return the ports and the client's relative speed that each profile stands for."""
    servers = {trial["server"]["name"] for trial in figures.manifest["trials"]}
    clients = [facts for host, facts in figures.manifest["hosts"].items() if host not in servers]
    own = port_count((clients[0].get("sysctl") or {}).get(RANGE)) if clients else None
    found = {}
    for name in dict.fromkeys(cell["profile"] for cell in figures.manifest["plan"]["cells"]):
        profile = figures.catalog.profiles[name]
        quota = profile.get("cpu_quota", {})
        ports = port_count(profile["client_sysctls"].get(RANGE)) or own or 0
        found[name] = (ports, round(quota.get("client", 1.0) / quota.get("server", 1.0), 4))
    return found


def _measured(
    trials: Trials, name: Name, levels: tuple[int, float], profiles: Mapping[str, tuple[int, float]]
) -> str | None:
    """Return the profile whose trials show a figure at these levels; None where it was not measured.

    Where it was not measured with such a range of ports, another range stands for it, at the same speed: the plan
    leaves out variants that keep their connections.
    """
    same = [profile for profile, own in profiles.items() if own == levels and (name, profile) in trials]
    alike = [profile for profile, own in profiles.items() if own[1] == levels[1] and (name, profile) in trials]
    return next(iter(same + alike), None)


def _figure(
    name: Name,
    each: Hypothesis,
    trials: Trials,
    seconds: Mapping[str, Seconds],
    profiles: Mapping[str, tuple[int, float]],
) -> Figure:
    profile = _measured(trials, name, (each.ports, each.client_speed), profiles)
    assert profile is not None
    rates = {block: seconds[trial].rate(each.length_s, each.reading) for block, trial in trials[name, profile].items()}
    return Figure((name, profile), {block: math.log(max(rate, LEAST_RATE)) for block, rate in rates.items()})


def _levels(every: Sequence[Hypothesis], values: Floats, draws: Floats | None) -> list[Level]:
    """Return each choice with the fits of all hypotheses that make it, against the factor's best choice."""
    found = []
    for factor in FACTORS:
        chosen = [getattr(each, factor) for each in every]
        having = {level: np.array([choice == level for choice in chosen]) for level in dict.fromkeys(chosen)}
        if len(having) < 2:
            continue
        best = min(having, key=lambda level: float(values[having[level]].mean()))
        for level, those in having.items():
            mean = float(values[those].mean())
            beyond = None
            if draws is not None and level != best:
                apart = draws[:, those].mean(axis=1) - draws[:, having[best]].mean(axis=1)
                beyond = interval(mean - float(values[having[best]].mean()), apart)
            found.append(Level(factor, level, mean, float(values[those].min()), beyond))
    return found


def _kept(figures: RunFigures, seconds: Mapping[str, Seconds]) -> list[Kept]:
    by_variant: dict[str, list[Row]] = defaultdict(list)
    for row in usable(row for row in figures.rows if kind(row) == "cell"):
        by_variant[row["variant"]].append(row)
    found = []
    for variant, rows in by_variant.items():
        each = [row["connections"] / row["requests"] for row in rows if row.get("connections") is not None]
        held = sum((row.get("limited_by") or [""])[0] == CLIENT_PORTS for row in rows)
        shortest = min(len(seconds[row["trial_id"]].counts) for row in rows)
        found.append(Kept(variant, max(each, default=None), held, len(rows), shortest))
    return found


def hypotheses_data(found: Hypotheses) -> dict[str, Any]:
    """Return the answer as plain data."""
    return {
        "figures": [
            {"framework": name[0], "workload": name[1], "article_rps": found.article[name]} for name in found.names
        ],
        "missing": list(found.missing),
        "blocks": found.blocks,
        "fits": [
            {
                **asdict(each.hypothesis),
                "fit": each.fit,
                "fit_by_text": each.fit_by_text,
                "low": each.low,
                "high": each.high,
                "told_apart": each.apart,
                "factor": each.factor,
                "rates": [each.rates[name] for name in found.names],
            }
            for each in found.fits
        ],
        "untold": len(found.untold),
        "levels": [
            {**asdict(each), "beyond": None if each.beyond is None else list(each.beyond)} for each in found.levels
        ],
        "kept": [asdict(each) for each in found.kept],
    }
