"""Log rates that follow from known effects of factors, by cell and block, as a run would leave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from collect.designs.factorial import fraction
from collect.designs.model import FACTORIAL, LADDER, SIDES, Design, Factor, Row, Setting, ladder_settings

Effects = Mapping[str, Mapping[tuple[str, ...], float]]
"""By side and factors: what is added to the log rate where all of these are on equal terms."""


def ladder_design(names: Sequence[str], on: Mapping[str, tuple[str, ...]] | None = None) -> Design:
    return _design(LADDER, names, ladder_settings(names), on or {})


def factorial_design(
    names: Sequence[str], full: Sequence[str] = (), on: Mapping[str, tuple[str, ...]] | None = None
) -> Design:
    made = fraction(names, full, "here")
    return _design(FACTORIAL, names, made.settings(), on or {}, tuple(full), made.generators, made.resolution)


def _design(
    kind: str, names: Sequence[str], settings: Iterable[Setting], on: Mapping[str, tuple[str, ...]],
    full: tuple[str, ...] = (), generators: Mapping[str, tuple[str, ...]] | None = None, resolution: int | None = None,
) -> Design:  # fmt: skip
    factors = tuple(Factor(name, f"the {name}", "article's", "equal", on.get(name, SIDES)) for name in names)

    def cell(side: str, setting: Setting) -> str:
        own = [factor.name for factor in factors if side in factor.on and factor.name in setting]
        return "-".join([side, *own])

    rows = tuple(Row(setting, {side: cell(side, setting) for side in SIDES}) for setting in settings)
    return Design(kind, "redis", 10, factors, rows, full, generators or {}, resolution)


def log_rates(
    design: Design, effects: Effects, *, blocks: int = 5, noise: float = 0.0, memory: float = 0.0, seed: int = 1,
    base: Mapping[str, float] | None = None, adjacent: bool = False,
) -> dict[str, dict[int, float]]:  # fmt: skip
    """Return log rates: each block's cells in random order, noise with that memory from trial to trial.

    ``adjacent``: the two sides of a setting one after the other, the settings in random order.
    """
    random = np.random.default_rng(seed)
    rows = {row.cells[side]: (side, row.equal) for row in reversed(design.rows) for side in SIDES}
    on = {factor.name: factor.on for factor in design.factors}
    found: dict[str, dict[int, float]] = {cell: {} for cell in rows}
    error = random.normal(0, noise) if noise else 0.0
    for block in range(1, blocks + 1):
        shift = random.normal(0, 0.1)
        order = [list(rows)[index] for index in random.permutation(len(rows))]
        if adjacent:
            settings = [design.rows[index] for index in random.permutation(len(design.rows))]
            pairs = [[row.cells[SIDES[index]] for index in random.permutation(2)] for row in settings]
            order = list(dict.fromkeys(cell for pair in pairs for cell in pair))
        for cell in order:
            side, equal = rows[cell]
            error = memory * error + (random.normal(0, noise) * (1 - memory**2) ** 0.5 if noise else 0.0)
            own = {name for name in equal if side in on[name]}
            parts = sum(size for names, size in effects.get(side, {}).items() if set(names) <= own)
            found[cell][block] = (base or {"sync": 5.8, "async": 6.6})[side] + shift + parts + error
    return found
