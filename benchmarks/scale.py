"""How long a person waits for an archive of many runs: it is made, and each command timed.

Usage: .venv/bin/python -m benchmarks.scale [RUN ...] [--work DIR] [--runs N] [--only make|time] [--page]     (as root)

RUN are folders of sealed runs, of which the archive is made (benchmarks/scale_archive.py): N runs of 20 trials, the
last 100 with many more requests. It lies in DIR (.state/scale) and stays there; runs that are there already are not
made again, so with --only make it can be made, and go on, at any time, and with --only time it is timed as it is, as
often as one likes. 10,000 runs of the sizes below are 10 GB and take two cores a quarter of an hour. Each command is a
process of its own: three times with nothing of any file in memory, then once more. With --page the table goes into
docs/archive.md, between its markers. Exit code 1 where a command takes longer than is wanted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.page import table, write_between
from benchmarks.scale_archive import TRIALS, Recipe, make, recipes
from collect.archive.provenance import provenance
from collect.archive.space import bytes_of
from collect.archive.store import Archive
from collect.errors import BenchError
from collect.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "archive.md"
COLLECT = (sys.executable, "-c", "from collect.cli import main; raise SystemExit(main())")
CACHES = Path("/proc/sys/vm/drop_caches")
ALL_CACHES = "3\n"
"""Of files' content, and of folders and inodes."""
TIMES = 3
MOST_MIB = 1024
"""Of memory, for any command."""
MOST_BYTES_A_REQUEST = 6.0
NOTHING = "–"


@dataclass(frozen=True)
class Wanted:
    """A command that is timed."""

    title: str
    words: tuple[str, ...]
    most_s: float | None
    """What it may take from a cold disk; None where that is only told."""
    times: int = TIMES


@dataclass(frozen=True)
class Timed:
    """What a command took."""

    wanted: Wanted
    cold_s: tuple[float, ...]
    again_s: float
    peak_mib: float
    """Of memory, the most over all times."""

    @property
    def fine(self) -> bool:
        """Say whether it took no longer, and no more memory, than it may."""
        return (self.wanted.most_s is None or max(self.cold_s) <= self.wanted.most_s) and self.peak_mib <= MOST_MIB


