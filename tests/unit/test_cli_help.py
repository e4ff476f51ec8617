"""The help of each command teaches by examples, and the examples are such that the command takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from collect.cli import collect, main

LEAST = 2
FOR_PLAYBOOKS = "run"
"""The group whose commands people seldom type: an example each is enough."""


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that is no group."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


def examples(text: str) -> list[str]:
    """Return the lines below "Examples:"."""
    found = re.search(r"^  Examples:\n((?:    \S.*\n)+)", text, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines()] if found else []


def words_of(example: str) -> list[str]:
    """Return the words of the command in an example, without what the shell does with its output."""
    inner = re.search(r"\$\((.*)\)", example)
    words = shlex.split(inner[1] if inner else example)
    ends = [at for at, word in enumerate(words) if word in ("<", ">", "|", "&&")]
    return words[: ends[0]] if ends else words


def understood(words: list[str]) -> None:
    """Raise what click says of words that the command does not take; a file that is not there is no matter here."""
    context = click.Context(collect, info_name="collect")
    found: click.Command | None = collect
    while isinstance(found, click.Group):
        name, found, words = found.resolve_command(context, words)
        assert found is not None
        if isinstance(found, click.Group):
            context = click.Context(found, info_name=name, parent=context)
    assert found is not None
    try:
        found.make_context(found.name, words, parent=context).close()
    except click.MissingParameter:
        raise
    except click.BadParameter as error:
        if "does not exist" not in str(error):
            raise


@pytest.mark.parametrize("path", [pytest.param(path, id=" ".join(path)) for path in leaves(collect)])
def test_each_command_has_examples_that_it_takes(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == 0
    found = examples(capsys.readouterr().out)
    assert len(found) >= (1 if path[0] == FOR_PLAYBOOKS else LEAST)
    own = [example for example in found if words_of(example)[: len(path) + 1] == ["collect", *path]]
    assert len(own) >= (1 if path[0] == FOR_PLAYBOOKS else LEAST), found
    for example in found:
        words = words_of(example)
        assert words[0] == "collect"
        understood(words[1:])


def test_the_groups_have_examples_too(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ([], ["plan"], ["run"]):
        assert main([*path, "--help"]) == 0
        found = examples(capsys.readouterr().out)
        assert len(found) >= LEAST
        for example in found:
            understood(words_of(example)[1:])


def test_a_wrong_example_would_be_found() -> None:
    for wrong in (["list", "--bogus"], ["bogus"], ["show"], ["plan", "bogus"], ["verify", "--processes", "x"]):
        with pytest.raises(click.UsageError):
            understood(wrong)
    assert examples("no help\n") == []
    assert words_of('eval "$(collect completion bash)"') == ["collect", "completion", "bash"]
    assert words_of("collect completion zsh > ~/x") == ["collect", "completion", "zsh"]
