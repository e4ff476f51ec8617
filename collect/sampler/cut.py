"""``python -m sampler.cut --from T --to T``: print the samples whose tick lies in a range of time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Iterator, Sequence

from .config import DEFAULT_PATH, load
from .errors import SamplerError
from .writer import SEGMENT_S, segments

KEY = b'{"tick":'


def cut(folder: Path, from_s: float, to_s: float) -> Iterator[bytes]:
    """Yield the lines with a tick in [from_s, to_s], both in unix seconds, in the order in which they were written."""
    for minute, path in segments(folder):
        if minute > to_s // SEGMENT_S or minute < from_s // SEGMENT_S:
            continue
        with path.open("rb") as lines:
            for line in lines:
                # A line without an end is under way, or what a crash left.
                if line.startswith(KEY) and line.endswith(b"\n"):
                    tick = float(line[len(KEY) : line.index(b",")])
                    if from_s <= tick <= to_s:
                        yield line


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lines; exit code 2 with one line if there is nowhere to look."""
    parser = argparse.ArgumentParser(prog="sampler.cut", description=__doc__)
    parser.add_argument("--from", dest="from_s", type=float, required=True, metavar="T", help="unix seconds")
    parser.add_argument("--to", dest="to_s", type=float, required=True, metavar="T", help="unix seconds")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="says where the samples are (%(default)s)")
    parser.add_argument("--dir", type=Path, help="the folder of the samples, instead of the configuration's")
    options = parser.parse_args(arguments)
    try:
        folder = options.dir or load(options.config).samples_dir
        for line in cut(folder, options.from_s, options.to_s):
            sys.stdout.buffer.write(line)
    except SamplerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        where = error.filename or "output"
        sys.stderr.write(f"error: {error.strerror} ({where}): see whether bench-collector runs and writes there\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