def commands(made: Sequence[Recipe], last: int, cell: str) -> list[Wanted]:
    """Return the commands, each with what it may take."""
    since = ("--since", made[-last].run_id)
    by_cell = "SELECT cell, count(*) AS n, avg(rps), quantile_cont(rps, 0.5) FROM trials GROUP BY cell ORDER BY cell"
    by_phase = "SELECT phase, outcome, count(*), avg(latency_us), max(latency_us) FROM requests GROUP BY ALL"
    joined = (
        "SELECT cell, count(*), avg(latency_us) FROM requests JOIN trials USING (run_id, trial_id)"
        " WHERE phase = 'window' GROUP BY cell"
    )
    # Exact, and yet without all latencies in memory: they are whole microseconds, so there are few that differ.
    p99 = (
        "WITH counts AS (SELECT latency_us, count(*) AS n FROM requests WHERE phase = 'window' GROUP BY latency_us),"
        " sums AS (SELECT latency_us, sum(n) OVER (ORDER BY latency_us) AS upto, sum(n) OVER () AS whole FROM counts)"
        " SELECT min(latency_us) FROM sums WHERE upto >= 0.99 * whole"
    )
    return [
        Wanted("`list`", ("list",), 1.0),
        Wanted("`list --cell ... --since ...`", ("list", "--cell", "*redis*", *since), 1.0),
        Wanted("`show` a run", ("show", made[len(made) // 2].run_id), 1.0),
        Wanted("`show` a trial", ("show", made[len(made) // 3].run_id, "7"), 1.0),
        Wanted("`trend` of a cell", ("trend", cell), 1.0),
        Wanted("`query` over trials of all runs", ("query", by_cell), 2.0),
        Wanted("`query` over runs and trials", ("query", "SELECT count(*) FROM trials JOIN runs USING (run_id)"), 2.0),
        Wanted(f"`query` over requests of {last} runs", ("query", by_phase, *since), 10.0),
        Wanted("the same joined with their trials", ("query", joined, *since), None, 1),
        Wanted("the exact 99 % percentile of all of them", ("query", p99, *since), None, 1),
        Wanted("`verify --all`", ("verify", "--all"), None, 1),
        Wanted("`verify --all --resume` after it", ("verify", "--all", "--resume"), None, 1),
    ]


def timed(words: Sequence[str], archive: Path, *, cold: bool) -> tuple[float, float]:
    """Run a command; return its seconds and the most memory that it held, in MiB. BenchError where it fails."""
    if cold:
        drop_caches()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen([*COLLECT, *words, "--archive", str(archive)], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            err.seek(0)
            raise BenchError(f"collect {words[0]} failed", err.read().decode().strip()[-300:], "mend it")
    return seconds, usage.ru_maxrss / 1024


def drop_caches() -> None:
    """Take all that files hold out of memory; BenchError where that is not allowed."""
    os.sync()
    try:
        CACHES.write_text(ALL_CACHES)
    except OSError as error:
        raise BenchError("the page cache cannot be dropped", str(CACHES), "run it as root") from error


def measure(wanted: Wanted, archive: Path) -> Timed:
    """Time a command."""
    cold = [timed(wanted.words, archive, cold=True) for _ in range(wanted.times)]
    again = timed(wanted.words, archive, cold=False)
    return Timed(wanted, tuple(seconds for seconds, _ in cold), again[0], max(peak for _, peak in (*cold, again)))


def bytes_a_request(archive: Path, made: Sequence[Recipe]) -> tuple[float, int]:
    """Return what a request of some runs takes, in bytes, and how many requests there are."""
    files = [archive / recipe.run_id / "requests.parquet" for recipe in made]
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    return sum(path.stat().st_size for path in files) / rows, rows


def in_words(archive: Path, made: Sequence[Recipe], last: int, hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what was measured on what; ``hosts`` are those of a real run, which are of this machine."""
    each, rows = bytes_a_request(archive, made[-last:])
    facts: Mapping[str, Any] = next(iter(hosts.values()), {})
    commit = str(provenance()["git"]["commit"])[:10]
    return (
        f"Measured {date.today()} on {facts.get('cpu_model', 'an unnamed CPU')}, {os.cpu_count()} cores; commit"
        f" {commit}. {len(made):,} runs of {TRIALS} trials, {bytes_of(archive) / 2**30:.1f} GiB; the last {last} have"
        f" {rows / 1e6:.0f} million requests, of {each:.2f} bytes each (at most {MOST_BYTES_A_REQUEST:g} are wanted)."
    )


def lines(all_timed: Sequence[Timed]) -> Iterator[str]:
    """Yield the table."""
    head = ["command", "cold, median of 3", "slowest", "again", "memory", "wanted"]
    rows = [
        [
            found.wanted.title,
            f"{statistics.median(found.cold_s):.2f} s",
            f"{max(found.cold_s):.2f} s",
            f"{found.again_s:.2f} s",
            f"{found.peak_mib:.0f} MiB",
            NOTHING if found.wanted.most_s is None else f"{found.wanted.most_s:g} s{'' if found.fine else ' (missed)'}",
        ]
        for found in all_timed
    ]
    yield from table(head, rows)


def building(archive: Path, index: Path) -> Iterator[Timed]:
    """Yield what it takes to make the index, and to put in one run that is new."""
    shutil.rmtree(index, ignore_errors=True)
    seconds, peak = timed(("list",), archive, cold=True)
    again, _ = timed(("list",), archive, cold=False)
    yield Timed(Wanted("`list`, which makes the index of all runs", ("list",), None), (seconds,), again, peak)
    newest = archive / Archive(archive).run_ids()[-1]
    for path in newest.iterdir():
        path.touch()
    time.sleep(2.5)
    seconds, peak = timed(("list",), archive, cold=False)
    yield Timed(Wanted("`list`, which puts in a run that is new", ("list",), None), (seconds,), again, peak)


def taking_in(archive: Path, target: Path, made: Sequence[Recipe]) -> Iterator[Timed]:
    """Yield what it takes to import runs into another archive, and to find that they are all there."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    words = ("import", *(str(archive / recipe.run_id) for recipe in made))
    seconds, peak = timed(words, target, cold=True)
    again, _ = timed(words, target, cold=False)
    shutil.rmtree(target)
    yield Timed(Wanted(f"`import` of {len(made)} runs", words, None), (seconds,), again, peak)


def main() -> int:
    """Make, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", nargs="*", type=Path, metavar="RUN", help="sealed runs, whole folders")
    parser.add_argument("--work", type=Path, default=CHECKOUT / ".state" / "scale", metavar="DIR", help="(%(default)s)")
    parser.add_argument("--runs", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--requests", type=int, default=9_000, help="of a trial (%(default)s)")
    parser.add_argument("--last", type=int, default=100, help="runs of many requests (%(default)s)")
    parser.add_argument("--last-requests", type=int, default=50_000, help="of a trial of these (%(default)s)")
    parser.add_argument("--most-gib", type=float, default=16.0, help="what the archive may take (%(default)s)")
    parser.add_argument("--processes", type=int, metavar="N", help="that make it (as many as there are cores)")
    parser.add_argument("--only", choices=["make", "time"], help="the one or the other")
    parser.add_argument("--page", action="store_true", help="write the table into docs/archive.md")
    options = parser.parse_args()
    archive, index = options.work.resolve() / "archive", options.work.resolve() / "index"
    os.environ["BENCH_INDEX"] = str(index)
    templates = [path.resolve() for path in options.templates]
    if options.only != "time" and not templates:
        parser.error("name runs to make the archive of, or time one that is there (--only time)")
    made = recipes(options.runs, options.requests, options.last, options.last_requests, templates or [archive])
    try:
        for there in make(archive, made, int(options.most_gib * 2**30), options.processes):
            print(f"\r{there:,} of {len(made):,} runs", end="", flush=True)
        print()
        if options.only == "make":
            return 0
        all_timed = list(building(archive, index))
        newest = Archive(archive).manifest(made[-1].run_id)
        for wanted in commands(made, options.last, newest["trials"][0]["cell"]):
            all_timed.append(measure(wanted, archive))
            print(*lines(all_timed[-1:]), sep="\n")
        all_timed += taking_in(archive, options.work.resolve() / "imported", made[: options.last])
        text = "\n".join([in_words(archive, made, options.last, newest["hosts"]), "", *lines(all_timed)])
    except BenchError as error:
        sys.exit(f"error: {error}")
    print(text)
    if options.page:
        write_between(PAGE, Path(__file__).name, text)
    small = bytes_a_request(archive, made[-options.last :])[0] <= MOST_BYTES_A_REQUEST
    return 0 if small and all(found.fine for found in all_timed) else 1


if __name__ == "__main__":
    sys.exit(main())
