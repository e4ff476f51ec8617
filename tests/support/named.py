"""What documents name: commands, variables, plans, files; found in their text, held against what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import click

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?(collect (?:[a-z]|-).*)$", re.MULTILINE)
INLINE = re.compile(r"`(?:\.venv/bin/)?(collect [a-z][^`]*)`")
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
EXTRA = re.compile(r"-e '?\{?\"?([a-z]\w*)\"?[=:]")
PLAN = re.compile(r"-e plan=([a-z][\w-]*)\b")
OPENING = re.compile(r"^#+ (.*)$", re.MULTILINE)
ENDS = ("|", ">", "<", "&&", ";", "2>")
"""Words after which a line of the shell is no longer the command's."""


def without_blocks(text: str) -> str:
    """Return what a document says outside of its fenced blocks."""
    return FENCED.sub("", text)


def in_blocks(text: str) -> Iterator[list[str]]:
    """Give the words of each ``collect`` command that a document shows in its blocks."""
    for block in FENCED.finditer(text):
        yield from map(_words, COMMAND.findall(block[2]))


def in_sentences(text: str) -> Iterator[list[str]]:
    """Give the words of each that it names in a sentence."""
    yield from (_words(" ".join(line.split())) for line in INLINE.findall(without_blocks(text)))


def unknown_in(words: Sequence[str], command: click.Command) -> str | None:
    """Return what of a command line its command does not know, a command or an option; None where it knows all."""
    context, rest = click.Context(command, info_name=words[0]), list(words[1:])
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, name := rest.pop(0))
        if found is None:
            return name
        command = found
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    given = (word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word))
    return next((option for option in given if option not in known), None)


def links(text: str) -> list[str]:
    """Return where a document's links and pictures lead to, those to other machines left out."""
    found = (one or other for one, other in LINK.findall(without_blocks(text)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Return what links to a document's headings end in, as GitHub makes it."""
    heads = (re.sub(r"[^\w\- ]", "", head.strip().lower()) for head in OPENING.findall(without_blocks(text)))
    return {head.replace(" ", "-") for head in heads}


def _words(line: str) -> list[str]:
    """Return a line's words as a shell has them, up to a quotation mark that does not end on it or another command."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = re.split(r"[\"']", line, maxsplit=1)[0].split()
    ends = [place for place, word in enumerate(words) if word in ENDS]
    return words[: min(ends, default=len(words))]
