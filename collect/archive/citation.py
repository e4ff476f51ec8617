"""How to cite a run: which it is, what made it, and the sum that anyone can hold its files against."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collect.archive.store import Archive, Manifest
from collect.archive.sums import NAME as SUMS
from collect.errors import BenchError
from collect.paths import shown

SOFTWARE = "sync-async-bench"
AUTHORS = "The sync-async-bench authors"

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "^": r"\textasciicircum{}",
    "_": r"\_", "%": r"\%", "~": r"\textasciitilde{}",
}  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """A run as others name it."""

    text: str
    """One line."""
    bibtex: str
    """An entry @misc."""
    sha256: str
    """Of the run's SHA256SUMS, which holds the sums of all of its files: it stands for the data."""


def citation(archive: Archive, run_id: str, manifest: Manifest | None = None) -> Citation:
    """Return how to cite a sealed run; BenchError where its manifest or SHA256SUMS cannot be read."""
    manifest = archive.manifest(run_id) if manifest is None else manifest
    path = archive.folder(run_id) / SUMS
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        remedy = f"see `collect verify {run_id}`"
        raise BenchError(f"cannot read the sums: {error.strerror}", shown(path), remedy) from error
    return cite(manifest, sha256)


def cite(manifest: Manifest, sha256: str) -> Citation:
    """Return how to cite the run of a manifest, given the sum of its SHA256SUMS. Pure."""
    run_id = plain(manifest["run_id"])
    day = plain(manifest["created_at"])[:10]
    told = ", ".join(
        [
            f"plan {plain(manifest['plan']['name'])}",
            f"{len(manifest['trials'])} trials",
            plain(manifest["validity"]),
            *_models(manifest["hosts"]),
            f"measured with {SOFTWARE} {_code(manifest['git'])}",
        ]
    )
    text = f"{AUTHORS} ({day[:4]}). Run {run_id} of {day}: {told}. sha256 of {SUMS}: {sha256}."
    return Citation(text, _bibtex(run_id, day, told, sha256), sha256)


def _bibtex(run_id: str, day: str, told: str, sha256: str) -> str:
    fields = {
        "author": f"{{{_tex(AUTHORS)}}}",
        "title": f"{{{_tex(SOFTWARE)}}}: run {_tex(run_id)}",
        "year": _tex(day[:4]),
        "month": _tex(day[5:7]),
        "howpublished": f"Archive entry, {_tex(told)}",
        "note": f"sha256 of {_tex(SUMS)}: {_tex(sha256)}",
    }
    key = re.sub(r"\W", "-", f"{SOFTWARE}-{run_id}", flags=re.ASCII)
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _models(hosts: Mapping[str, Any]) -> list[str]:
    """Return the CPU models of the hosts, each once."""
    known = [plain(facts.get("cpu_model")) for facts in hosts.values() if facts.get("cpu_model")]
    return [f"on {' and '.join(dict.fromkeys(known))}"] if known else []


def _code(git: Mapping[str, Any]) -> str:
    commit = git.get("commit")
    if not commit:
        return "of an unknown commit"
    return f"of commit {plain(commit)[:12]}{' with changes' if git.get('dirty') else ''}"


def plain(value: Any) -> str:
    """Return what an archive says as one line of printable characters."""
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(printable.split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
