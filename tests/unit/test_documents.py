"""Each document names only what there is: files, headings, commands and their options, variables, plans, roles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collect.cli import COMMANDS, collect
from collect.manual.pages import documents
from collect.manual.variables import ROLES_DIR, entry_points, known, options
from collect.paths import CHECKOUT
from collect.plan import plan_names
from tests.support.named import EXTRA, PLAN, anchors, in_blocks, in_sentences, links, unknown_in

DOCUMENTS = {str(path.relative_to(CHECKOUT)): path for path in documents()}
README = DOCUMENTS["README.md"]
MADE_BY_A_DOCUMENT = {"mine"}
"""Plans that a document has the reader write."""

each_document = pytest.mark.parametrize("path", DOCUMENTS.values(), ids=DOCUMENTS)


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path.read_text()):
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


@each_document
def test_commands_and_their_options_are_there(path: Path) -> None:
    text = path.read_text()
    for words in (*in_blocks(text), *in_sentences(text)):
        assert unknown_in(words, collect) is None, " ".join(words)


@each_document
def test_variables_and_plans_are_there(path: Path) -> None:
    text = path.read_text()
    of_roles = {name for role in ROLES_DIR.iterdir() if role.is_dir() for name in options(entry_points(role))}
    assert set(EXTRA.findall(text)) <= {*known()["bench"], *known()["inventory"], *of_roles}
    assert set(PLAN.findall(text)) <= {*plan_names(), *MADE_BY_A_DOCUMENT}


@each_document
def test_scripts_are_there(path: Path) -> None:
    named = set(re.findall(r"\bscript/([a-z]+(?:\.\w+)?)", path.read_text()))
    assert {name for name in named if not (CHECKOUT / "script" / name).exists()} == set()


def test_the_first_page_leads_to_every_document_and_names_every_role_and_plan() -> None:
    text = README.read_text()
    assert {f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")} <= set(links(text))
    roles = {path.name for path in ROLES_DIR.iterdir() if path.is_dir()}
    assert {name for name in roles if f"`{name}`" not in text} == set()
    assert set(plan_names()) - set(PLAN.findall(text)) == {"quick"}, "that is the default"


def test_the_help_of_every_command_shows_examples() -> None:
    sections = re.split(r"^## (?=collect )", DOCUMENTS["docs/commands.md"].read_text(), flags=re.MULTILINE)[1:]
    shown = {words[1] for text in sections for words in in_blocks(text) if text.startswith(" ".join(words[:2]))}
    # What only the playbooks call has none.
    assert set(COMMANDS) - shown <= {"run"}


def test_every_debian_package_is_named_before_it_is_installed() -> None:
    listed = (CHECKOUT / "script" / "packages.txt").read_text().splitlines()
    packages = {line.split()[2] for line in listed if line and not line.startswith("#")}
    named = README.read_text().replace("MariaDB's server and client", "mariadb-server-core, mariadb-client-core")
    assert {package for package in packages if not re.search(rf"\b{package}\b", named)} == set()


def test_the_versions_that_security_speaks_of_are_those_that_are_locked() -> None:
    named = dict(re.findall(r"\b([a-z]+)(?:-py)? (\d+\.\d+\.\d+)\b(?!\.)", DOCUMENTS["SECURITY.md"].read_text()))
    locks = [CHECKOUT / folder / "requirements.lock" for folder in ("apps", "collect/load")]
    pins = dict(pin for lock in locks for pin in re.findall(r"^([a-z]+)==(\S+)", lock.read_text(), re.MULTILINE))
    assert {"flask", "locust", "redis"} <= set(named)
    assert {name: pins.get(name) for name in named} == named
