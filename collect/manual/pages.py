"""The documents and their made parts, each between ``<!-- made by script/docs: NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from collect.documents import nearest
from collect.errors import BenchError
from collect.manual.columns import columns_of
from collect.manual.commands import commands
from collect.manual.plans import plans
from collect.manual.preflight import findings
from collect.manual.variables import described, of_roles
from collect.paths import CHECKOUT, shown

Part = Callable[[], list[str]]

PARTS: Mapping[str, Part] = {
    "columns of trials": lambda: columns_of("trials"),
    "columns of samples": lambda: columns_of("samples"),
    "columns of requests": lambda: columns_of("requests"),
    "commands": commands,
    "findings of preflight": findings,
    "plans": plans,
    "variables of a bench": lambda: described("bench"),
    "variables of the inventory": lambda: described("inventory"),
    "variables of the environment": lambda: described("environment"),
    "variables of the roles": of_roles,
}
"""What makes the lines of a part, by its name."""

BEGIN = "<!-- made by script/docs: "
END = "<!-- end -->"
_PART = re.compile(rf"{BEGIN}(?P<name>[^\n]*) -->\n(?P<text>.*?)(?={BEGIN}|{END}|\Z)(?P<end>{END})?", re.DOTALL)


def documents(checkout: Path = CHECKOUT) -> list[Path]:
    """Return the documents of a checkout, sorted by their names."""
    return sorted([*checkout.glob("*.md"), *(checkout / "docs").glob("*.md")])


def stale(paths: Iterable[Path], parts: Mapping[str, Part] = PARTS) -> dict[Path, str]:
    """Return, by its path, the right text of each document that is not as the code has it.

    BenchError where a document has a part that is not known, or one without an end.
    """
    found = {}
    for path in paths:
        now = path.read_text()
        if (text := renewed(now, path, parts)) != now:
            found[path] = text
    return found


def renewed(text: str, path: Path, parts: Mapping[str, Part] = PARTS) -> str:
    """Return a document with its parts as the code has them; what is outside of them stays as it is."""

    def made(part: re.Match[str]) -> str:
        name = part["name"]
        where = f"{shown(path)}, line {text[: part.start()].count(chr(10)) + 1}"
        if name not in parts:
            raise BenchError(f'unknown part "{name}"', where, nearest(name, parts))
        if not part["end"]:
            raise BenchError(f'the part "{name}" has no end', where, f"put {END} where it ends")
        return "\n".join([f"{BEGIN}{name} -->", *parts[name](), END])

    return _PART.sub(made, text)
