"""A document that says what is not so must not pass."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.followed import Block, blocks, changed, follow

PAGE = """# Head

A new file `a.yml`:

```yaml
one: 1
two: 2
```

In `a.yml`:
```diff
 one: 1
-two: 2
+two: 22
+three: 3
```

At the end of `a.yml`:

```yaml
four: 4
```

Then look:

```console
$ cat a.yml | head -n 2
one: 1
two: 22
$ wc -l a.yml
5 …a.yml
$ true
$ echo "error: no (there): mend it"; exit 2
error: no …
```

```text
not run: rm -rf /
```
"""


def followed(document: str, tree: Path) -> None:
    for block in blocks(document):
        follow(block, tree, {"PATH": os.environ["PATH"]})


def diff(text: str) -> Block:
    return Block(1, "diff", text, "In `x`:")


def test_a_document_is_followed_block_by_block(tmp_path: Path) -> None:
    followed(PAGE, tmp_path)
    assert (tmp_path / "a.yml").read_text() == "one: 1\ntwo: 22\nthree: 3\n\nfour: 4\n"
    assert [(block.line, block.kind) for block in blocks(PAGE)][:2] == [(6, "yaml"), (12, "diff")]


def test_what_is_added_to_a_module_stands_apart(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1\n")
    followed("At the end of `m.py`:\n\n```python\ndef f() -> None: ...\n```\n", tmp_path)
    assert (tmp_path / "m.py").read_text() == "x = 1\n\n\ndef f() -> None: ...\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-two: 2\n", "-two: 3\n", "line 12: this fits 0 places"),
        ("two: 22\n$", "two: 2\n$", "and not:"),
        ("$ true", "$ false", r"\$ false\n\(exit code 1\)"),
        ("exit 2", "exit 0", "exit code 0"),
        ("5 …a.yml", "5 …b.yml", "and not:"),
        ("A new file `a.yml`:", "Look at this:", "line 6: nothing says what this block is for: 'Look at this:'"),
        ("At the end of `a.yml`:", "A new file `a.yml`:", "a.yml is not new"),
        ("At the end of `a.yml`:", "In `a.yml`:", "is changed by a diff"),
        ("In `a.yml`:", "At the end of `a.yml`:", "a diff changes what is in a file"),
        ("$ cat a.yml", "> cat a.yml", "a console begins with a command"),
    ],
)
def test_what_is_not_so_is_found(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert PAGE.count(old) == 1
    with pytest.raises(AssertionError, match=said):
        followed(PAGE.replace(old, new), tmp_path)


def test_hunks_fit_one_place_each() -> None:
    text = "a\nb\n\nc\na\nd\n"
    assert changed(text, diff(" b\n+B\n\n c\n@@\n-a\n d\n")) == "a\nb\nB\n\nc\nd\n"
    for hunk, places in ((" a\n+A\n", 2), (" x\n", 0), (" c\n a\n b\n", 0), (" bc\n", 0)):
        with pytest.raises(AssertionError, match=f"this fits {places} places"):
            changed(text, diff(hunk))
    with pytest.raises(AssertionError, match="has to show where it belongs"):
        changed(text, diff("+A\n"))
    with pytest.raises(AssertionError, match="each line begins with"):
        changed(text, diff("a\n+A\n"))
