"""In which order the cells of a block are measured: at random, or those that are compared side by side.

Each item's place is drawn by a Fisher-Yates shuffle from the last position down, the partner chosen as
``int(random() * (i + 1))``. Python promises that ``random()`` yields the same sequence for a seed in every version
(library reference, "Notes on Reproducibility"); it promises no such thing of ``shuffle``. So a seed means one order for
good.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

RANDOM, ADJACENT = "random", "adjacent"

Item = TypeVar("Item")


def shuffled(items: Sequence[Item], generator: random.Random) -> list[Item]:
    """Return the items in an order of the generator's."""
    order = list(items)
    for i in range(len(order) - 1, 0, -1):
        j = int(generator.random() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def side_by_side(groups: Sequence[Sequence[Item]], generator: random.Random) -> list[Item]:
    """Return the items of all groups, each group's together: the groups shuffled first, then each in its turn.

    What drifts slowly, as a machine's speed does, meets neighbours alike and drops out of their ratio.
    """
    return [item for group in shuffled(groups, generator) for item in shuffled(group, generator)]
