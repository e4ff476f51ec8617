"""A document that is followed to the letter: its blocks are put into a tree of files, its commands run there.

What a block is for is said by its kind and by the line of text before it:

- "A new file `path`:", "At the end of `path`:": the block is, or is added to, that file;
- "In `path`:" and a block of kind diff: hunks, with ``@@`` between them, each of which must fit exactly one place;
- a block of kind console: each line after ``$ `` is run, and must print what stands below it, where something does; …
  stands for anything. It must end well, unless that begins with "error: ";
- a block of kind text is only shown.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"(A new file|At the end of|In) `([^`]+)`:$")
COMMAND_S = 300.0
"""Seconds that a command may take."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the number of its first line in the document, its kind, and the line of text before it."""

    line: int
    kind: str
    text: str
    said: str


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document."""
    found = []
    for match in FENCE.finditer(document):
        before = document[: match.start()]
        said = before.rstrip().rsplit("\n", 1)[-1]
        found.append(Block(before.count("\n") + 2, match[1], match[2], said))
    return found


def follow(block: Block, tree: Path, environment: Mapping[str, str]) -> None:
    """Do what a block says; AssertionError where it does not fit the tree, or does not come out as it says."""
    if block.kind == "text":
        return
    if block.kind == "console":
        for command, said in commands(block):
            run(command, said, tree, environment)
        return
    named = NAMED.search(block.said)
    assert named, f"line {block.line}: nothing says what this block is for: {block.said!r}"
    path = tree / named[2]
    if named[1] == "In":
        assert block.kind == "diff", f"line {block.line}: what is in {named[2]} is changed by a diff"
        path.write_text(changed(path.read_text(), block))
        return
    assert block.kind != "diff", f"line {block.line}: a diff changes what is in a file"
    if named[1] == "A new file":
        assert not path.exists(), f"line {block.line}: {named[2]} is not new"
        path.write_text(block.text)
    else:
        path.write_text(path.read_text() + ("\n\n" if path.suffix == ".py" else "\n") + block.text)


def changed(text: str, block: Block) -> str:
    """Return a text with the hunks of a diff applied."""
    for hunk in re.split(r"^@@\n", block.text, flags=re.MULTILINE):
        lines = [line or " " for line in hunk.splitlines()]
        assert {line[0] for line in lines} <= set(" +-"), f"line {block.line}: each line begins with ' ', + or -"
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")
        assert old, f"line {block.line}: a hunk has to show where it belongs"
        places = [found.start() for found in re.finditer(f"^{re.escape(old)}", text, re.MULTILINE)]
        assert len(places) == 1, f"line {block.line}: this fits {len(places)} places:\n{old}"
        text = text[: places[0]] + new + text[places[0] + len(old) :]
    return text


def commands(block: Block) -> list[tuple[str, str]]:
    """Return each command of a console block with what it must print; an empty text for anything."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            assert found, f"line {block.line}: a console begins with a command"
            command, said = found.pop()
            found.append((command, f"{said}{line}\n"))
    return found


def run(command: str, said: str, tree: Path, environment: Mapping[str, str]) -> None:
    """Run a command of the shell in a tree; it must end and print as it is said."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tree,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    told = f"$ {command}\n{done.stdout}(exit code {done.returncode})"
    assert (done.returncode != 0) == said.startswith("error: "), told
    wanted = re.escape(said.strip()).replace("…", ".*?")
    assert not said or re.fullmatch(wanted, done.stdout.strip(), re.DOTALL), f"{told}\nand not:\n{said}"
