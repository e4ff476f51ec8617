"""What several clients have left is put together into one trial on record."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from collect.archive.partial import begin_run
from collect.trial.board import Board
from collect.trial.execute import Trial
from collect.trial.watching import Task
from tests.support.plans import small_plan
from tests.support.several import Client, write_several
from tests.support.synthetic import Setting

CLIENTS = {"client1": Client(), "client2": Client(workers=2, offset_s=1.5)}
FACTS = {"client1": {"cpu_set": [0]}, "client2": {"cpu_set": [0, 1]}}


def test_the_files_of_all_clients_are_put_together(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="lab")
    planned = run.trials()[0]
    folder = run.trial_folder(planned)
    spec, record, truth = write_several(folder, planned, Setting(), CLIENTS)
    task = Task(spec.to_json(), "server1", "192.0.2.1", list(CLIENTS), 1.0, folder, facts=FACTS)
    board = Board(tmp_path / "board" / spec.trial_id)
    board.put("load.result", record["result"])
    for host, client in record["clients"].items():
        board.put(f"{host}.done", client)
        (folder / f"load-{host}").mkdir()
        for name in client["instances"]:
            for file in folder.glob(f"*-{name}.*"):
                shutil.move(file, folder / f"load-{host}" / file.name)
    (folder / "load-client1" / "locust_stats.csv").write_text("of the master\n")
    summary = Trial(task, board, run.path, "192.0.2.2", os.getppid())._put_on_record(record["server"])
    assert abs(summary["requests"] - truth.inside().sum()) <= 2
    kept = run.path / "trials" / spec.trial_id
    assert sorted(path.name for path in kept.glob("requests-*")) == [f"requests-worker-{n}.f64" for n in (1, 2, 3)]
    assert (kept / "locust" / "locust_stats.csv").read_text() == "of the master\n"
    assert not list(kept.glob("load-*"))
    on_record = json.loads((kept / "trial.json").read_text())["record"]["clients"]
    assert {host: client["instances"] for host, client in on_record.items()} == {
        "client1": ["primary", "worker-1"], "client2": ["worker-2", "worker-3"],
    }  # fmt: skip


def test_a_client_that_made_no_load_has_no_files(tmp_path: Path) -> None:
    run = begin_run(tmp_path, small_plan(1), inventory="lab")
    planned = run.trials()[0]
    folder = run.trial_folder(planned)
    clients = {"client1": Client(), "client2": Client(workers=0)}
    spec, record, _ = write_several(folder, planned, Setting(), clients)
    task = Task(spec.to_json(), "server1", "192.0.2.1", list(clients), 1.0, folder)
    assert task.dealt == {"client1": ["primary"], "client2": []}
    board = Board(tmp_path / "board" / spec.trial_id)
    board.put("load.result", record["result"])
    for host, client in record["clients"].items():
        board.put(f"{host}.done", client)
    (folder / "load-client1").mkdir()
    for file in (*folder.glob("requests-*"), *folder.glob("summary-*")):
        shutil.move(file, folder / "load-client1" / file.name)
    summary = Trial(task, board, run.path, "192.0.2.2", os.getppid())._put_on_record(record["server"])
    assert summary["requests"] > 0
