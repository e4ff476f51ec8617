"""Two-level fractions: their runs, what is confounded with what, and how far it can be told apart.

A factor at -1 is at the article's level, at +1 on equal terms. Box and Hunter (1961), "The 2^(k-p) fractional factorial
designs", Technometrics 3.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collect.designs.model import Setting
from collect.documents import load_yaml, nearest
from collect.errors import BenchError
from collect.paths import DATA_DIR

LEAST_RESOLUTION = 4
"""Main effects clear of one another and of interactions of two."""

Product = tuple[str, ...]
"""The factors whose levels are multiplied, in the design's order."""


@dataclass(frozen=True)
class Fraction:
    """Which settings are measured. ``full`` factors are crossed with the fraction of the others."""

    names: tuple[str, ...]
    full: tuple[str, ...]
    generators: Mapping[str, tuple[str, ...]]

    @functools.cached_property
    def words(self) -> list[Setting]:
        """The defining words: products that are +1 in every run."""
        own = [frozenset({name, *parents}) for name, parents in self.generators.items()]
        found = []
        for count in range(1, len(own) + 1):
            for some in itertools.combinations(own, count):
                found.append(functools.reduce(frozenset.symmetric_difference, some))
        return found

    @property
    def resolution(self) -> int | None:
        """The length of the shortest word; None where all combinations are measured."""
        return min(map(len, self.words), default=None)

    def settings(self) -> list[Setting]:
        """Return the runs, the first factor changing fastest."""
        basic = [name for name in self.names if name not in self.generators]
        found = []
        for levels in itertools.product((-1, 1), repeat=len(basic)):
            level = dict(zip(basic, levels[::-1], strict=True))
            for name, parents in self.generators.items():
                level[name] = math.prod(level[parent] for parent in parents)
            found.append(frozenset(name for name, sign in level.items() if sign > 0))
        return found

    def terms(self) -> list[tuple[Product, ...]]:
        """Return what can be estimated: main effects, interactions of two, of more among the full factors.

        Those that no run can tell apart stand in one group. What is confounded with a main effect or an interaction of
        two is left to these: larger interactions are taken to be smaller.
        """
        products = [*((name,) for name in self.names), *itertools.combinations(self.names, 2)]
        for size in range(3, len(self.full) + 1):
            products += itertools.combinations([name for name in self.names if name in self.full], size)
        groups: dict[Setting, list[Product]] = {}
        for product in products:
            group = groups.setdefault(self._identity(frozenset(product)), [])
            if not group or len(product) == len(group[0]):
                group.append(product)
        groups.pop(frozenset(), None)
        return [tuple(group) for group in groups.values()]

    def _identity(self, product: Setting) -> Setting:
        """Return one and the same product for all that are confounded."""
        alike = [product, *(product ^ word for word in self.words)]
        return min(alike, key=lambda each: (len(each), sorted(map(self.names.index, each))))


def fraction(
    names: Sequence[str], full: Sequence[str], where: str, generators: Mapping[str, Sequence[str]] | None = None
) -> Fraction:
    """Return the fraction for these factors: by the table of the data, or by generators of a plan's own.

    BenchError, which tells the place ``where``, for a design that is singular or of too low a resolution.
    """
    for name in full:
        if name not in names:
            raise BenchError(
                f'full names "{name}", which is none of the factors', f"{where}.full", nearest(name, names)
            )
    rest = [name for name in names if name not in full]
    chosen = {name: tuple(parents) for name, parents in generators.items()} if generators else _of_table(rest, where)
    for name, parents in chosen.items():
        _check(name, parents, rest, chosen, f"{where}.generators")
    made = Fraction(tuple(names), tuple(full), chosen)
    if made.resolution is not None and made.resolution < LEAST_RESOLUTION:
        shortest: Setting = next(word for word in made.words if len(word) == made.resolution)
        word = sorted(shortest, key=list(names).index)
        why = f"the design is of resolution {made.resolution}: {word[0]} cannot be told from {' x '.join(word[1:])}"
        raise BenchError(
            why, f"{where}.generators", f"make every word {LEAST_RESOLUTION} factors long, or leave it away"
        )
    return made


def _of_table(rest: Sequence[str], where: str) -> dict[str, tuple[str, ...]]:
    table: Mapping[int, Mapping[str, str]] = _table()
    if len(rest) > max(table):
        remedy = f"use at most {max(table)} factors beside those of full, or give generators"
        raise BenchError(f"no fraction is known for {len(rest)} factors", f"{where}.factors", remedy)
    letter = dict(zip("ABCDEFGHIJKL", rest, strict=False))
    return {letter[name]: tuple(letter[each] for each in parents) for name, parents in table.get(len(rest), {}).items()}


@functools.cache
def _table() -> dict[int, dict[str, str]]:
    """Return the fractions of the data by the number of factors."""
    return {int(count): generators for count, generators in load_yaml(DATA_DIR / "fractions.yml").items()}


def _check(name: str, parents: Sequence[str], rest: Sequence[str], chosen: Mapping[str, object], where: str) -> None:
    for each in (name, *parents):
        if each not in rest:
            raise BenchError(f'"{each}" is none of the factors that are not full', where, nearest(each, rest))
    generated = [parent for parent in parents if parent in chosen]
    if generated or len(set(parents)) != len(parents):
        why = f"the design is singular: {name} is made of {generated[0] if generated else parents[0]}"
        raise BenchError(
            f"{why}{'' if generated else ' twice'}", where, "name factors that have no generator, each once"
        )
    if len(parents) % 2 == 0:
        why = f"{name} is made of {len(parents)} factors, so that the article's own setup is none of the runs"
        raise BenchError(why, where, "name an odd number of them, 3 or more")
