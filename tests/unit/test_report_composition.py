"""The section "What the ratio consists of", from sealed runs whose rates are known."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from collect.archive.store import Archive
from collect.plan import load_plan
from collect.report import text
from collect.report.comparison import headline
from collect.report.data import run_data
from collect.report.extras import Extra
from collect.report.extras import extras as all_extras
from collect.report.figures import RunFigures, run_figures
from collect.report.html import render
from collect.report.variants import rankings
from tests.support.judged import judged, rewrite

WHOLE, CLIENT, SERVER = 4.3, 1.5, 1.2
"""What the ratio is, and what a client and a server on equal terms take off it."""


def run(folder: Path, kind: str, blocks: int = 3) -> Archive:
    path = folder / f"{kind}.yml"
    design = {"kind": kind, "workload": "redis", "users": 10, "factors": ["client", "server"]}
    plan = {"blocks": blocks, "seed": 1, "ramp_s": 0, "warmup_s": 0.5, "window_s": 1, "design": design}
    path.write_text(yaml.safe_dump(plan))
    made = load_plan(path)
    words = {cell.name: "generator" if cell.variant == "starlette-uvicorn" else "server-app" for cell in made.cells}
    archive = judged(folder / "archive", words, made)
    rewrite(archive.folder(archive.resolve("latest")), dict(words), rps=rate)
    return archive


def rate(row: dict[str, Any]) -> float:
    """Return a rate with a little noise that is the same in every run."""
    equal = row["variant"].split("-equal")[1:]
    both = equal == [""]
    client, server = (bool(equal) and (both or word in equal[0]) for word in ("client", "server"))
    noise = 0.01 * math.sin(7 * row["ordinal"])
    if row["variant"].startswith("starlette"):
        return 400 * WHOLE * math.exp(noise)
    return 400 * CLIENT**client * SERVER**server * math.exp(noise)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Archive]:
    return {kind: run(tmp_path_factory.mktemp(kind), kind, 3) for kind in ("ladder", "factorial")}


def figures(archive: Archive) -> RunFigures:
    return run_figures(archive, archive.resolve("latest"))


def section(archive: Archive, kind: str) -> Extra:
    (extra,) = [extra for extra in all_extras(figures(archive)) if extra.name == kind]
    return extra


def test_a_ladder_is_told_everywhere(runs: dict[str, Archive]) -> None:
    data = json.loads(json.dumps(run_data(figures(runs["ladder"]))["ladder"]))
    assert data["whole"]["value"] == pytest.approx(WHOLE, rel=0.02)
    assert data["left"]["value"] == pytest.approx(WHOLE / CLIENT / SERVER, rel=0.02)
    for order, names in (("forward", ["client", "server"]), ("backward", ["server", "client"])):
        steps = data["steps"][order]
        assert [step["factor"] for step in steps] == names
        assert {step["factor"]: step["value"] for step in steps} == pytest.approx(
            {"client": CLIENT, "server": SERVER}, rel=0.03
        )
        product = math.prod(step["value"] for step in steps) * data["left"]["value"]
        assert product == pytest.approx(data["whole"]["value"], rel=0.001)
        assert all(step["known"] for step in steps)
    assert [step["marked"] for step in data["steps"]["forward"]] == [True, False], "the generator held one side back"
    assert sum(each["percent"] for each in data["both"]) + data["left"]["percent"] == pytest.approx(100)


def test_a_factorial_is_told_everywhere(runs: dict[str, Archive]) -> None:
    data = json.loads(json.dumps(run_data(figures(runs["factorial"]))["factorial"]))
    shares = {share["factor"]: share["value"] for share in data["shares"]}
    assert shares == pytest.approx({"client": CLIENT, "server": SERVER}, rel=0.03)
    assert data["sum_error"] < 1e-9
    effects = {effect["name"]: effect for effect in data["effects"]["sync"]}
    assert set(effects) == {"client", "server", "client x server"}
    assert effects["client"]["value"] == pytest.approx(CLIENT, rel=0.02)
    assert not effects["client x server"]["known"]
    assert data["blocks"] == 3


@pytest.mark.parametrize("kind", ["ladder", "factorial"])
def test_page_and_terminal_show_it(runs: dict[str, Archive], kind: str) -> None:
    archive = runs[kind]
    page = render(archive, archive.resolve("latest"))
    found = re.search(rf'<section id="{kind}">.*?</section>', page, re.S)
    assert found
    part = found.group()
    assert "What the ratio consists of" in part
    assert part.count("data-chart=") == (2 if kind == "ladder" else 1)
    assert "a Redis client for each request" in part
    assert "not the server&#39;s" in part or "not the server's" in part
    data = section(archive, kind).data
    whole, left = (f"{data[name]['value']:.2f}" for name in ("whole", "left"))
    assert f"<strong>{whole}</strong>" in part
    assert f"<strong>{left}</strong>" in part
    console = Console(file=io.StringIO(), width=200)
    text.render(figures(archive), console, archive.folder(archive.resolve("latest")))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"Measured the article's way, async / sync is {whole} (" in said
    assert re.search(r"a Redis client for each request: x 1\.[45]\d \(1\.\d\d to 1\.\d\d\)", said)
    assert f"async itself, on equal terms: x {left} (" in said
    assert "rests on trials that something else than the server limited" in said


@pytest.mark.parametrize("kind", ["ladder", "factorial"])
def test_the_headline_is_of_the_parts(runs: dict[str, Archive], kind: str) -> None:
    told = figures(runs[kind])
    span = r"\d\.\d\d to \d\.\d\d"
    assert re.fullmatch(
        r"Async answers 4\.[23]\d times as many requests a second as sync on Redis I/O, measured the article's way"
        rf" \({span}; something else than the server limited it\), and 2\.[34]\d times on equal terms \({span}\)\.",
        headline(told),
    )
    assert rankings(told) == [], "its variants are settings"


def _lost(row: dict[str, Any]) -> str:
    return "invalid" if (row["variant"], row["block"]) == ("flask-equal", 2) else "valid"


def test_blocks_that_lack_a_trial_are_told_as_they_are_used(tmp_path: Path) -> None:
    told = {
        "ladder": ("(3 blocks, block 2 left out)", "block 2 left out, as a cell has no usable trial there"),
        "factorial": ("(4 blocks, of block 2 the trials that can be used)", "the fit takes the other trials of it"),
    }
    for kind, (line, note) in told.items():
        folder = tmp_path / kind
        folder.mkdir()
        archive = run(folder, kind, 4)
        entry = archive.folder(archive.resolve("latest"))
        rewrite(entry, {}, validity=_lost)
        assert line in section(archive, kind).lines[0]
        assert note in render(archive, archive.resolve("latest"))


def test_without_a_usable_trial_it_says_so(tmp_path: Path) -> None:
    archive = run(tmp_path, "ladder", 1)
    entry = archive.folder(archive.resolve("latest"))
    rewrite(entry, {}, validity=lambda row: "invalid" if row["variant"] == "flask-equal" else "valid")
    extra = section(archive, "ladder")
    assert extra.data["why"] == "no block holds a usable trial of every cell"
    assert list(extra.lines) == ["It cannot be told: no block holds a usable trial of every cell."]
    assert "not comparable" in headline(figures(archive))
    assert "It cannot be told" in render(archive, archive.resolve("latest"))


def test_other_plans_have_no_such_section(tmp_path: Path) -> None:
    assert not [extra for extra in all_extras(figures(judged(tmp_path, {}))) if extra.name in ("ladder", "factorial")]
