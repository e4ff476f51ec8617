"""What it costs to merge the runs of several pairs of machines: their archives are made, imported into one, and timed.

Usage: .venv/bin/python -m benchmarks.merge_cost RUN ... [--work DIR] [--runs N] [--page]  (as root: drops the caches)

RUN are folders of sealed runs, of which the archives are made (benchmarks/scale_archive.py): N runs of 20 trials, dealt
to the pairs. They lie in DIR (.state/merge) and stay there. Each merge is a process of its own, with nothing of any
file in memory, and is done three times. With --page the table goes into docs/lab.md, between its markers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import table, write_between
from benchmarks.scale import TIMES, in_words, timed
from benchmarks.scale_archive import Recipe, make, recipes
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "lab.md"


@dataclass(frozen=True)
class Merge:
    """What a merge took."""

    title: str
    runs: int
    """How many runs it is over."""
    seconds: tuple[float, ...]
    peak_mib: float
    """Of memory, the most over all times."""


def dealt(work: Path, made: Sequence[Recipe], pairs: int) -> list[tuple[Path, list[Recipe]]]:
    """Return the archive of each pair of machines with its runs, in turn, as pairs that measure at once have them."""
    return [(work / f"pair-{number + 1}", list(made[number::pairs])) for number in range(pairs)]


def merges(sources: Sequence[Path], target: Path, *, times: int = TIMES, cold: bool = True) -> Iterator[Merge]:
    """Yield what it takes to import archives into one that is not there, again, one run more, and to list them all."""
    runs = [source / run_id for source in sources for run_id in Archive(source).run_ids()]
    newest = max(runs, key=lambda run: run.name)
    words = ("import", *map(str, sources))

    def nothing() -> None:
        """Leave the merged archive as it is."""

    def taken(title: str, count: int, words: Sequence[str], before: Callable[[], object]) -> Merge:
        found = []
        for _ in range(times):
            before()
            found.append(timed(words, target, cold=cold))
        return Merge(title, count, tuple(seconds for seconds, _ in found), max(peak for _, peak in found))

    title = f"`import` of {len(runs)} runs from {len(sources)} archives"
    yield taken(title, len(runs), words, lambda: shutil.rmtree(target, ignore_errors=True))
    yield taken("the same again: all are there", len(runs), words, nothing)
    yield taken("`import` of one run more", 1, ("import", str(newest)), lambda: shutil.rmtree(target / newest.name))
    yield taken("`list` of all of them", len(runs), ("list",), nothing)


def lines(all_taken: Sequence[Merge]) -> list[str]:
    """Return the table."""
    rows = [
        [
            found.title,
            f"{statistics.median(found.seconds):.2f} s",
            f"{max(found.seconds):.2f} s",
            f"{1000 * statistics.median(found.seconds) / found.runs:.0f} ms",
            f"{found.peak_mib:.0f} MiB",
        ]
        for found in all_taken
    ]
    return table(["command", f"cold, median of {len(all_taken[0].seconds)}", "slowest", "for each run", "memory"], rows)


def main() -> int:
    """Make, merge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", nargs="+", type=Path, metavar="RUN", help="sealed runs, whole folders")
    parser.add_argument("--work", type=Path, default=CHECKOUT / ".state" / "merge", metavar="DIR", help="(%(default)s)")
    parser.add_argument("--runs", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--pairs", type=int, default=4, help="of machines (%(default)s)")
    parser.add_argument("--requests", type=int, default=50_000, help="of a trial (%(default)s)")
    parser.add_argument("--most-gib", type=float, default=4.0, help="what all archives may take together (%(default)s)")
    parser.add_argument("--page", action="store_true", help="write the table into docs/lab.md")
    options = parser.parse_args()
    work = options.work.resolve()
    os.environ["BENCH_INDEX"] = str(work / "index")
    templates = [path.resolve() for path in options.templates]
    made = recipes(options.runs, options.requests, 0, 0, templates)
    shares, target = dealt(work, made, options.pairs), work / "merged"
    try:
        for archive, mine in shares:
            # As much again is taken by the archive that they are merged into.
            for _ in make(archive, mine, int(options.most_gib * 2**30 / 2 / len(shares))):
                pass
        taken = list(merges([archive for archive, _ in shares], target))
        newest = Archive(target).manifest(made[-1].run_id)
        text = "\n".join([in_words(target, made, len(made), newest["hosts"]), "", *lines(taken)])
    except BenchError as error:
        sys.exit(f"error: {error}")
    print(text)
    if options.page:
        write_between(PAGE, Path(__file__).name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
