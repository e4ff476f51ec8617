"""The examples name only what there is: files of the checkout, commands, variables, other units."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

from collect.cli import collect
from collect.manual.variables import known
from collect.paths import CHECKOUT
from tests.support.named import unknown_in

SYSTEMD = CHECKOUT / "examples" / "systemd"
INSTALLED = Path("/srv/bench")
DOCUMENT = (CHECKOUT / "docs" / "rerun.md").read_text()


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=True)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string((SYSTEMD / name).read_text())
    return parsed


def test_the_service_measures_and_then_says_whether_it_is_the_same() -> None:
    service = unit("bench-rerun.service")["Service"]
    assert service["WorkingDirectory"] == str(INSTALLED)
    measure, compare = shlex.split(service["ExecStart"]), shlex.split(service["ExecStartPost"])
    assert (CHECKOUT / Path(measure[0]).relative_to(INSTALLED)).is_file()
    assert measure[1:] == ["-i", "${INVENTORY}", "-e", "rerun=${RERUN}", "$MORE"]
    assert "rerun" in known()["bench"]
    assert compare[0] == str(INSTALLED / ".venv" / "bin" / "collect")
    assert unknown_in(["collect", *compare[1:]], collect) is None
    assert compare[1:] == ["compare", "latest"]


def test_the_service_can_be_stopped_as_by_the_keyboard_and_is_no_failure_for_its_length() -> None:
    service = unit("bench-rerun.service")["Service"]
    assert service["Type"] == "oneshot", "which has no time limit"
    assert "TimeoutStartSec" not in service
    assert service["KillSignal"] == "SIGINT"


def test_only_the_timer_is_enabled() -> None:
    assert "Install" not in unit("bench-rerun.service")
    timer = unit("bench-rerun.timer")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d", timer["Timer"]["OnCalendar"])


@pytest.mark.parametrize("path", sorted(SYSTEMD.iterdir()), ids=lambda path: path.name)
def test_the_document_says_how_each_is_installed(path: Path) -> None:
    assert f"examples/systemd/{path.name}" in DOCUMENT
    documentation = unit(path.name)["Unit"]["Documentation"].removeprefix("file://")
    assert (CHECKOUT / Path(documentation).relative_to(INSTALLED)).is_file()


def test_the_variables_of_the_file_are_those_that_the_service_reads() -> None:
    text = (SYSTEMD / "bench-rerun.service").read_text()
    commands = "\n".join(line for line in text.splitlines() if line.startswith("Exec"))
    read = set(re.findall(r"\$\{?([A-Z]+)", commands))
    assert read == {"INVENTORY", "RERUN", "MORE"}
    assert all(f"{name}=" in DOCUMENT for name in read)
