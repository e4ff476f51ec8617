"""Verifying many runs on all cores: each to the byte against its sums, its labels against their own chain."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from collect.archive.labels import SUFFIX as LABELS
from collect.archive.labels import check, labelled
from collect.archive.names import RUN_ID, SUFFIX
from collect.archive.store import Archive
from collect.archive.verified import fingerprint
from collect.errors import BenchError
from collect.paths import shown

Job = tuple[str, str | None]
INTERRUPT_S = 0.2
"""Within which an interrupt that ended other processes has arrived here, too."""
AHEAD = 64
"""Runs a process that wait to be verified or told, as those are told in their order."""


@dataclass(frozen=True)
class Result:
    """What came of one run."""

    name: str
    problems: tuple[str, ...]
    """One line each; none where it is as it was sealed."""
    remembered: bool = False
    """Whether its files were not read, as they are untouched since they were found right."""
    fingerprint: str | None = None
    """Of a run whose files were read and found right (see collect.archive.verified)."""


def everything(archive: Archive) -> list[str]:
    """Return the names of all that claims to be a run: sealed, without its sums, under way; then labels of none."""
    found = {path.name for path in archive.path.iterdir()}
    runs = sorted(name for name in found if RUN_ID.fullmatch(name))
    under_way = sorted(name for name in found if name.endswith(SUFFIX) and RUN_ID.fullmatch(name.removesuffix(SUFFIX)))
    return [*runs, *under_way, *(f"{name}{LABELS}" for name in labelled(archive) if name not in found)]


def verify_runs(
    archive: Archive, names: Sequence[str], *, processes: int | None = None, known: Mapping[str, str] | None = None
) -> Iterator[Result]:
    """Yield what came of each run, in the order of the names.

    ``known`` are fingerprints of runs that were found right: where one still has its own, its files are not read again.
    By default as many processes take part as this one may use cores. BenchError when one of them dies.
    """
    jobs: list[Job] = [(name, (known or {}).get(name)) for name in names]
    count = min(processes or cores(), len(jobs))
    if count <= 1:
        yield from (_verify(archive.path, job) for job in jobs)
        return
    # Not by fork: the progress bar has a thread of its own.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(count, mp_context=context, initializer=end_at_interrupt) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            # Not by map(), which gives up all at once: Ctrl-C in between makes the pool say so by a traceback.
            for job in jobs:
                waiting.append(pool.submit(_verify, archive.path, job))
                if len(waiting) > AHEAD * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            time.sleep(INTERRUPT_S)  # an interrupt that ended them reaches this process, too, and says more
            remedy = "see what the kernel says (dmesg), then go on with --resume"
            raise BenchError("a process that verified was ended", shown(archive.path), remedy) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _verify(folder: Path, job: Job) -> Result:
    name, known = job
    if name.endswith(LABELS):
        return Result(name, ("there is no run of this name: take the file away, or bring the run back",))
    try:
        archive = Archive(folder)
        before = fingerprint(folder / name)
        labels = tuple(check(archive, name)) if RUN_ID.fullmatch(name) else ()
        if known is not None and before == known:
            return Result(name, labels, remembered=True)
        problems = tuple(archive.verify(name))
    except (BenchError, OSError) as error:
        return Result(name, (str(error),))
    return Result(name, problems + labels, fingerprint=None if problems else before)


def end_at_interrupt() -> None:
    """Let Ctrl-C end a process at once, without a word of its own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
