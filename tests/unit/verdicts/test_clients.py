"""Of several clients the one that is at its end is named, with what it used itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collect.archive.by_client import by_client
from collect.archive.cut import summarise
from collect.archive.partial import begin_run
from collect.archive.raw import RawTrial, read_trial
from collect.archive.window import find_window
from collect.verdicts import Ceilings
from collect.verdicts.ceilings import GeneratorCeiling
from collect.verdicts.findings import Finding
from tests.support.plans import small_plan
from tests.support.several import CONTAINER, Client, write_several
from tests.support.synthetic import FACTS, Setting

PLAN = small_plan(1, window_s=10)
SPEC = PLAN.trials()[0]
IDLE = Setting(rps=400, app_cores=0.3, redis_cores=0.03)
CEILINGS = Ceilings(
    generators=(GeneratorCeiling("locust-http", 10, "article", False, 2000, 0, ("generator",), "b00-p01"),),
    redis={"gets_per_s": 60_000.0},
    network={"up_mbit_per_s": 1000.0, "down_mbit_per_s": 1000.0},
    hosts=dict.fromkeys(("server1", "client1", "client2"), FACTS),
)


def read(folder: Path, clients: Mapping[str, Client], setting: Setting = IDLE) -> RawTrial:
    spec, record, _ = write_several(folder, SPEC, setting, clients)
    return read_trial(folder, spec, record)


def judged(folder: Path, ceilings: Ceilings = CEILINGS, setting: Setting = IDLE, **clients: Client) -> dict[str, Any]:
    return summarise(read(folder, clients, setting), "run", ceilings)


def test_clients_with_room_limit_nothing(tmp_path: Path) -> None:
    row = judged(tmp_path, client1=Client(), client2=Client())
    assert row["limited_by"] == ["concurrency"]
    assert "host" not in row["findings"][0]


def test_the_client_whose_generator_is_at_its_end_is_named(tmp_path: Path) -> None:
    row = judged(tmp_path, client1=Client(cpus=4), client2=Client(cpus=4, generator_cores=0.97))
    assert row["limited_by"][0] == "generator"
    assert row["limited_by_confidence"][0] in ("high", "medium")
    finding = row["findings"][0]
    assert finding["host"] == "client2"
    assert "the generator's busiest process on client2 at 0.97 of a core" in row["limited_by_evidence"][0]
    assert Finding.from_json(json.loads(json.dumps(finding))).host == "client2"


def test_the_client_whose_cpus_are_used_up_is_named_with_who_used_them(tmp_path: Path) -> None:
    row = judged(tmp_path, client1=Client(), client2=Client(generator_cores=0.6, foreign_cores=0.36))
    assert row["limited_by"][0] == "client-cpu"
    finding = row["findings"][0]
    assert finding["host"] == "client2"
    text = finding["evidence"][0]["text"]
    assert text.startswith("the CPU set of client2 at 97%")
    assert "generator 0.60, foreign 0.36" in text
    assert finding["evidence"][0]["ceiling"] == 1, "its own CPUs, not those of all"


def test_a_set_that_two_clients_share_is_one_and_named_by_both(tmp_path: Path) -> None:
    hosts = {"server1": FACTS, "client1": CONTAINER, "client2": CONTAINER}
    clients: dict[str, Any] = {
        name: Client(generator_cores=0.47, foreign_cores=0.477) for name in ("client1", "client2")
    }
    row = judged(tmp_path, replace(CEILINGS, hosts=hosts), **clients)
    assert row["limited_by"][0] == "client-cpu"
    assert row["findings"][0]["host"] == "client1, client2"
    assert "generator 0.94" in row["limited_by_evidence"][0]
    assert row["validity"] == "valid", row["reasons"]


def test_a_client_that_only_watches_limits_nothing(tmp_path: Path) -> None:
    row = judged(tmp_path, client1=Client(), client2=Client(workers=0, generator_cores=0.0, foreign_cores=0.99))
    assert "client-cpu" not in row["limited_by"]
    assert not [text for text in row["evidence_missing"] if "client2" in text]


def test_the_client_whose_link_is_full_is_named(tmp_path: Path) -> None:
    link = FACTS | {"interfaces": {"load0": {"speed_mbit": 100}, "lo": {"speed_mbit": 0}}}
    ceilings = replace(CEILINGS, hosts={"server1": FACTS, "client1": link, "client2": link})
    row = judged(tmp_path, ceilings, client1=Client(), client2=Client(request_bytes=59_000))
    assert row["limited_by"][0] == "network"
    assert row["findings"][0]["host"] == "client2"
    assert "bytes from client2 at 94" in row["limited_by_evidence"][0]
    free = judged(tmp_path / "free", ceilings, client1=Client(), client2=Client(request_bytes=20_000))
    assert "network" not in free["limited_by"]


@pytest.mark.parametrize(("container", "limited"), [("none", False), ("systemd-nspawn", True)])
def test_a_faster_card_of_the_server_has_room_for_several_clients(
    tmp_path: Path, container: str, limited: bool
) -> None:
    """What was measured is what one client's link carries; but a container's card claims what it likes."""
    card = {"interfaces": {"load0": {"speed_mbit": 10_000}}, "virtualisation": {"vm": "none", "container": container}}
    slow = FACTS | {"interfaces": {"load0": {"speed_mbit": 1000}}}
    ceilings = replace(CEILINGS, hosts={"server1": FACTS | card, "client1": slow, "client2": slow})
    heavy = replace(IDLE, request_bytes=300_000)  # 960 Mbit/s at the server
    clients: dict[str, Any] = {name: Client(request_bytes=300_000) for name in ("client1", "client2")}
    row = judged(tmp_path / "two", ceilings, heavy, **clients)
    assert ("network" in row["limited_by"]) == limited, row["limited_by_evidence"]
    alone = judged(tmp_path / "one", ceilings, heavy, client1=Client(request_bytes=300_000))
    assert "network" in alone["limited_by"]


@pytest.mark.parametrize("narrow", ["client1", "client2"])
def test_the_client_whose_ports_run_out_is_named(tmp_path: Path, narrow: str) -> None:
    spec, record, _ = write_several(tmp_path, SPEC, IDLE, {"client1": Client(), "client2": Client()})
    record["clients"][narrow]["conditions"] = {"set": {"net.ipv4.ip_local_port_range": "40000 40899"}}
    row = summarise(read_trial(tmp_path, spec, record), "run", CEILINGS)
    assert row["limited_by"][0] == "client-ports"
    assert row["findings"][0]["host"] == narrow


def test_the_part_of_each_client_adds_up_to_the_row(tmp_path: Path) -> None:
    clients = {
        "client1": Client(cpus=2, generator_cores=0.4, offset_s=5.0),
        "client2": Client(workers=3, cpus=4, generator_cores=0.99),
        "client3": Client(workers=0, generator_cores=0.0),
    }
    raw = read(tmp_path, clients)
    row = summarise(raw, "run", CEILINGS)
    parts = by_client(raw, find_window(raw), row, CEILINGS)
    assert json.loads(json.dumps(parts)) == parts
    assert [part["processes"] for part in parts.values()] == [
        ["primary", "worker-1"], ["worker-2", "worker-3", "worker-4"], [],
    ]  # fmt: skip
    assert [part["users"] for part in parts.values()] == [3, 7, 0]
    assert sum(part["requests"] for part in parts.values()) == row["requests"]
    assert sum(part["cpus"] for part in parts.values()) == row["client_cpus"] == 7
    assert sum(part["generator_cpu_cores"] for part in parts.values()) == pytest.approx(row["generator_cpu_cores"])
    cost_ms = parts["client2"]["generator_cpu_ms_each"]
    assert cost_ms == pytest.approx(1000 * 0.99 * row["window_s"] / parts["client2"]["requests"], rel=1e-3)
    assert parts["client3"] | {"cpu_cores": 0} == {
        "processes": [], "users": 0, "requests": 0, "failures": 0, "begin_s": None, "cpus": 1, "cpu_cores": 0,
        "generator_cpu_cores": 0, "generator_cpu_ms_each": None, "limited_by": [],
    }  # fmt: skip
    assert [part["limited_by"] for part in parts.values()] == [[], ["generator"], []]
    assert all(0 <= parts[host]["begin_s"] < 1.1 for host in ("client1", "client2"))


def test_a_sealed_run_has_the_part_of_each_client(tmp_path: Path) -> None:
    run = begin_run(tmp_path, replace(PLAN, cells=PLAN.cells[:1]), inventory="lab")
    run.update_session(facts=dict.fromkeys(("server1", "client1", "client2"), FACTS))
    (spec,) = run.trials()
    folder = run.trial_folder(spec)
    _, record, _ = write_several(folder, spec, IDLE, {"client1": Client(), "client2": Client(generator_cores=0.98)})
    summary = run.finish_trial(spec, folder, record)
    manifest = json.loads((run.seal() / "manifest.json").read_text())
    (trial,) = manifest["trials"]
    assert set(trial["clients"]) == set(trial["clocks"]) - {"server1"} == {"client1", "client2"}
    assert sum(part["requests"] for part in trial["clients"].values()) == summary["requests"]
    assert trial["limited_by"][0]["host"] == "client2"
