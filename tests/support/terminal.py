"""As much of a terminal as is needed to see what is left on it: rows, wrapping, scrolling, the controls that we use."""

from __future__ import annotations

import re

CONTROL = re.compile(r"\x1b\[(\d*)([A-Za-z])")


class Terminal:
    """A terminal of so many columns and rows, with all that has scrolled out of it."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._grid: list[list[str]] = [[]]
        self._row = self._column = 0
        self._top = 0
        """The row of the grid that is the screen's first."""

    def feed(self, text: str) -> None:
        """Take what a program writes; a line feed goes to the begin of the next row, as the kernel has it."""
        position = 0
        while position < len(text):
            control = CONTROL.match(text, position)
            if control:
                self._obey(control[2], int(control[1] or 1))
                position = control.end()
                continue
            self._put(text[position])
            position += 1

    def lines(self) -> list[str]:
        """Return all rows, without blanks at their ends and without empty rows at the end."""
        shown = ["".join(row).rstrip() for row in self._grid]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        else:
            assert character.isprintable(), ascii(character)
            if self._column == self._columns:
                self._down()
            row = self._grid[self._row]
            row.extend(" " * (self._column + 1 - len(row)))
            row[self._column] = character
            self._column += 1

    def _down(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self._grid):
            self._grid.append([])
        self._top = max(self._top, self._row - self._rows + 1)

    def _obey(self, letter: str, number: int) -> None:
        if letter == "A":
            self._row = max(self._top, self._row - number)
        elif letter == "J":
            del self._grid[self._row][self._column :]
            del self._grid[self._row + 1 :]
        elif letter == "K":
            del self._grid[self._row][self._column :]
        else:
            assert letter == "m", letter
