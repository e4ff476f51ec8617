"""The trial under way on a terminal: a block of rows below what was said, drawn anew each second.

The cursor rests at the block's begin, on an empty row. So whoever has something to say clears from there on (CLEAR)
and touches nothing that was said before; and what others print unasked, ^C and warnings, finds an empty row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collect.cells import CELL
from collect.live.curves import bar, curve
from collect.live.lines import DONE, RAMP, START, WARMUP, WINDOW, Line, begins, is_second, number
from collect.live.read import follow
from collect.live.words import BETWEEN, duration, figure, printable

CLEAR = "\r\x1b[J"
RESET = "\x1b[0m"
CYAN, MAGENTA, GREEN, YELLOW, RED = 36, 35, 32, 33, 31
CURVE_MAX = 60
"""Seconds that are shown, and kept, at most."""
BAR_MIN, BAR_MAX = 8, 40
TWO_COLUMNS = 100
"""From so many columns on two curves stand side by side."""
LABEL, FIGURE = 7, 14
FULL_ROWS = 9
"""A terminal with fewer rows than that gets a single line."""
SAID = {START: "the app is awaited", RAMP: "ramp", WARMUP: "warm-up", DONE: "the load has ended"}


class Screen:
    """What a terminal shows of the trial under way; ``read`` asks the file for what is new."""

    def __init__(self, path: Path, *, at_most: bool = False) -> None:
        """Follow a live.jsonl from its end on; ``at_most``: the run may end before its last trial."""
        self._path, self._at_most = path, at_most
        self._byte = path.stat().st_size if path.is_file() else 0
        self._seconds: list[Line] = []

    def read(self) -> bool:
        """Read on; say whether there is a second to show that was not there before. Raises OSError."""
        lines, self._byte = follow(self._path, self._byte)
        seconds = [line for line in lines if is_second(line)]
        for line in seconds:
            if begins(self._seconds, line):
                self._seconds = []
            self._seconds = [*self._seconds[1 - CURVE_MAX :], line]
        return bool(seconds)

    def draw(self, columns: int, rows: int, *, colour: bool) -> str:
        """Return what draws the block on a terminal of this size; nothing while nothing is known."""
        if not self._seconds:
            return ""
        return drawn(block(self._seconds, columns, rows, colour=colour, at_most=self._at_most))


def drawn(rows: Sequence[str]) -> str:
    """Return what puts rows below all that was said and goes back to the first of them."""
    up = f"\x1b[{len(rows) - 1}A" if len(rows) > 1 else ""
    return CLEAR + "\n".join(rows) + up + "\r"


def block(seconds: Sequence[Line], columns: int, rows: int, *, colour: bool, at_most: bool = False) -> list[str]:
    """Return the rows that show a trial's seconds, each shorter than the terminal is wide."""
    now, width = seconds[-1], max(1, columns - 1)
    if rows < FULL_ROWS:
        return [_clipped(_short(now, at_most), width)]
    head = ["", _progress(now, width, at_most), _title(now, width, colour)]
    gauges = _gauges(seconds)
    if columns < TWO_COLUMNS:
        return head + [gauge.row(width, colour) for gauge in gauges]
    half = width // 2
    pairs = zip(gauges[::2], gauges[1::2], strict=True)
    return head + [left.row(half, colour) + right.row(half, colour) for left, right in pairs]


@dataclass(frozen=True)
class _Gauge:
    """A figure and its curve; the curve is full at ``top``."""

    label: str
    figure: str
    values: Sequence[float | None]
    top: float
    code: int

    def row(self, width: int, colour: bool) -> str:
        """Return it in exactly so many characters, colours not counted."""
        head = _clipped(f"{BETWEEN}{self.label:<{LABEL}}{self.figure:>{FIGURE}}{BETWEEN}", width)
        room = width - len(head)
        shape = curve(self.values, self.top, min(CURVE_MAX, room))
        rest = (room - len(shape)) * " "
        return head + _coloured(shape, self.code, colour) + rest


