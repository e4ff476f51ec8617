"""Simulate measuring until a ratio is known, and write what each way to look is worth into docs/accuracy.md.

Usage: python -m benchmarks.sequential [--experiments 20000] [--print-only]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from benchmarks.page import give
from benchmarks.simulated import Floats, Noise, log_ratios
from collect.statistics.sequential import ALPHA, FIRST_LOOK, GROWTH, critical, levels, look_blocks, spent

MOST = 200
SEED = 20261126
PRIOR = 0.2
"""Variance of the confidence sequence's prior on effect / deviation: narrowest at some 40 blocks."""
NOISES = {
    "side by side": Noise(adjacent=True),
    "anywhere in the block": Noise(),
    "a block is the two": Noise(cells=2),
    "side by side, heavy tails": Noise(adjacent=True, heavy=True),
}
WANTED = (0.15, 0.10, 0.05, 0.03)


@dataclass(frozen=True)
class Rule:
    """After which blocks to look, and the critical value of Student's t there."""

    name: str
    looks: tuple[int, ...]
    criticals: Floats


@dataclass(frozen=True)
class Outcome:
    """What a rule does in many experiments, as shares of them and numbers of blocks."""

    held: float
    """How often the interval at the end holds the truth."""
    always: float
    """How often each interval looked at, up to the most blocks, holds it: for one who stops when it pleases."""
    blocks: float
    """Blocks until the end, on average."""
    precise: float
    """How often it ended because it was precise."""


def spending(most: int, growth: float = GROWTH) -> Rule:
    """Return the rule that runs use, or the same with looks further apart or closer."""
    looks = look_blocks(most, growth)
    own = levels(looks, tuple(spent(block, most, growth=growth) for block in looks))
    name = f"alpha spending, each look after {growth:g} times the blocks"
    return Rule(name, looks, np.array([critical(level, block) for level, block in zip(own, looks, strict=True)]))


def anytime(most: int) -> Rule:
    """Return a confidence sequence for the mean of normal values of unknown deviation, looked at after each block.

    The Bayes factor of a normal prior on effect / deviation, with the prior of invariance on the deviation, is an
    e-process (Perez-Ortiz, Lardy, de Heide and Gruenwald (2024), "E-statistics, group invariance and anytime-valid
    testing", Annals of Statistics 52(4); Wang and Ramdas (2025), "Anytime-valid t-tests and confidence sequences for
    Gaussian means with unknown variance", Sequential Analysis 44(1)). By Ville's inequality it stays below 1 / 0.05.
    """
    looks = np.arange(FIRST_LOOK, most + 1)
    spread, freedom = 1 + looks * PRIOR, looks - 1
    bound = (np.sqrt(spread) / ALPHA) ** (2 / looks)
    squared = np.where(bound < spread, freedom * (bound - 1) / (1 - np.minimum(bound / spread, 1 - 1e-12)), np.inf)
    return Rule("anytime-valid t confidence sequence, a look after each block", tuple(looks.tolist()), np.sqrt(squared))


def plain(looks: Sequence[int], name: str, level: float = ALPHA) -> Rule:
    """Return the rule that does not pay for looking, or pays by the same level at each look."""
    return Rule(name, tuple(looks), -stdtrit(np.array(looks) - 1, level / 2))


def rules(most: int) -> list[Rule]:
    """Return the rules that are compared; the first is that of the runs."""
    return [
        spending(most),
        spending(most, 1.15),
        spending(most, 1.6),
        spending(most, 2.0),
        anytime(most),
        plain(look_blocks(most), "t interval of 97 % at each look of the first", 0.03),
        plain(look_blocks(most), "t interval that is not paid for, the looks of the first"),
        plain(range(FIRST_LOOK, most + 1), "t interval that is not paid for, a look after each block"),
    ]


def outcome(values: Floats, rule: Rule, wanted: float, truth: float = 0.0) -> Outcome:
    """Return what comes of a rule; ``values`` has a row an experiment, a column a block."""
    off, half = looked(values, rule, truth)
    precise = half <= wanted
    ends = np.where(precise.any(axis=1), precise.argmax(axis=1), half.shape[1] - 1)
    rows = np.arange(len(values))
    inside = np.abs(off) <= half
    return Outcome(
        float(inside[rows, ends].mean()),
        float(inside.all(axis=1).mean()),
        float(np.array(rule.looks)[ends].mean()),
        float(precise.any(axis=1).mean()),
    )


def looked(values: Floats, rule: Rule, truth: float = 0.0) -> tuple[Floats, Floats]:
    """Return at each look how far the mean is from the truth, and the interval's half-width."""
    count = np.array(rule.looks, dtype=np.float64)
    at = np.array(rule.looks) - 1
    sums, squares = values.cumsum(axis=1)[:, at], (values**2).cumsum(axis=1)[:, at]
    variance = np.maximum(squares - sums**2 / count, 0) / (count - 1)
    return sums / count - truth, rule.criticals * np.sqrt(variance / count)


def page(experiments: int) -> str:
    """Return the tables."""
    return "\n".join(_page(experiments))


def _page(experiments: int) -> Iterator[str]:
    drawn = {name: log_ratios(noise, experiments, MOST, SEED) for name, noise in NOISES.items()}
    first, values = next(iter(drawn.items()))
    head = "".join(f" | ± {_percent(wanted)}" for wanted in WANTED) + " | all looks |"
    rule = " ---: |" * (len(WANTED) + 1)
    yield f"{experiments:,} simulated experiments of at most {MOST} blocks; share of intervals that hold the truth."
    yield "\nThe rule of the runs, by noise and by the half-width that was wanted:\n"
    yield f"| noise | sd of a block's log ratio{head}"
    yield f"| --- | ---: |{rule}"
    for name, noisy in drawn.items():
        yield f"| {name} | {noisy.std():.3f} | {_cells(noisy, rules(MOST)[0])} |"
    yield f"\nOther rules, for {first}:\n"
    yield f"| rule{head}"
    yield f"| --- |{rule}"
    for each in rules(MOST):
        yield f"| {each.name} | {_cells(values, each)} |"


def _cells(values: Floats, rule: Rule) -> str:
    found = [outcome(values, rule, wanted) for wanted in WANTED]
    told = [f"{_percent(each.held)}, {each.blocks:.1f} blocks" for each in found]
    return " | ".join([*told, _percent(found[0].always)])


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def main() -> int:
    """Simulate, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=20_000, help="of each noise")
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    text = page(options.experiments)
    give(text, __file__, write=not options.print_only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
