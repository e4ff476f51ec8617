"""``python -m sampler.clock``: answer each line with this host's time (unix seconds), to measure offsets by."""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Answer until the input ends."""
    # Python's own buffering would hold lines back.
    while sys.stdin.buffer.readline():
        sys.stdout.write(f"{time.time():.9f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
