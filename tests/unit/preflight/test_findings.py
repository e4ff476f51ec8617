"""Levels and words are data: whole, and changed by the user as he likes."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.preflight.findings import LEVELS, Finding, check_levels, finding, refusals, rules, told

BAD = {
    "x: {level: refuse, what: a}": 'the key "remedy" is missing',
    "x: {level: fatal, what: a, remedy: b}": "'fatal' is not known here",
    "x: {level: note, what: a, remedy: b, why: c}": 'unknown key "why"',
    "x: {level: note, what: '', remedy: b}": "there is nothing in it",
}


@pytest.mark.parametrize(("text", "problem"), BAD.items())
def test_a_bad_file_is_told_by_its_key(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "preflight.yml").write_text(text)
    with pytest.raises(BenchError) as caught:
        rules(tmp_path / "preflight.yml")
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", rules())
def test_each_rule_says_what_and_what_to_do(name: str) -> None:
    rule = rules()[name]
    for text in (rule["what"], rule["remedy"], rule.get("record", "none")):
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
        assert all(field.isidentifier() for field in fields), "a format that reaches into values lets them out"
        assert text == " ".join(text.split())
        assert not text.endswith(".")
    assert "): " not in rule["what"], "so a line is read back as what, where and remedy"


def test_a_line_is_what_where_and_remedy() -> None:
    found = finding("swap_used", "server1", {"used": 12}, {})
    assert found.level == "warn"
    assert found.line() == (
        "12 MiB are swapped out (server1): end what uses the memory there, then `swapoff -a; swapon -a`"
    )
    assert BenchError.from_line(found.line(), "", "").where == "server1"
    assert set(found.to_json()) == {"name", "level", "host", "what", "remedy"}


def test_what_a_host_says_is_text_and_no_format() -> None:
    assert "{limits}" in finding("people", "server1", {"people": "{limits} (ssh)", "count": 1}, {}).what


def test_levels_are_the_users() -> None:
    check_levels({"swap_used": "refuse", "governor": "note"})
    assert finding("swap_used", "server1", {"used": 12}, {"swap_used": "refuse"}).level == "refuse"


@pytest.mark.parametrize(
    ("levels", "problem"),
    [
        ({"govenor": "note"}, 'preflight finds no "govenor" (preflight_levels): did you mean "governor"?'),
        ({"governor": "off"}, '"off" is no level of governor (preflight_levels): use one of refuse, warn, note'),
    ],
)
def test_levels_that_are_none(levels: dict[str, str], problem: str) -> None:
    with pytest.raises(BenchError) as caught:
        check_levels(levels)
    assert str(caught.value) == problem


def test_refusals_are_errors_and_the_rest_is_told_as_it_is_asked_for() -> None:
    found = [Finding(f"a {level}", level, "server1", f"what {level}", "mend it") for level in LEVELS]
    assert refusals(found) == ["what refuse (server1): mend it"]
    assert told(found, notes=False) == ["warning: what warn (server1): mend it"]
    assert told(found, notes=True)[1:] == ["note: what note (server1): mend it"]


def test_people_and_addresses_are_told_and_not_kept() -> None:
    """A run is shown to others; who was logged in then is nobody's business."""
    who = finding("people", "server1", {"people": "alice (ssh, from 192.0.2.9)", "count": 1}, {})
    assert "alice" in who.line()
    assert who.to_json()["what"] == "logged in besides who measures: 1"
    load = finding("foreign_load", "server1", {"cores": "0.75", "by": "secret.service 0.75"}, {})
    assert "secret" in load.line()
    assert load.to_json()["what"] == "others take 0.75 of a core there"
    kept = [rule.get("record", rule["what"]) for rule in rules().values() if rule["level"] != "refuse"]
    assert not [words for words in kept if "{people}" in words or "{address}" in words or "{by}" in words]
