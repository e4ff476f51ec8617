"""How long a person waits: a fresh clone's first report, a second bench, a second provisioning.

Usage: python benchmarks/wall_times.py [--keep]     (as root; takes about ten minutes; uses nothing of this checkout but
its committed files). Limits are those of the project: 300 s, 70 % of the wall time inside windows, 15 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


def timed(clone: Path, *command: str) -> tuple[float, str]:
    """Run a command in the clone; return its wall seconds and output. Ends the script if it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "BENCH_CACHE_DIR")}
    began = time.monotonic()
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    wall_s = time.monotonic() - began
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} exited with {done.returncode} ({clone}): read its output\n{done.stdout}")
    return wall_s, done.stdout


def last_run(clone: Path) -> dict[str, Any]:
    """Return the manifest of the newest entry."""
    newest = max(path for path in (clone / "archive").iterdir() if path.is_dir() and path.suffix != ".partial")
    manifest: dict[str, Any] = json.loads((newest / "manifest.json").read_text())
    return manifest


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the clone and its hosts")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="wt-", dir="/tmp"))  # a short path: SSH's control sockets lie below it
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True)
    try:
        first_s, _ = timed(clone, "script/bench")
        second_s, _ = timed(clone, "script/bench")
        manifest = last_run(clone)
        windows_s = manifest["plan"]["window_s"] * len(manifest["trials"])
        site_s, recap = timed(clone, str(clone / ".venv/bin/ansible-playbook"), "playbooks/site.yml")
    finally:
        if not keep:
            timed(clone, str(clone / ".venv/bin/ansible-playbook"), "playbooks/down.yml")
            shutil.rmtree(folder)
    changed = sum(int(word.removeprefix("changed=")) for word in recap.split() if word.startswith("changed="))
    print(f"cores {os.cpu_count()}, plan {manifest['plan']['name']}")
    print(f"fresh clone to first sealed report  {first_s:6.1f} s   (limit 300)")
    print(
        f"second script/bench                 {second_s:6.1f} s   windows {windows_s / second_s:.0%}   (70 % or more)"
    )
    print(f"second site.yml                     {site_s:6.1f} s   changed={changed}   (limit 15)")


if __name__ == "__main__":
    main()
