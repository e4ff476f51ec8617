from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collect.compare.heads import head_of
from collect.compare.metadata import check_names, differences, in_words, table, traits
from collect.documents import load_document
from collect.errors import BenchError
from collect.paths import DATA_DIR
from tests.support.many_runs import FLASK, ManyRuns

Change = Callable[[dict[str, Any]], object]


def found(runs: ManyRuns, change: Change, before: Change | None = None) -> list[tuple[str, str]]:
    """Return what differs of Flask's cell between a run and the same with a change."""
    ids = [runs.add({FLASK: [1]}, change=before), runs.add({FLASK: [1]}, change=change)]
    heads = [head_of(runs.archive.manifest(run_id)) for run_id in ids]
    first, second = (traits(head, head.cells[FLASK]) for head in heads)
    return [(difference.name, difference.where) for difference in differences(first, second)]


def host(name: str, **facts: Any) -> Change:
    return lambda manifest: manifest["hosts"][name].update(facts)


def lock(path: str) -> Change:
    return lambda manifest: manifest["locks"].update({path: "0" * 64})


def entry(group: str, name: str, **keys: Any) -> Change:
    return lambda manifest: manifest["catalog"][group][name].update(keys)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (host("server1", cpu_model="Other CPU"), ("cpu", "cpu_model of server")),
        (host("client1", cpu_model="Other CPU"), ("cpu", "cpu_model of client 1")),
        (host("server1", cores=7), ("cpu", "cores of server")),
        (host("server1", cpu_set=[0, 1]), ("cpu-set", "cpu_set of server")),
        (host("server1", frequency={"governor": "powersave"}), ("governor", "frequency.governor of server")),
        (host("server1", kernel="6.9"), ("kernel", "kernel of server")),
        (host("server1", mitigations={"l1tf": "off"}), ("kernel", "mitigations.l1tf of server")),
        (host("server1", sysctl={}), ("sysctl", "sysctl.net.ipv4.ip_local_port_range of server")),
        (host("server1", python={"version": "3.9"}), ("python", "python.version of server")),
        (lock("apps/requirements.lock"), ("packages", "apps/requirements.lock")),
        (lock("collect/load/requirements.lock"), ("packages-load", "collect/load/requirements.lock")),
        (lock("roles/redis/files/requirements.lock"), ("redis", "roles/redis/files/requirements.lock")),
        (entry("variants", "flask-werkzeug", access_log=False), ("variant", "access_log")),
        (entry("workloads", "redis", value="longer"), ("workload", "value")),
        (entry("generators", "locust-http", processes=2), ("generator", "processes")),
        (entry("profiles", "article", burn={"client": 0.1}), ("profile", "burn")),
        (lambda manifest: manifest["plan"].update(window_s=99), ("window", "window_s")),
        (lambda manifest: manifest["trials"][0]["clocks"].update(client2={}), ("clients", "")),
    ],
)
def test_what_matters(runs: ManyRuns, change: Change, where: tuple[str, str]) -> None:
    assert where in found(runs, change)


@pytest.mark.parametrize(
    "change",
    [
        host("server1", memory_total=1, boot_time=2.0, hostname="other"),
        host("server1", python_modern={"version": "3.14"}),
        host("server1", database={"engine": "mysql"}),
        lock("apps/requirements-modern.lock"),
        lock("uv.lock"),
        entry("variants", "starlette-uvicorn", access_log=False),
        entry("variants", "flask-werkzeug", article=None, keep_alive=None),
        lambda manifest: manifest["plan"].update(blocks=99, seed=1, description="another"),
        lambda manifest: manifest.update(control_node={"cpus": 64}),
    ],
)
def test_what_does_not_matter_to_this_cell(runs: ManyRuns, change: Change) -> None:
    assert found(runs, change) == []


def test_a_clients_settings_are_as_the_profile_leaves_them(runs: ManyRuns) -> None:
    def profile(manifest: dict[str, Any]) -> None:
        manifest["catalog"]["profiles"]["article"]["client_sysctls"] = {"net.ipv4.tcp_tw_reuse": "1"}

    def other(manifest: dict[str, Any]) -> None:
        profile(manifest)
        for name in ("server1", "client1"):
            manifest["hosts"][name]["sysctl"]["net.ipv4.tcp_tw_reuse"] = "0"

    assert found(runs, other, profile) == [("sysctl", "sysctl.net.ipv4.tcp_tw_reuse of server")]


def test_the_window_is_that_of_the_cell(runs: ManyRuns) -> None:
    def windows(**windows_s: float) -> Change:
        return lambda manifest: manifest["plan"].update(
            windows_s={name.replace("_", "-"): each for name, each in windows_s.items()}
        )

    assert found(runs, windows(flask_werkzeug=99)) == [("window", "window_s")]
    assert found(runs, windows(starlette_uvicorn=99)) == []
    assert found(runs, lambda manifest: manifest["plan"].pop("windows_s")) == [], "as older runs are"


def test_differences_are_told_in_a_line(runs: ManyRuns) -> None:
    kernel = "6.18.44-a-kernel-with-a-very-long-name-of-its-own-"
    ids = [runs.add({FLASK: [1]}, change=host("server1", kernel=kernel + end, cores=None)) for end in ("one", "two")]
    heads = [head_of(runs.archive.manifest(run_id)) for run_id in ids]
    first, second = (traits(head, head.cells[FLASK]) for head in heads)
    listed = differences(first, second)
    (line,) = [difference.in_words() for difference in listed]
    assert line == "kernel (kernel of server): ...f-its-own-one / ...f-its-own-two"
    assert in_words(listed * 5).endswith("; and 2 more")
    assert differences(first, second, despite=["kernel"]) == []


def test_names_are_known() -> None:
    assert check_names(["kernel", "cpu"]) == {"kernel", "cpu"}
    with pytest.raises(BenchError, match='did you mean "kernel"'):
        check_names(["kernle"])
    assert all(row.get("title") for row in table().values())


def test_the_table_is_as_its_schema_says() -> None:
    assert table() == load_document(DATA_DIR / "comparable.yml", "comparable")
