"""The browser, and the pages of runs of each kind that its tests look at: each made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.cli import main
from collect.plan import load_plan
from collect.report.table import WAYS
from tests.support.browser import Browser
from tests.support.cells import cells, measured
from tests.support.judged import ARTICLE_WAY, change, judged
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.mapped import CEILINGS, small_map
from tests.support.plans import small_plan
from tests.support.synthetic import Setting, finish, plausible, write_run


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive of one run, of which two trials are invalid and a fact looks like markup."""
    folder = tmp_path_factory.mktemp("archive")
    run = begin_run(folder, small_plan(3, window_s=5, workloads=("redis", "none")), inventory="local")
    run.update_session(facts={"server1": {"role": "server", "cpu_model": "<b>odd</b>"}, "client1": {"role": "client"}})
    for spec in run.trials():
        spoilt = spec.block == 2 and spec.cell.workload == "redis"
        finish(run, spec, Setting(redis_lost=100) if spoilt else plausible(spec))
    run.seal()
    return folder


@pytest.fixture(scope="session")
def page(archive: Path) -> Path:
    return drawn(Archive(archive))


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of which one ratio counts and the other does not."""
    return drawn(judged(tmp_path_factory.mktemp("limited"), ARTICLE_WAY))


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of all workloads and frameworks, both ways."""
    some = cells(("none", "file", "redis", "db"), ("flask-werkzeug", "starlette-uvicorn", "aiohttp"), tuple(WAYS))
    words = {cell.name: "generator" for cell in some if cell.profile == "article" and "flask" not in cell.variant}
    return drawn(measured(tmp_path_factory.mktemp("wide"), some, words, blocks=1))


@pytest.fixture(scope="session")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of variants on both Pythons."""
    names = ("flask-gunicorn-gthread", "starlette-uvicorn-uvloop")
    some = cells(("redis",), (*names, *(f"{name}-modern" for name in names)), ("controlled",))
    return drawn(measured(tmp_path_factory.mktemp("ranked"), some, {}))


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run that takes the ratio apart, one factor after the other."""
    return _apart(tmp_path_factory.mktemp("ladder"), "ladder")


@pytest.fixture(scope="session")
def factorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of all settings of two factors."""
    return _apart(tmp_path_factory.mktemp("factorial"), "factorial")


@pytest.fixture(scope="session")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run of users against delays."""
    plan = small_map(blocks=1, users=(10,), delays=(0, 5))
    plan = replace(plan, cells=tuple(cell for cell in plan.cells if cell.variant.endswith("pool")))
    folder = tmp_path_factory.mktemp("mapped")
    change(write_run(folder, plan, Setting(rps=60)).seal(), ceilings=CEILINGS)
    return drawn(Archive(folder))


@pytest.fixture(scope="session")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run that repeats another, whose server had another kernel and was faster with Flask."""
    many = ManyRuns(tmp_path_factory.mktemp("repeated"))
    many.add(
        {FLASK: [643.5, 650, 656.5], STARLETTE: [792, 800, 808]},
        change=lambda manifest: manifest["hosts"]["server1"].update(kernel="6.0-with-a-very-long-name<b>odd</b>"),
    )
    write_run(many.path, small_plan(3)).seal()
    return drawn(many.archive)


def drawn(archive: Archive) -> Path:
    """Return the page of the latest run, made as a user makes it."""
    path = archive.path / "report.html"
    assert main(["report", "latest", "-o", str(path), "--archive", str(archive.path)]) == 0
    return path


def _apart(folder: Path, kind: str) -> Path:
    design = {"kind": kind, "workload": "redis", "users": 10, "factors": ["client", "server"]}
    plan = {"blocks": 3, "seed": 1, "ramp_s": 0, "warmup_s": 0.5, "window_s": 1, "design": design}
    path = folder / f"{kind}.yml"
    path.write_text(yaml.safe_dump(plan))
    made = load_plan(path)
    words = {cell.name: "generator" if cell.variant == "starlette-uvicorn" else "server-app" for cell in made.cells}
    return drawn(judged(folder / "archive", words, made))
