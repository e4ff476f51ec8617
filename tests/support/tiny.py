"""Runs of a few bytes with honest sums, for what looks at files alone and not at what they say."""

from __future__ import annotations

from collect.archive.store import Archive
from collect.archive.sums import write_sums


def tiny_id(number: int) -> str:
    """Return the id of a run that was begun so many days after the begin of 2026; at most 27."""
    return f"202601{number + 1:02d}T000000Z-{number:06x}"


def tiny_run(archive: Archive, number: int = 0, content: bytes = b"{}\n") -> str:
    """Write a run that holds a file and a file in a folder; return its id."""
    run_id = tiny_id(number)
    folder = archive.folder(run_id)
    (folder / "logs").mkdir(parents=True)
    (folder / "manifest.json").write_bytes(content)
    (folder / "logs" / "app.log").write_bytes(f"{number}\n".encode())
    write_sums(folder)
    return run_id
