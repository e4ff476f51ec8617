"""A strict reader of OpenMetrics 1.0 text, made after the specification and not after our writer.

https://prometheus.io/docs/specs/om/open_metrics_spec/: its grammar, and of its rules those that gauges, counters and
infos are subject to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
ESCAPED = r'(?:[^"\\\n]|\\["\\n])*'
REAL = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NUMBER = rf"(?:{REAL}|[+-]?(?:[Ii][Nn][Ff](?:[Ii][Nn][Ii][Tt][Yy])?)|[Nn][Aa][Nn])"
PAIR = rf'{LABEL}="{ESCAPED}"'
METADATA = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
SAMPLE = re.compile(rf"({NAME})(?:\{{({PAIR}(?:,{PAIR})*)?\}})? ({NUMBER})(?: ({REAL}))?")
KINDS = {"gauge": "", "counter": "_total", "info": "_info"}
"""By type: how the names of its samples end."""
RESERVED = ("_total", "_created", "_bucket", "_count", "_sum", "_info")


@dataclass
class Sample:
    labels: Mapping[str, str]
    value: float
    at: float | None


@dataclass
class Family:
    name: str
    kind: str = "unknown"
    unit: str = ""
    help: str = ""
    samples: list[Sample] = field(default_factory=list)


def parse(text: str) -> dict[str, Family]:
    """Return the families of an exposition by name; AssertionError names the line that breaks a rule."""
    assert text.endswith("# EOF\n"), "it does not end in # EOF"
    families: dict[str, Family] = {}
    current: Family | None = None
    said: set[str] = set()
    for line in text.removesuffix("# EOF\n").split("\n")[:-1]:
        assert line, "an empty line"
        if found := METADATA.fullmatch(line):
            kind, name, value = found.groups()
            if current is None or name != current.name:
                assert name not in families, f"interleaved: {line}"
                current = families[name] = Family(name)
                said = set()
            assert kind not in said, f"said twice: {line}"
            assert not current.samples, f"after a sample: {line}"
            said.add(kind)
            _describe(current, kind, value)
            continue
        assert not line.startswith("#"), f"neither metadata nor a sample: {line}"
        sample = SAMPLE.fullmatch(line)
        assert sample, f"no sample: {line}"
        assert current is not None, f"without a family: {line}"
        assert sample[1] == current.name + KINDS[current.kind], f"not of {current.name}: {line}"
        current.samples.append(_sample(sample))
    for family in families.values():
        _check(family)
    return families


def _describe(family: Family, kind: str, value: str) -> None:
    if kind == "TYPE":
        assert value in KINDS, value
        assert not family.name.endswith(RESERVED), family.name
        family.kind = value
    elif kind == "UNIT":
        assert re.fullmatch(r"[a-zA-Z0-9_:]*", value), value
        assert not value or family.name.endswith(f"_{value}"), f"{family.name} does not end in its unit {value}"
        family.unit = value
    else:
        assert re.fullmatch(ESCAPED, value), value
        family.help = _unescaped(value)


def _sample(found: re.Match[str]) -> Sample:
    pairs = re.findall(rf'({LABEL})="({ESCAPED})"', found[2] or "")
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a label twice: {found[0]}"
    assert not any(name.startswith("__") for name in names), found[0]
    labels = {name: _unescaped(value) for name, value in pairs}
    return Sample(labels, float(found[3]), None if found[4] is None else float(found[4]))


def _check(family: Family) -> None:
    """Hold the samples of a family against the rules for several moments of one metric."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    last: tuple[tuple[str, str], ...] | None = None
    at: float | None = None
    for sample in family.samples:
        metric = tuple(sorted(sample.labels.items()))
        if metric != last:
            assert metric not in seen, f"{family.name}: metrics are interleaved"
            seen.add(metric)
        else:
            assert at is not None, f"{family.name}: two points without a moment"
            assert sample.at is not None, f"{family.name}: two points without a moment"
            assert sample.at > at, f"{family.name}: time goes backwards"
        last, at = metric, sample.at
        if family.kind == "counter":
            assert sample.value >= 0, f"{family.name}: a counter below 0"
        if family.kind == "info":
            assert sample.value == 1, f"{family.name}: an info that is not 1"
    if family.kind == "info":
        assert not family.unit, family.name


def _unescaped(text: str) -> str:
    return re.sub(r'\\(["\\n])', lambda found: "\n" if found[1] == "n" else found[1], text)
