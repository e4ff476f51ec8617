"""SHA256SUMS: written last, read by ``sha256sum -c`` as well as here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from collect.archive.durable import write_durably

NAME = "SHA256SUMS"


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files and links below a folder, relative to it, sorted; the sums' own file left out."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) != NAME)


def sum_lines(folder: Path, names: list[str]) -> dict[str, str]:
    """Return the line of each file: its sum, two spaces, its name."""
    lines: dict[str, str] = {}
    for name in names:
        with (folder / name).open("rb") as file:
            lines[name] = f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n"
    return lines


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over all that is in the folder now."""
    names = files_below(folder)
    assert not any("\n" in name or "\\" in name for name in names), "sha256sum writes such names another way"
    write_durably(folder / NAME, "".join(sum_lines(folder, names).values()).encode())


def verify_sums(folder: Path) -> list[str]:
    """Return what differs from SHA256SUMS, one line each; nothing when all is as it was sealed.

    The sums' own file is held against what it must be to the byte, so that a change in it shows, too.
    """
    try:
        listed = (folder / NAME).read_bytes()
    except OSError as error:
        return [f"{NAME}: {error.strerror}"]
    problems: list[str] = []
    present = files_below(folder)
    for name in present:
        if (folder / name).is_symlink() or not (folder / name).is_file():
            problems.append(f"{name}: not a plain file")
    plain = [name for name in present if f"{name}: not a plain file" not in problems]
    try:
        actual = sum_lines(folder, plain)
    except OSError as error:
        return [*problems, f"{error.filename}: {error.strerror}"]
    expected: dict[str, str] = {}
    for line in listed.decode(errors="replace").splitlines(keepends=True):
        expected[line[66:].removesuffix("\n")] = line
    problems += [f"{name}: missing" for name in expected if name not in present]
    problems += [f"{name}: not in {NAME}" for name in actual if name not in expected]
    problems += [f"{name}: changed" for name in actual if name in expected and actual[name] != expected[name]]
    if not problems and listed != "".join(actual.values()).encode():
        problems.append(f"{NAME}: changed")
    return problems
