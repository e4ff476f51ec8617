"""An archive as it is served, and a browser's requests to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from collect.archive.labels import NOTE, TAG, add
from collect.archive.partial import begin_run
from collect.archive.store import Archive
from collect.serve import create_app
from tests.support.many_runs import FLASK, STARLETTE, ManyRuns
from tests.support.plans import small_plan
from tests.support.synthetic import FACTS, Setting, finish, plausible

ODD = "<img src=x onerror=alert(1)>"
"""What a run may say of itself, and is text wherever it is shown."""
AT = "http://127.0.0.1:8765"


@pytest.fixture(scope="package")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return an archive of one labelled run, of which a trial is invalid and some facts look like markup."""
    folder = tmp_path_factory.mktemp("served")
    run = begin_run(folder, small_plan(2), inventory=f"local {ODD}")
    run.update_session(facts={"server1": {**FACTS, "cpu_model": ODD}, "client1": FACTS})
    for spec in run.trials():
        finish(run, spec, Setting(redis_lost=90) if spec.ordinal == 2 else plausible(spec))
    run.seal()
    archive = Archive(folder)
    add(archive, run.run_id, TAG, "baseline", by="tests")
    add(archive, run.run_id, NOTE, f"quiet machine {ODD}", by="tests")
    return archive


@pytest.fixture(scope="package")
def run_id(archive: Archive) -> str:
    return archive.resolve("latest")


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> ManyRuns:
    """Return 16 runs, in the last 6 of which Flask is a fifth slower."""
    runs = ManyRuns(tmp_path_factory.mktemp("runs"))
    for number in range(16):
        flask = 400 * (0.8 if number >= 10 else 1) * (1 + number % 3 / 1000)
        runs.add(
            {FLASK: [flask * 0.99, flask, flask * 1.01, flask], STARLETTE: [900, 910, 890, 900 + number % 2]},
            commit=f"{number:x}" * 40,
        )
    return runs


@pytest.fixture(scope="package")
def client(archive: Archive) -> TestClient:
    return client_of(archive)


def client_of(archive: Archive | Path, token: str | None = None, **options: Any) -> TestClient:
    """Return a browser's requests to an archive."""
    opened = archive if isinstance(archive, Archive) else Archive(archive)
    return TestClient(create_app(opened, token, **options), base_url=AT)