def _gauges(seconds: Sequence[Line]) -> list[_Gauge]:
    return [
        _load("req/s", "rps", "", 0, seconds, CYAN),
        _load("p95", "p95_ms", " ms", 1, seconds, MAGENTA),
        _host("server", seconds, GREEN),
        _host("client", seconds, YELLOW),
    ]


def _load(label: str, name: str, unit: str, digits: int, seconds: Sequence[Line], code: int) -> _Gauge:
    values = [number(line, name) for line in seconds]
    known = [value for value in values if value is not None]
    text = figure(known[-1] if known else None, digits) + (unit if known else "")
    return _Gauge(label, text, values, max(known, default=0.0), code)


def _host(side: str, seconds: Sequence[Line], code: int) -> _Gauge:
    values = [number(line, f"{side}_cpu_cores") for line in seconds]
    return _Gauge(side, _cores(seconds[-1], side), values, number(seconds[-1], f"{side}_cpus") or 1.0, code)


def _cores(line: Line, side: str) -> str:
    busy, cpus = number(line, f"{side}_cpu_cores"), number(line, f"{side}_cpus")
    return figure(busy, 2) if busy is None or cpus is None else f"{busy:.2f}/{cpus:.0f} cpus"


def _progress(now: Line, width: int, at_most: bool) -> str:
    ordinal, total = number(now, "ordinal") or 1, max(1.0, number(now, "of") or 1)
    words = f"{_which(now, at_most)}{BETWEEN}{_phase(now)}{BETWEEN}{_left(now)}"
    if len(BETWEEN + words) > width:
        words = words.removeprefix("trial ")  # the time left is worth more
    room = min(BAR_MAX, width - len(words) - 2 * len(BETWEEN))
    shown = f"{bar((ordinal - 1) / total, room)}{BETWEEN}" if room >= BAR_MIN else ""
    return _clipped(f"{BETWEEN}{shown}{words}", width)


def _title(now: Line, width: int, colour: bool) -> str:
    kind = printable(str(now.get("trial_kind") or CELL))
    text = BETWEEN + printable(str(now.get("cell") or now["trial_id"])) + ("" if kind == CELL else BETWEEN + kind)
    failures = number(now, "failures")
    if not failures:
        return _clipped(text, width)
    told = f"{BETWEEN}{failures:.0f} failed"[:width]
    return _clipped(text, width - len(told)) + _coloured(told, RED, colour)


def _short(now: Line, at_most: bool) -> str:
    rate, p95 = figure(number(now, "rps"), 0), figure(number(now, "p95_ms"))
    parts = [
        _which(now, at_most),
        _phase(now),
        f"{rate} req/s",
        f"p95 {p95} ms",
        f"server {_cores(now, 'server')}",
        f"client {_cores(now, 'client')}",
        _left(now),
    ]
    return BETWEEN + BETWEEN.join(parts)


def _which(now: Line, at_most: bool) -> str:
    return f"trial {number(now, 'ordinal') or 1:.0f} of {'at most ' * at_most}{number(now, 'of') or 1:.0f}"


def _phase(now: Line) -> str:
    phase = str(now.get("phase"))
    if phase != WINDOW:
        return printable(SAID.get(phase, phase))
    passed = figure(number(now, "window_second"), 0)
    planned = number(now, "window_s")
    return f"window {passed} s" if planned is None else f"window {passed} of {planned:g} s"


def _left(now: Line) -> str:
    left_s = number(now, "left_s")
    return "" if left_s is None else f"{duration(left_s)} left"


def _clipped(text: str, width: int) -> str:
    """Return the text in at most so many characters."""
    width = max(0, width)
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _coloured(text: str, code: int, colour: bool) -> str:
    return f"\x1b[{code}m{text}{RESET}" if colour and text.strip() else text
