"""``python -m sampler --config FILE``: sample until told to stop."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Sequence

from .config import DEFAULT_PATH, Config, load
from .errors import SamplerError
from .sample import Sampler, live_row
from .ticks import Tick, Ticker
from .writer import LiveWriter, SampleWriter

STOP = (signal.SIGTERM, signal.SIGINT)
COLLECT_EVERY = 600
"""Ticks between two runs of the garbage collector, which is off otherwise: there are next to no cycles here."""
FILES = 65536


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; exit code 2 with one line if the configuration does not serve."""
    parser = argparse.ArgumentParser(prog="sampler", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="the configuration (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        run(load(options.config), wait_for_stop())
    except SamplerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def wait_for_stop() -> Callable[[float], bool]:
    """Return a sleep that ends early, and says so, once the process has been told to stop.

    (signal.sigtimedwait would do in one call, but says after a SIGSTOP and SIGCONT that a signal came.)
    """
    told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in STOP:
        signal.signal(number, lambda *_: os.write(tell, b"."))
    return lambda seconds: bool(select.select([told], [], [], seconds)[0])


def run(config: Config, wait: Callable[[float], bool]) -> None:
    """Sample until ``wait`` says to stop. Raises ``SamplerError`` if it cannot begin."""
    _allow_files()
    try:
        config.samples_dir.mkdir(parents=True, exist_ok=True)
        samples, live = SampleWriter(config.samples_dir, config.keep_hours), LiveWriter(config.live_path)
        sampler = Sampler(config)
    except OSError as error:
        where = str(error.filename or config.samples_dir)
        raise SamplerError(str(error.strerror), where, "let the collector role set the host up again") from None
    ticker = Ticker(config.interval_s, wait)
    gc.collect()
    gc.freeze()
    gc.disable()
    with contextlib.closing(samples), contextlib.closing(live), contextlib.closing(sampler):
        _loop(config, sampler, ticker.next, samples, live)


def _loop(
    config: Config, sampler: Sampler, next_tick: Callable[[], Tick | None], samples: SampleWriter, live: LiveWriter
) -> None:
    earlier: dict[str, Any] | None = None
    count = 0
    while (tick := next_tick()) is not None:
        row = sampler.sample(tick)
        samples.write(row["tick"], row)
        short = live_row(config.host, row, earlier)
        if short is not None:
            live.write(short)
        earlier = row
        sampler.use_slack(tick)
        count += 1
        if count % COLLECT_EVERY == 0:
            gc.collect()


def _allow_files() -> None:
    """Raise the limit of open files as far as it goes: each process and thread keeps one open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
