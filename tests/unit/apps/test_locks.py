from __future__ import annotations

import re
from pathlib import Path

import pytest

from collect.paths import CHECKOUT

APPS = CHECKOUT / "apps"
ARTICLE = {
    "flask": "2.3.2", "werkzeug": "2.3.6", "starlette": "0.28.0", "uvicorn": "0.22.0", "redis": "4.5.5",
    "anyio": "3.7.0", "h11": "0.14.0", "gunicorn": "20.1.0",
}  # fmt: skip
"""What the testbed has measured since its first day."""


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==(\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["requirements", "requirements-modern"])
def test_a_lock_pins_each_package_by_hash_and_says_how_it_was_made(name: str) -> None:
    wanted, lock = APPS / f"{name}.in", APPS / f"{name}.lock"
    text = lock.read_text()
    assert pins(wanted).items() <= pins(lock).items()
    entries = re.split(r"^(?=[a-z])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    assert len(entries) - 1 == len(pins(lock)) > len(pins(wanted))
    assert all("--hash=sha256:" in entry for entry in entries[1:])
    assert f"uv pip compile --python-version 3.{8 if name == 'requirements' else 12} " in text.splitlines()[1]
    assert f"--only-binary :all: {'--exclude-newer 2023-06-16 ' if name == 'requirements' else ''}" in text


def test_what_was_measured_before_stays_as_it_was() -> None:
    assert ARTICLE.items() <= pins(APPS / "requirements.lock").items()


def test_both_sets_are_of_the_same_packages() -> None:
    article, modern = pins(APPS / "requirements.in"), pins(APPS / "requirements-modern.in")
    assert set(modern) - set(article) == {"uvicorn-worker"}, "uvicorn's own, formerly"
    assert set(article) <= set(modern)
