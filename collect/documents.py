"""YAML documents that people write: read, checked against a schema, wrong ones told in one line.

The schemas are data (collect/data/*.schema.yml, JSON Schema 2020-12).
"""

from __future__ import annotations

import difflib
import functools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from collect.errors import BenchError
from collect.paths import DATA_DIR, shown

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MOST_NAMED = 20
"""Names in one line."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_Loader):  # type: ignore[misc]
    """YAML in which a mapping that names one key twice is an error; plain YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                shown_key = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise yaml.constructor.ConstructorError(None, None, f"{shown_key} as a key is no text", key.start_mark)
            if key.value in seen:
                problem = f'the key "{key.value}" is there twice'
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load_yaml(path: Path) -> Any:
    """Read one YAML file; BenchError when it is missing, unreadable or no YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise BenchError(
            f"cannot read the file: {error.strerror}", shown(path), "check its name and permissions"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = shown(path) + (f", line {mark.line + 1}" if mark else "")
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise BenchError(f"not YAML: {problem}", where, "correct this line") from error


def load_document(path: Path, schema: str, *, within: str | None = None) -> Any:
    """Read one YAML file and check it against ``collect/data/<schema>.schema.yml``; BenchError names file and key.

    ``within`` names the property of the schema that the file is, where one schema serves several files.
    """
    document = load_yaml(path)
    check_document(document, path, schema, within=within)
    return document


def check_document(document: Any, path: Path, schema: str, *, within: str | None = None) -> None:
    """Check what was read from a file; BenchError names file and key.

    A number that is none, or has no end, is refused wherever it stands: ``.nan`` is within all bounds of a schema.
    """
    errors = sorted(_validator(schema, within).iter_errors(document), key=lambda error: len(error.absolute_path))
    if errors:
        raise _explain(errors[0], path)
    for keys, value in _leaves(document):
        if isinstance(value, float) and not math.isfinite(value):
            raise BenchError(f"{value} is out of range", _place(path, keys), "give a finite number")


def _leaves(document: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Return what is neither mapping nor list, with the keys to it; an anchor may lead round in a circle."""
    waiting: deque[tuple[tuple[str | int, ...], Any]] = deque([((), document)])
    seen = set()
    while waiting:
        keys, value = waiting.popleft()
        if not isinstance(value, Mapping | list):
            yield keys, value
        elif id(value) not in seen:
            seen.add(id(value))
            parts = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting.extend(((*keys, part), each) for part, each in parts)


def _place(path: Path, keys: Iterable[str | int]) -> str:
    """Return file and key, such as ``plans/mine.yml: cells[0].users``."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in keys).lstrip(".")
    return f"{shown(path)}: {key}" if key else shown(path)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy that names the known word most like the given one, else those it is a part of, else all of them.

    Of many, the first few and how many more there are.
    """
    names = sorted(known)
    if match := difflib.get_close_matches(word, names, n=1, cutoff=0.6):
        return f'did you mean "{match[0]}"?'
    if parts := [name for name in names if len(word) > 2 and word.lower() in name.lower()]:
        return f"did you mean one of {_some(parts)}?"
    return "known are " + (_some(names) or "none")


def _some(names: Sequence[str]) -> str:
    """Return names in a line that can be read."""
    left = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


@functools.cache
def _validator(schema: str, within: str | None) -> Any:
    from jsonschema import Draft202012Validator

    content: Any = yaml.load((DATA_DIR / f"{schema}.schema.yml").read_text(), Loader=_Loader)  # noqa: S506
    if within:
        content = {"$defs": content.get("$defs", {}), **content["properties"][within]}
    return Draft202012Validator(content)


def _explain(error: ValidationError, path: Path) -> BenchError:
    """Turn the first violation into what, where and remedy."""
    where = _place(path, error.absolute_path)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = schema.get("properties", {})
            patterns = schema.get("patternProperties", {})
            extra = next(name for name in instance if name not in known)
            if patterns:
                return BenchError(f'the name "{extra}" is not allowed', where, "use a-z, 0-9 and single hyphens")
            return BenchError(f'unknown key "{extra}"', where, nearest(str(extra), known))
        case "required":
            missing = next(name for name in schema["required"] if name not in instance)
            return BenchError(f'the key "{missing}" is missing', where, f"add {missing}: {_wanted(schema, missing)}")
        case "type" | "anyOf" | "oneOf":
            return BenchError(f"{_value(instance)} is not {_kind(schema)}", where, f"give {_kind(schema)}")
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            bounds = _bounds(schema)
            return BenchError(f"{_value(instance)} is out of range", where, f"give {_kind(schema)} {bounds}")
        case "enum":
            return BenchError(
                f"{_value(instance)} is not known here", where, "use one of " + ", ".join(map(str, schema["enum"]))
            )
        case "minItems" | "minProperties" | "minLength":
            return BenchError("there is nothing in it", where, "give at least one")
        case _:
            return BenchError(str(error.message).splitlines()[0][:200], where, schema.get("description", "correct it"))


def _value(instance: Any) -> str:
    if isinstance(instance, Mapping):
        return "a mapping"
    if isinstance(instance, list):
        return "a list"
    if instance is None:
        return "nothing"
    if isinstance(instance, float) and not math.isfinite(instance):
        return str(instance)
    return repr(instance) if isinstance(instance, str) else str(instance)


def _kind(schema: Mapping[str, Any]) -> str:
    names = {
        "integer": "a whole number", "number": "a number", "string": "a text", "boolean": "true or false",
        "object": "a mapping (key: value)", "array": "a list",
    }  # fmt: skip
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    kind = schema.get("type", "")
    return names.get(kind if isinstance(kind, str) else "", "of the right kind")


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "of at least", "exclusiveMinimum": "above", "maximum": "of at most", "exclusiveMaximum": "below",
    }  # fmt: skip
    return " and ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)


def _wanted(schema: Mapping[str, Any], key: str) -> str:
    wanted = schema.get("properties", {}).get(key, {})
    return str(wanted.get("description", "its value"))
