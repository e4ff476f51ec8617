from __future__ import annotations

import click

from collect.cli import COMMANDS
from collect.manual.commands import WIDTH, commands
from collect.paths import CHECKOUT


@click.group()
def tool() -> None:
    """Do one thing or another.

    Slowly.
    """


@tool.command()
@click.argument("what")
@click.option("--often", type=int, default=3, show_default=True, help="How often.")
def walk(what: str, often: int) -> None:
    """Walk to WHAT."""


@tool.command(hidden=True)
def fly() -> None:
    """Fly."""


@tool.group("in")
def inside() -> None:
    """Go in."""


@inside.command()
def sit() -> None:
    """Sit down."""


def test_each_command_has_its_help_and_a_line_that_leads_there() -> None:
    lines = commands(tool)
    assert lines[:7] == [
        "| command | what it does |",
        "| --- | --- |",
        "| [`tool`](#tool) | Do one thing or another. |",
        "| [`tool in`](#tool-in) | Go in. |",
        "| [`tool in sit`](#tool-in-sit) | Sit down. |",
        "| [`tool walk`](#tool-walk) | Walk to WHAT. |",
        "",
    ]
    walking = lines[lines.index("## tool walk") :]
    assert walking[:5] == ["## tool walk", "", "```text", "Usage: tool walk [OPTIONS] WHAT", ""]
    assert "  --often INTEGER  How often.  [default: 3]" in walking
    assert walking[-1] == "```"
    assert not any("fly" in line.lower() for line in lines)


def test_all_commands_of_collect_are_there_as_on_every_machine() -> None:
    lines = commands()
    heads = {line.removeprefix("## ") for line in lines if line.startswith("## ")}
    assert {f"collect {name}" for name in COMMANDS} <= heads
    assert "collect plan check" in heads
    helped = "\n".join(lines).split("```text\n")[1:]
    # Examples are not wrapped.
    assert max(len(line) for text in helped for line in text.splitlines()) <= WIDTH + 20
    assert str(CHECKOUT) not in "\n".join(lines)
