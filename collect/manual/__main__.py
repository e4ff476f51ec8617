"""Write what the documents have from the code: ``python -m collect.manual [--check]``.

Exit codes: 0 done, or all is as the code has it; 1 ``--check`` found a page that is not; 2 a page cannot be made.
"""

from __future__ import annotations

import argparse
import sys

from collect.errors import BenchError
from collect.manual.pages import documents, stale
from collect.paths import shown


def main() -> int:
    """Bring all documents up to date, or only say which are not."""
    parser = argparse.ArgumentParser(prog="script/docs", description="Make what the documents have from the code.")
    parser.add_argument("--check", action="store_true", help="only say which pages are not as the code has them")
    check = parser.parse_args().check
    try:
        found = stale(documents())
    except BenchError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    for path, text in found.items():
        if not check:
            path.write_text(text)
        sys.stdout.write(f"{shown(path)}: {'not as the code has it' if check else 'written'}\n")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
