"""Which cells of a plan are compared: those that differ in the variant alone, asynchronous against synchronous.

A plan without such a pair, such as one that holds a variant against itself under another name, compares its first two.
One with a design of settings (collect/designs) compares the two sides of each setting.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collect.serving import python_of

if TYPE_CHECKING:
    from collect.catalog import Catalog
    from collect.plan import Cell


def async_against_sync(catalog: Catalog, top: str, bottom: str) -> bool:
    """Say whether one variant's framework is asynchronous and the other's synchronous, both on the same Python."""
    one, other = (catalog.variants[variant] for variant in (top, bottom))
    styles = tuple(catalog.frameworks[entry["framework"]]["style"] for entry in (one, other))
    return styles == ("async", "sync") and python_of(one) == python_of(other)


def pairs_of(
    cells: Sequence[Cell], catalog: Catalog, design: Mapping[str, Any] | None = None
) -> list[tuple[Cell, Cell]]:
    """Return the pairs whose ratio, first over second, is asked for; none where no two cells share a load."""
    if design and "rows" in design:
        named = {cell.name: cell for cell in cells}
        sides = ((row["cells"]["async"], row["cells"]["sync"]) for row in design["rows"])
        return list(dict.fromkeys((named[top], named[bottom]) for top, bottom in sides))
    alike = [(top, bottom) for load in _loads(cells) for top, bottom in itertools.permutations(load, 2)]
    found = [pair for pair in alike if async_against_sync(catalog, pair[0].variant, pair[1].variant)]
    if found:
        return found
    first_two = tuple(dict.fromkeys(cell.variant for cell in cells))[:2]
    return [pair for pair in alike if (pair[0].variant, pair[1].variant) == first_two]


def groups_of(cells: Sequence[Cell], catalog: Catalog, design: Mapping[str, Any] | None = None) -> list[list[Cell]]:
    """Return the cells in groups, those together that are compared, if by way of a third; in the cells' own order."""
    group = {cell: [cell] for cell in cells}
    for top, bottom in pairs_of(cells, catalog, design):
        if group[top] is not group[bottom]:
            joined = [cell for cell in cells if cell in group[top] or cell in group[bottom]]
            group |= dict.fromkeys(joined, joined)
    return list({id(each): each for each in group.values()}.values())


def _loads(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Yield the cells that differ in the variant alone."""
    loads: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        loads.setdefault((cell.workload, cell.generator, cell.users, cell.profile), []).append(cell)
    yield from loads.values()
