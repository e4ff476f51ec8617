"""Experiments that never happened: log ratios of two cells, block by block, with the noise that our own runs show.

Within a cell the log rates differ from block to block by 0.07 to 0.23. What is left of them when cell and block are
taken off is correlated in time by 0.48 from trial to trial, by 0.39, 0.34 and so on further apart, down to 0.1 at five
trials: as a slow part, of which 0.8 is left a trial later, and a part without memory make. The log ratio of two cells
side by side then has a standard deviation of 0.14, of cells anywhere in a block of 24 one of 0.20, as was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """What a block is made of; deviations of log rates."""

    cells: int = 24
    adjacent: bool = False
    """Whether the two that are compared stand side by side."""
    deviation: float = 0.14
    """Of a trial, its block's effect apart."""
    slow_share: float = 0.6
    """Of its variance: the part that has a memory."""
    memory: float = 0.8
    """What is left of that part one trial later."""
    block_deviation: float = 0.10
    """Of what meets all cells of a block alike."""
    drift: float = 0.5
    """By how much all rates change along 1,000 trials, up and down again, twice."""
    heavy: bool = False
    """Whether the part without memory has heavy tails (Student's t with four degrees of freedom)."""


def log_ratios(noise: Noise, experiments: int, blocks: int, seed: int, truth: float = 0.0) -> Floats:
    """Return a row an experiment, a column a block: the log of the ratio of two cells whose true one is ``truth``."""
    rng = np.random.default_rng(seed)
    top, bottom = _positions(noise, rng, experiments, blocks)
    found = np.full((experiments, blocks), truth)
    slow = rng.normal(0, 1, experiments)
    kept, added = noise.memory, np.sqrt(1 - noise.memory**2)
    deviations = noise.deviation * np.sqrt([noise.slow_share, 1 - noise.slow_share])
    shock = np.sqrt(0.5) * rng.standard_t(4, (2, experiments, blocks)) if noise.heavy else rng.normal(
        0, 1, (2, experiments, blocks)
    )  # fmt: skip
    for block in range(blocks):
        shared = noise.block_deviation * rng.normal(0, 1, experiments)
        for position in range(noise.cells):
            slow = kept * slow + added * rng.normal(0, 1, experiments)
            at = block * noise.cells + position
            level = shared + deviations[0] * slow + noise.drift * np.sin(4 * np.pi * at / 1000)
            for sign, place, part in ((1, top, 0), (-1, bottom, 1)):
                here = place[:, block] == position
                found[here, block] += sign * (level + deviations[1] * shock[part, :, block])[here]
    return found


def _positions(
    noise: Noise, rng: np.random.Generator, experiments: int, blocks: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the two cells stand in each block."""
    size = (experiments, blocks)
    if noise.adjacent:
        first = 2 * rng.integers(0, noise.cells // 2, size)
        swapped = rng.integers(0, 2, size)
        return first + swapped, first + 1 - swapped
    top = rng.integers(0, noise.cells, size)
    return top, (top + rng.integers(1, noise.cells, size)) % noise.cells
