from __future__ import annotations

import sys
from pathlib import Path

import pytest

from collect.errors import BenchError
from collect.manual import __main__ as program
from collect.manual.pages import BEGIN, END, PARTS, Part, documents, renewed, stale

PAGE = Path("page.md")
MINE: dict[str, Part] = {"words": lambda: ["one", "two"], "none": lambda: []}


def part(name: str, *lines: str) -> str:
    return "\n".join([f"{BEGIN}{name} -->", *lines, END])


def test_the_documents_are_as_the_code_has_them() -> None:
    assert [path.name for path in stale(documents())] == [], "script/docs writes them"


def test_every_part_has_its_place() -> None:
    text = "".join(path.read_text() for path in documents())
    assert {name: text.count(f"{BEGIN}{name} -->\n") for name in PARTS} == dict.fromkeys(PARTS, 1)


@pytest.mark.parametrize("old", [(), ("one",), ("one", "two"), ("quite", "another | text", "")])
def test_what_is_outside_of_a_part_stays_as_it_is(old: tuple[str, ...]) -> None:
    page = "# Head\n\n{}\nbetween <!-- made by another: begin -->\n<!-- end -->\n{}\n"
    now = page.format(part("words", *old), part("none"))
    right = page.format(part("words", "one", "two"), part("none"))
    assert renewed(now, PAGE, MINE) == right
    assert renewed(right, PAGE, MINE) == right


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (f"a\n{part('wrods')}\n", 'unknown part "wrods" (page.md, line 2): did you mean "words"?'),
        (f"{BEGIN}words -->\none\n", 'the part "words" has no end (page.md, line 1): put <!-- end --> where it ends'),
        (f"{BEGIN}words -->\n\n{part('none')}\n", 'the part "words" has no end (page.md, line 1)'),
    ],
)
def test_a_part_that_cannot_be_made_is_told(page: str, said: str) -> None:
    with pytest.raises(BenchError) as caught:
        renewed(page, PAGE, MINE)
    assert str(caught.value).startswith(said)


def test_the_program_writes_what_differs_and_only_looks_where_it_is_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    page.write_text(f"head\n{part('columns of trials')}\n")
    other.write_text("nothing is made here\n")
    monkeypatch.setattr(program, "documents", lambda: [other, page])
    monkeypatch.setattr(sys, "argv", ["docs", "--check"])
    before = page.read_text()
    assert program.main() == 1
    assert (capsys.readouterr().out, page.read_text()) == (f"{page}: not as the code has it\n", before)
    monkeypatch.setattr(sys, "argv", ["docs"])
    assert program.main() == 0
    assert capsys.readouterr().out == f"{page}: written\n"
    assert "\n| `rps` | float64 | 1/s | " in page.read_text()
    assert program.main() == 0
    assert capsys.readouterr().out == ""
    page.write_text(part("no such part"))
    assert program.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
