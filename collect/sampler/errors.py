"""The one kind of error that ends the sampler or keeps it from starting."""

from __future__ import annotations


class SamplerError(Exception):
    """Something that whoever set the host up can put right; shown as one line, never with a traceback."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        """Take the three parts of the message: what is wrong, where, and what to do about it."""
        super().__init__(f"error: {what} ({where}): {remedy}")
