"""docs/variables.md holds all that can be told, and nothing that nobody listens to."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

from collect.manual.variables import ROLES_DIR, entry_points, known, of_roles, options
from collect.paths import CHECKOUT

FOLDERS = ("roles", "playbooks", "inventory")
INSIDE = {"archive_entry", "bench_lock", "preflight_machine_of"}
"""What one task tells another, and an action."""
SPECS = """
argument_specs:
  main:
    short_description: Do what has to be done
    options:
      toy_port: {description: Where it listens., type: int, default: 80}
      toy_words: {description: What it says., type: list, elements: str, choices: [yes-sir, never]}
      toy_text: {description: "One | other.", type: str}
      toy_name: {description: Its name., type: str, required: true}
  stop:
    short_description: Stop it
    options:
      toy_port: {description: Where it listens., type: int, default: 80}
"""
DEFAULTS = """
toy_port: 80
toy_words: [yes-sir]
toy_text: "{{ text | default('') }}"
"""


def texts() -> dict[Path, str]:
    """Return what the roles, playbooks and inventories say."""
    paths = chain.from_iterable((CHECKOUT / folder).rglob("*") for folder in FOLDERS)
    return {path: path.read_text() for path in paths if path.suffix in {".yml", ".j2", ".py"}}


def of_some_role() -> set[str]:
    return {name for role in ROLES_DIR.iterdir() if role.is_dir() for name in options(entry_points(role))}


def test_what_a_bench_may_be_told_is_described() -> None:
    said = {path: text for path, text in texts().items() if path.parent.name in {"defaults", "vars", "plugins"}}
    asked = re.compile(r"\{\{ \(*([a-z]\w*)\)? \| default\(|_vars\.get\(\"(\w+)\"")
    found = {name for text in said.values() for pair in asked.findall(text) for name in pair if name}
    assert {"plan", "local_clients", "local_cpus"} <= found, "else this looks for the wrong thing"
    assert found - of_some_role() - INSIDE <= set(known()["bench"])


def test_what_is_described_is_listened_to() -> None:
    said = "\n".join(texts().values())
    for kind in ("bench", "inventory"):
        assert [name for name in known()[kind] if not re.search(rf"\b{name}\b", said)] == []


def test_the_testbeds_own_variables_of_an_inventory_are_described() -> None:
    said = "\n".join(text for path, text in texts().items() if path.suffix != ".py")
    found = set(re.findall(r"\bbench_[a-z_]+", said)) - INSIDE
    assert found == {name for name in known()["inventory"] if name.startswith("bench_")}


def test_the_environment_that_is_read_is_described() -> None:
    # The generator's own, which a trial sets, are none of the user's; nor is what the callback tells the report.
    code = [path for path in (CHECKOUT / "collect").rglob("*.py") if path.parent.name != "load"]
    read = re.compile(r"(?:environ(?:\.get)?[\[(]\"|env', ')(BENCH_[A-Z_]+)")
    paths = [*code, *(CHECKOUT / "callback_plugins").glob("*.py"), *texts()]
    found = {name for path in paths for name in read.findall(path.read_text())}
    told = {"BENCH_COLUMNS", "BENCH_COLOUR"}
    assert found - told == {name for name in known()["environment"] if name.startswith("BENCH_")}


def role(folder: Path, specs: str, defaults: str) -> Path:
    """Write a role and return the folder of roles that it is in."""
    for name, text in {"meta/argument_specs.yml": specs, "defaults/main.yml": defaults}.items():
        path = folder / "toy" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


def test_a_role_is_described_by_its_specs_and_its_defaults(tmp_path: Path) -> None:
    assert of_roles(role(tmp_path, SPECS, DEFAULTS)) == [
        "### toy",
        "",
        "- `main`: Do what has to be done",
        "- `stop`: Stop it",
        "",
        "| variable | type | default | meaning |",
        "| --- | --- | --- | --- |",
        "| `toy_port` | int | `80` | Where it listens. |",
        '| `toy_words` | list of str | `["yes-sir"]` | What it says. One of yes-sir, never. |',
        "| `toy_text` | str | `{{ text \\| default('') }}` | One \\| other. |",
        "| `toy_name` | str | must be given | Its name. |",
    ]


def test_a_long_default_is_linked_and_an_empty_one_is_called_so(tmp_path: Path) -> None:
    specs = "argument_specs: {main: {short_description: Do, options: {toy_a: {description: A., type: str}, "
    specs += "toy_b: {description: B., type: str}}}}"
    defaults = 'toy_a: ""\ntoy_b: ' + "x" * 99 + "\n"
    assert [line.split(" | ")[2] for line in of_roles(role(tmp_path, specs, defaults))[-2:]] == [
        "empty",
        "[computed or long](../roles/toy/defaults/main.yml)",
    ]


def test_every_role_of_the_checkout_is_there() -> None:
    heads = [line.removeprefix("### ") for line in of_roles() if line.startswith("### ")]
    assert heads == sorted(path.name for path in ROLES_DIR.iterdir() if path.is_dir())
