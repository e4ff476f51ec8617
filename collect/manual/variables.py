"""What can be told to a bench: variables of no role (collect/data/variables.yml), and those of each role."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from collect.documents import load_yaml
from collect.manual.markdown import code, table
from collect.paths import CHECKOUT, DATA_DIR

ROLES_DIR = CHECKOUT / "roles"
SHOWN = 60
"""Characters of a default that are shown; a longer one is linked."""

Option = Mapping[str, Any]


def described(kind: str) -> list[str]:
    """Return the table of the variables of a kind: bench, inventory or environment."""
    rows = [(code(name), default, meaning) for name, (default, meaning) in known()[kind].items()]
    return table(("variable", "default", "meaning"), rows)


def known() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Return default and meaning of the variables that are no role's, by kind and name."""
    content: Mapping[str, Mapping[str, tuple[str, str]]] = load_yaml(DATA_DIR / "variables.yml")
    return content


def of_roles(folder: Path = ROLES_DIR) -> list[str]:
    """Return a section for each role of a folder: what it does, by entry point, and what can be told to it."""
    lines: list[str] = []
    for role in sorted(path for path in folder.iterdir() if path.is_dir()):
        entries = entry_points(role)
        lines += ["", f"### {role.name}", ""] if lines else [f"### {role.name}", ""]
        lines += [f"- {code(name)}: {entry['short_description']}" for name, entry in entries.items()]
        if rows := list(_rows(role, entries)):
            lines += ["", *table(("variable", "type", "default", "meaning"), rows)]
    return lines


def entry_points(role: Path) -> Mapping[str, Option]:
    """Return what can be called of a role, by name (``main``, or a file of its tasks), as its specs say."""
    specs: Mapping[str, Option] = load_yaml(role / "meta" / "argument_specs.yml")["argument_specs"]
    return specs


def options(entries: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options of all entry points, each once."""
    return {name: option for entry in entries.values() for name, option in (entry.get("options") or {}).items()}


def _rows(role: Path, entries: Mapping[str, Option]) -> Iterator[tuple[str, str, str, str]]:
    path = role / "defaults" / "main.yml"
    defaults = (load_yaml(path) or {}) if path.exists() else {}
    for name, option in options(entries).items():
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        choices = f" One of {', '.join(map(str, option['choices']))}." if "choices" in option else ""
        yield code(name), kind, _default(name, option, defaults, role.name), option["description"] + choices


def _default(name: str, option: Option, defaults: Mapping[str, Any], role: str) -> str:
    """Return a default as the role has it, or where to see one that is long."""
    if option.get("required"):
        return "must be given"
    value = defaults.get(name, option.get("default"))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > SHOWN or "\n" in text.strip():
        return f"[computed or long](../roles/{role}/defaults/main.yml)"
    return code(text.strip()) or "empty"
