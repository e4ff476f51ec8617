"""docs/lab.md is followed to the letter, from machines that know nothing of this project to those that are as before.

What is changed are the addresses, and what a test cannot do as a person does: the password for sudo is read from
a file instead of a keyboard, and script/bench does not set up its environment again, which is the original's here.
The tests of this file are one story, in its order: a test for each block of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import followed
from tests.support.checkout import ORIGINAL, Checkout
from tests.support.followed import Block, blocks, follow
from tests.support.lab_hosts import LAB_S, NAMES, LabHosts

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(2 * LAB_S)]

TEXT = (ORIGINAL / "docs" / "lab.md").read_text()
BY_A_TEST = {
    "script/bench ": ".venv/bin/ansible-playbook bench.yml ",
    "--ask-become-pass": "--become-password-file={password}",
}
COMMAND_S = 900.0
"""Seconds that a command may take: the first bench carries everything to the machines."""
OURS = (
    "ls -d /opt/bench /etc/bench /var/lib/bench /var/log/bench /run/bench /etc/systemd/system/bench-* 2>/dev/null;"
    " getent passwd | grep ^bench; true"
)


def as_a_test(lab: LabHosts) -> list[Block]:
    """Return the document's blocks with this lab's addresses, in the words of a test."""
    text = lab.readdressed(TEXT)
    for said, done in BY_A_TEST.items():
        assert said in text, f"the document does not say {said!r} any more"
        text = text.replace(said, done.format(password=lab.password_file))
    return blocks(text)


def environment(checkout: Checkout) -> Mapping[str, str]:
    """Return an environment in which the copy's code goes before that of the checkout it is installed from."""
    own = {name: value for name, value in checkout.environment.items() if not name.startswith("PYTEST_")}
    return {**own, "PYTHONPATH": str(checkout.path)}


def measures(block: Block) -> bool:
    """Say whether a block of the document measures: a run of which others take the CPU does not end well."""
    return block.kind == "console" and "-e plan=mine" in block.text


DOCUMENTED = blocks(TEXT)
IN_ORDER = [
    pytest.param(place, id=f"line {block.line}", marks=[pytest.mark.alone] if measures(block) else [])
    for place, block in enumerate(DOCUMENTED)
    if block.kind != "text"
]


def test_the_page_begins_with_bare_machines_and_ends_with_removal(lab: LabHosts) -> None:
    assert {name: lab.on(name, OURS) for name in NAMES} == dict.fromkeys(NAMES, "")
    told = [command for block in DOCUMENTED if block.kind == "console" for command, _ in followed.commands(block)]
    assert [command for command in told if "down.yml" in command] == told[-1:], "removal comes last"
    assert sum("-e plan=mine" in command for command in told) == 2, "with one client and with two"


@pytest.mark.parametrize("place", IN_ORDER)
def test_what_the_page_says_is_done_and_is_as_it_says(
    lab: LabHosts, lab_checkout: Checkout, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(followed, "COMMAND_S", COMMAND_S)
    found, before = as_a_test(lab), reports(lab_checkout.path)
    assert len(found) == len(DOCUMENTED)
    follow(found[place], lab_checkout.path, environment(lab_checkout))
    assert len(reports(lab_checkout.path)) - len(before) == measures(DOCUMENTED[place])


def test_it_has_led_to_the_reports_and_back(lab: LabHosts, lab_checkout: Checkout) -> None:
    assert len(reports(lab_checkout.path)) == 2
    assert {name: lab.on(name, OURS) for name in NAMES} == dict.fromkeys(NAMES, "")
    lab.on("server1", "systemctl is-active redis-server somebodys")


def reports(checkout: Path) -> list[Path]:
    """Return the pages that were drawn."""
    return sorted((checkout / "archive").glob("*.html"))


def test_the_inventory_that_comes_with_it_was_not_changed(lab_checkout: Checkout, lab: LabHosts) -> None:
    text = (lab_checkout.path / "inventory" / "lab" / "hosts.yml").read_text()
    assert text == lab.readdressed((ORIGINAL / "inventory" / "lab" / "hosts.yml").read_text())
