"""Start what holds up Redis' answers for a trial, or stop it and say what it did. Runs on the server host, as root.

``python3 -m relay.control start --delay-ms 5`` prints a JSON object once answers are held up: by what, and the port at
which the app asks. ``stop`` prints what was done since. Trouble is one line on standard error, exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from typing import Any

from . import config
from .errors import RelayError, say

UNIT = "bench-relay.service"
JOURNAL_LINES = 3


def start(delay_ms: float) -> dict[str, Any]:
    """Hold up answers by so many milliseconds from now on. Raises RelayError."""
    told = config.load()
    why_not = config.too_long_for_netem(delay_ms) if told.by == config.NETEM else ""
    if why_not:
        raise RelayError(f"netem: {why_not}", "provision the host for this plan, or set relay_by to relay")
    end()
    with contextlib.suppress(FileNotFoundError):
        config.STATUS.unlink()
    new = config.ENVIRONMENT.with_suffix(".new")
    new.write_text(f"RELAY_DELAY_MS={delay_ms:g}\n")
    new.replace(config.ENVIRONMENT)
    done = subprocess.run(["systemctl", "start", UNIT], stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RelayError(f"{UNIT} does not start: {last_words()}", f"see journalctl -u {UNIT} there")
    return {"by": told.by, "why": told.why, "port": told.asked_port, "asked_ms": delay_ms}


def stop() -> dict[str, Any]:
    """Hold up answers no longer and return what was done. Raises RelayError where it had ended before."""
    end()
    try:
        figures: dict[str, Any] = json.loads(config.STATUS.read_text())
    except (OSError, ValueError):
        raise RelayError(f"{UNIT} ended before the trial: {last_words()}", f"see journalctl -u {UNIT} there") from None
    return figures


def end() -> None:
    """Hold up answers no longer, whatever the unit is up to."""
    subprocess.run(["systemctl", "stop", UNIT], stderr=subprocess.DEVNULL, check=False)


def last_words() -> str:
    """Return the last lines of the unit's journal."""
    command = ["journalctl", "--unit", UNIT, "--lines", str(JOURNAL_LINES), "--output", "cat", "--no-pager", "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    lines = done.stdout.decode(errors="replace").strip().splitlines() or ["its journal is empty"]
    return " | ".join(line.strip() for line in lines)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="relay.control", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start").add_argument("--delay-ms", type=float, required=True)
    commands.add_parser("stop")
    options = parser.parse_args()
    return say(lambda: start(options.delay_ms) if options.command == "start" else stop())


if __name__ == "__main__":
    sys.exit(main())
