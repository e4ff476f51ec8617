"""Long series made short for drawing, and no peak hidden: of each stretch the least and the largest values stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Columns = dict[str, list[Any]]
"""Columns of equal length by name; None is a value that is not known."""
AT = "at_s"
"""The column that says where on the time axis a row is."""
MOST_ROWS = 1500
"""Rows of a series that are drawn at most: a trial of 25 minutes at a tick a second is drawn whole."""
SAID = (
    "Too long to be drawn whole: of each stretch the least and the largest value of every line are drawn, where they"
    " were, so that no peak is hidden."
)


def thinned(columns: Columns, most: int = MOST_ROWS) -> tuple[Columns, bool]:
    """Return columns in as many rows as are drawn at most, and whether these are fewer than there were."""
    rows = kept([values for name, values in columns.items() if name != AT], most)
    if len(rows) == len(columns[AT]):
        return columns, False
    return {name: [values[row] for row in rows] for name, values in columns.items()}, True


def kept(columns: Sequence[Sequence[float | None]], most: int = MOST_ROWS) -> list[int]:
    """Return which rows of columns of equal length to draw, in order; all of them where they are ``most`` at most.

    More are cut into stretches of equal length; of each, those rows stay in which some column is at its least or its
    largest, and the first and the last row of all. ``most`` has to leave room for one stretch: two rows a column, and
    two.
    """
    count = len(columns[0]) if columns else 0
    if count <= most:
        return list(range(count))
    stretches = (most - 2) // (2 * len(columns))
    assert stretches > 0
    data = np.array([[np.nan if value is None else value for value in column] for column in columns], dtype=np.float64)
    places = {0, count - 1}
    for part in np.array_split(np.arange(count), stretches):
        for values in data[:, part]:
            if not np.isnan(values).all():
                places |= {int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])}
    return sorted(places)
