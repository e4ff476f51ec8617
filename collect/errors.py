"""The one kind of error that a user is told about."""

from __future__ import annotations

import re


class BenchError(Exception):
    """Something that the user can put right.

    Shown as one line, ``error: what (where): remedy``, and never with a traceback.
    """

    def __init__(self, what: str, where: str, remedy: str) -> None:
        """Take the three parts of the message: what is wrong, where, and what to do about it."""
        super().__init__(f"{what} ({where}): {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy

    @classmethod
    def from_line(cls, line: str, where: str, remedy: str) -> BenchError:
        """Take a message that another process printed; ``where`` and ``remedy`` stand in if it names none."""
        line = line.removeprefix("error: ")
        if parts := re.fullmatch(r"(.+) \(([^()]+)\): (.+)", line):
            return cls(*parts.groups())
        return cls(line, where, remedy)
