"""docs/lab.md is followed to the letter, from machines that know nothing of this project to those that are as before.

What is changed are the addresses, and what a test cannot do as a person does: the password for sudo is read from
a file instead of a keyboard, and script/bench does not set up its environment again, which is the original's here.
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


@pytest.mark.alone
def test_the_page_leads_from_bare_machines_to_the_report_and_back(
    lab: LabHosts, lab_checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "COMMAND_S", COMMAND_S)
    assert {name: lab.on(name, OURS) for name in NAMES} == dict.fromkeys(NAMES, "")
    found = as_a_test(lab)
    told = [command for block in found if block.kind == "console" for command, _ in followed.commands(block)]
    assert [command for command in told if "down.yml" in command] == told[-1:], "removal comes last"
    assert sum("-e plan=mine" in command for command in told) == 2, "with one client and with two"

    for block in found:
        follow(block, lab_checkout.path, environment(lab_checkout))
        if "-e plan=mine" in block.text and block.kind == "console":
            assert reports(lab_checkout.path), block.text

    assert len(reports(lab_checkout.path)) == 2
    assert {name: lab.on(name, OURS) for name in NAMES} == dict.fromkeys(NAMES, "")
    lab.on("server1", "systemctl is-active redis-server somebodys")


def reports(checkout: Path) -> list[Path]:
    """Return the pages that were drawn."""
    return sorted((checkout / "archive").glob("*.html"))


def test_the_inventory_that_comes_with_it_was_not_changed(lab_checkout: Checkout, lab: LabHosts) -> None:
    text = (lab_checkout.path / "inventory" / "lab" / "hosts.yml").read_text()
    assert text == lab.readdressed((ORIGINAL / "inventory" / "lab" / "hosts.yml").read_text())
