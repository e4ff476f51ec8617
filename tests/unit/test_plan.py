from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collect.catalog import load_catalog
from collect.errors import BenchError
from collect.plan import TRIAL_OVERHEAD_S, Cell, Plan, TrialSpec, check_ports, load_plan, plan_names

CELL = {
    "variant": "flask-werkzeug",
    "workload": "redis",
    "generator": "locust-http",
    "users": 10,
    "profile": "article",
}
GOOD: dict[str, Any] = {"blocks": 3, "seed": 1, "ramp_s": 1, "warmup_s": 1, "window_s": 10, "cells": [CELL]}


def written(folder: Path, changes: dict[str, Any]) -> Path:
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return path


@pytest.mark.parametrize("name", plan_names())
def test_every_plan_of_the_checkout_is_right(name: str) -> None:
    plan = load_plan(name)
    specs = plan.trials()
    assert len(specs) == len(plan.ceilings()) + plan.blocks * len(plan.cells)
    assert len({spec.trial_id for spec in specs}) == len({spec.port for spec in specs}) == len(specs)
    check_ports(plan, 20000)


def test_quick_keeps_its_order() -> None:
    """The order is part of what a seed promises: it must be this one in every version of Python."""
    order = [f"{spec.cell.variant} {spec.cell.profile}" for spec in load_plan("quick").trials() if spec.kind == "cell"]
    assert order[:4] == [
        "flask-werkzeug controlled",
        "starlette-uvicorn controlled",
        "flask-werkzeug article",
        "starlette-uvicorn article",
    ]


MINUTES = {
    "table": 38,
    "production": 14,
    "modern": 14,
    "sizes": 10,
    "ladder": 25,
    "factorial": 20,
    "map": 25,
    "hypotheses": 80,
}


@pytest.mark.parametrize(("name", "minutes"), MINUTES.items())
def test_the_plans_keep_to_their_time(name: str, minutes: float) -> None:
    assert minutes / 2 < load_plan(name, server_cores=4, client_cores=4).estimate_s() / 60 <= minutes


def test_the_table_has_every_figure_of_the_article_both_ways() -> None:
    plan = load_plan("table")
    figures = plan.catalog.article["figures"]
    of = {variant["article"]: name for name, variant in plan.catalog.variants.items() if "article" in variant}
    wanted = {(of[framework], workload) for workload, row in figures.items() for framework in row}
    assert len(wanted) == 10
    for profile, generator in (("article", "locust-http"), ("controlled", "locust-fast")):
        cells = {(cell.variant, cell.workload) for cell in plan.cells if cell.profile == profile}
        assert cells == wanted | {("aiohttp", "redis"), ("aiohttp", "db")}
        assert {cell.generator for cell in plan.cells if cell.profile == profile} == {generator}
    assert len(plan.cells) == 24
    assert {cell.users for cell in plan.cells} == {10}


def test_each_modern_variant_has_its_pair_in_the_same_block() -> None:
    plan = load_plan("modern")
    cells = {(cell.variant, cell.workload) for cell in plan.cells}
    modern = {(name.removesuffix("-modern"), workload) for name, workload in cells if name.endswith("-modern")}
    assert modern == {(name, workload) for name, workload in cells if not name.endswith("-modern")}
    assert len(modern) == len(plan.cells) / 2
    for name, _ in modern:
        pair = plan.catalog.variants[name], plan.catalog.variants[f"{name}-modern"]
        assert pair[1] == {key: value for key, value in pair[0].items() if key != "article"} | {"python": "modern"}


def test_the_sizes_are_those_of_the_files_and_tables() -> None:
    workloads = [spec.workload for spec in load_plan("sizes").trials() if spec.kind == "cell"]
    assert {each["file_bytes"] for each in workloads if "file_bytes" in each} == {2**10, 2**14, 2**18, 2**20}
    assert {each["rows"] for each in workloads if "rows" in each} == {1, 10, 100, 1000}


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("quick", ()),
        ("article", ()),
        ("table", ("database",)),
        ("production", ("database",)),
        ("modern", ("database", "python-modern")),
        ("hypotheses", ("database", "cpu-quota")),
    ],
)
def test_a_plan_says_what_it_needs_on_the_server_host(name: str, needs: tuple[str, ...]) -> None:
    plan = load_plan(name)
    assert plan.needs == needs
    assert Plan.from_json(plan.to_json(), plan.catalog).needs == needs


@pytest.mark.parametrize(
    ("cell", "needs"),
    [
        ({"workload": "db-insert"}, ("database",)),
        ({"workload": "db-busy"}, ("database",)),
        ({"variant": "flask-werkzeug-modern"}, ("python-modern",)),
        ({"workload": ["none", "file", "redis", "busy"]}, ()),
    ],
)
def test_what_a_plan_needs_is_of_its_own_cells(tmp_path: Path, cell: dict[str, Any], needs: tuple[str, ...]) -> None:
    assert load_plan(written(tmp_path, {"cells": [CELL | cell]})).needs == needs


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_a_production_variant_has_a_process_for_each_core_of_the_server(cores: int) -> None:
    plan = load_plan("production", server_cores=cores)
    assert {spec.variant["processes"] for spec in plan.trials() if spec.kind == "cell"} == {cores}
    assert {spec.variant["processes"] for spec in load_plan("table", server_cores=cores).trials()} == {1}


def test_long_answers_make_no_long_specs() -> None:
    specs = load_plan("sizes").trials()
    assert max(len(json.dumps(spec.to_json())) for spec in specs) < 4000
    large = [spec.expect for spec in specs if spec.workload.get("file_bytes") == 2**20]
    assert {(e["type"], e["body_length"] >= 2**20, len(e["body_sha256"])) for e in large} == {
        ("text/html", True, 64), ("application/json", True, 64),
    }  # fmt: skip


def test_an_entry_that_is_like_another_has_its_keys(tmp_path: Path) -> None:
    own = {
        "variants": {
            "mine": {"like": "flask-werkzeug", "client": "pool"},
            "yours": {"like": "mine", "response": "json"},
            "flask-werkzeug": {**load_plan("quick").catalog.variants["flask-werkzeug"], "debug": True},
        },
        "workloads": {"file-2": {"like": "file", "file_bytes": 2}},
    }
    catalog = load_plan(written(tmp_path, {"catalog": own})).catalog
    changed = {key: value for key, value in own["variants"]["flask-werkzeug"].items() if key != "article"}
    assert catalog.variants["mine"] == changed | {"client": "pool"}
    assert catalog.variants["yours"] == changed | {"client": "pool", "response": "json"}
    assert catalog.workloads["file-2"] == dict(catalog.workloads["file"]) | {"file_bytes": 2}


def test_a_spec_says_all_that_a_trial_needs() -> None:
    spec = next(spec for spec in load_plan("quick").trials(port_base=21000) if spec.block == 1 and spec.position == 3)
    assert spec.trial_id == "b01-p03-flask-werkzeug.redis.locust-http.10.article"
    assert (spec.ordinal, spec.total, spec.kind, spec.port) == (7, 16, "cell", 21007)
    assert spec.expect == {"status": 200, "type": "text/html", "body": "async-bench"}
    assert TrialSpec.from_json(spec.to_json()) == spec


def test_ceilings_come_first_one_for_each_load_and_way_of_keeping_connections(tmp_path: Path) -> None:
    cells = [CELL | {"workload": ["none", "redis"], "users": [1, 10]}, CELL | {"generator": "locust-fast"}]
    plan = load_plan(written(tmp_path, {"cells": cells, "ceiling_window_s": 3}))
    specs = plan.trials()
    ceilings = [spec for spec in specs if spec.kind == "ceiling"]
    assert specs[: len(ceilings)] == ceilings
    assert [(spec.cell.variant, spec.cell.generator, spec.cell.users) for spec in ceilings] == [
        ("responder-keepalive", "locust-http", 1),
        ("responder-close", "locust-http", 1),
        ("responder-keepalive", "locust-http", 10),
        ("responder-close", "locust-http", 10),
        ("responder-keepalive", "locust-fast", 10),
        ("responder-close", "locust-fast", 10),
    ]
    assert {(spec.block, spec.window_s, spec.cell.workload) for spec in ceilings} == {(0, 3, "none")}


def test_what_is_reached_beside_a_busy_loop_is_no_ceiling(tmp_path: Path) -> None:
    own = {"profiles": {"busy-loop": {"client_sysctls": {}, "burn": {"server": {"duty": 0.5}}}}}
    cells = [CELL | {"profile": ["article", "busy-loop"]}]
    plan = load_plan(written(tmp_path, {"catalog": own, "cells": cells, "ceiling_window_s": 2}))
    assert {cell.profile for cell in plan.cells} == {"article", "busy-loop"}
    assert {cell.profile for cell in plan.ceilings()} == {"article"}


def test_the_windows_of_a_variant_are_its_cells_own(tmp_path: Path) -> None:
    cells = [CELL | {"variant": ["flask-werkzeug", "starlette-uvicorn"]}]
    windows = {"flask-werkzeug": 120}
    plan = load_plan(written(tmp_path, {"cells": cells, "windows_s": windows, "ceiling_window_s": 2}))
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())), plan.catalog)
    for each in (plan, again):
        specs = {(spec.kind, spec.cell.variant, spec.window_s) for spec in each.trials()}
        assert specs >= {("cell", "flask-werkzeug", 120), ("cell", "starlette-uvicorn", plan.window_s)}
        assert {seconds for kind, _, seconds in specs if kind == "ceiling"} == {2}
    assert plan.estimate_s() > load_plan(written(tmp_path, {"cells": cells, "ceiling_window_s": 2})).estimate_s()


def test_the_hypotheses_cross_ports_and_speed_for_who_closes_connections() -> None:
    plan = load_plan("hypotheses")
    profiles = {name: plan.catalog.profiles[name] for name in {cell.profile for cell in plan.cells}}
    choices = {(str(each["client_sysctls"]), each.get("cpu_quota", {}).get("client")) for each in profiles.values()}
    assert len(choices) == len(profiles) == 4
    of = {variant: {cell.profile for cell in plan.cells if cell.variant == variant} for variant in
          {cell.variant for cell in plan.cells}}  # fmt: skip
    assert of["flask-werkzeug"] == set(profiles)
    assert of["starlette-uvicorn"] == of["aiohttp"] == {"article", "slow-client"}
    longest = max(plan.design["lengths_s"]) if plan.design else 0
    assert plan.windows_s["flask-werkzeug"] + plan.warmup_s >= longest
    per_profile = {(cell.variant, cell.workload) for cell in plan.cells if cell.profile == "article"}
    assert len(per_profile) == 10


def test_the_order_of_the_blocks_is_the_same_with_and_without_ceilings(tmp_path: Path) -> None:
    plans = [load_plan(written(tmp_path, {"ceiling_window_s": seconds})) for seconds in (0, 2)]
    without, with_them = ([spec.trial_id for spec in plan.trials() if spec.kind == "cell"] for plan in plans)
    assert without == with_them
    assert not plans[0].ceilings()


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 1), (4, 3), (12, 11)])
def test_enough_processes_leave_one_of_the_clients_cores(cores: int, processes: int) -> None:
    plan = load_plan("quick", client_cores=cores)
    assert {spec.generator["processes"] for spec in plan.trials() if spec.cell.generator == "locust-fast"} == {
        processes
    }
    assert {spec.generator["processes"] for spec in plan.trials() if spec.cell.generator == "locust-http"} == {1}


def test_a_plan_may_bring_entries_of_the_catalog(tmp_path: Path) -> None:
    """Its own go before those of the files, and are checked as those are."""
    own: dict[str, Any] = {
        "profiles": {"narrow": {"client_sysctls": {"net.ipv4.ip_local_port_range": "40000 40199"}}},
        "generators": {"locust-http": {"tool": "locust", "user_class": "HttpUser", "processes": "enough"}},
    }
    path = written(tmp_path, {"catalog": own, "cells": [CELL | {"profile": "narrow"}]})
    [spec, *_] = load_plan(path, client_cores=4).trials()
    assert spec.profile == own["profiles"]["narrow"]
    assert spec.generator["processes"] == 3
    assert "narrow" not in load_plan("quick").catalog.profiles


def test_a_probe_is_a_trial_of_changed_parts() -> None:
    plan = load_plan("quick")
    of = plan.cells[0]
    cell = Cell(of.variant, of.workload, of.generator, of.users, "article+ports")
    wide = {"client_sysctls": {"net.ipv4.tcp_tw_reuse": "1"}}
    spec = plan.spec(
        cell, 4, 2, 20, 22, 20000, kind="probe", window_s=5, entries={"profile": wide},
        probe_of=of.name, intervention="wider ports",
    )  # fmt: skip
    assert (spec.trial_id, spec.port) == (f"b04-p02-{cell.name}", 20020)
    assert (spec.profile, spec.window_s, spec.probe_of) == (wide, 5, of.name)
    assert TrialSpec.from_json(spec.to_json()) == spec


def test_json_answers_are_expected_of_json_variants() -> None:
    spec = next(spec for spec in load_plan("quick").trials() if spec.variant["response"] == "json")
    workload = spec.workload
    assert spec.expect["type"] == "application/json"
    assert spec.expect["body"] == {workload["key"]: workload["value"]}


def test_lists_expand_to_their_product_in_the_order_written(tmp_path: Path) -> None:
    cell = CELL | {"users": [1, 10], "workload": ["none", "redis"]}
    plan = load_plan(written(tmp_path, {"cells": [cell]}))
    assert [(cell.workload, cell.users) for cell in plan.cells] == [
        ("none", 1),
        ("none", 10),
        ("redis", 1),
        ("redis", 10),
    ]


def test_a_plan_survives_its_json() -> None:
    plan = load_plan("quick")
    assert Plan.from_json(plan.to_json(), plan.catalog) == plan


def test_a_plan_may_be_a_path(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, {}))
    assert (plan.name, plan.cells) == ("mine", (Cell("flask-werkzeug", "redis", "locust-http", 10, "article"),))
    assert plan.estimate_s() == pytest.approx(3 * (12 + TRIAL_OVERHEAD_S))


def test_quick_is_done_within_four_minutes() -> None:
    assert load_plan("quick").estimate_s() < 230


def test_probes_count_in_the_estimate(tmp_path: Path) -> None:
    without, with_them = (load_plan(written(tmp_path, {"probe": probe})) for probe in (False, True))
    assert with_them.estimate_s() - without.estimate_s() == pytest.approx(8 * (12 + TRIAL_OVERHEAD_S))
    assert with_them.estimate_s(probes=False) == without.estimate_s()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"windw_s": 3}, ('unknown key "windw_s"', "mine.yml", 'did you mean "window_s"?')),
        ({"cells": [CELL | {"user": 3}]}, ('unknown key "user"', "mine.yml: cells[0]", 'did you mean "users"?')),
        ({"window_s": -10}, ("-10 is out of range", "mine.yml: window_s", "at least 1")),
        ({"window_s": 0.5}, ("0.5 is out of range", "mine.yml: window_s", "at least 1")),
        ({"window_s": "ten"}, ("'ten' is not a number", "mine.yml: window_s", "give a number")),
        ({"window_s": float("nan")}, ("nan is out of range", "mine.yml: window_s", "give a finite number")),
        ({"windows_s": {"flask-werkzeug": float("nan")}}, ("nan is", "mine.yml: windows_s.flask-werkzeug", "finite")),
        ({"ceiling_window_s": float("nan")}, ("nan is out of range", "mine.yml: ceiling_window_s", "finite")),
        ({"ceiling_window_s": float("-inf")}, ("-inf is out of range", "mine.yml: ceiling_window_s", "at least 0")),
        (
            {"catalog": {"workloads": {"mine": {"like": "redis", "redis_delay_ms": float("nan")}}}},
            ("nan is out of range", "mine.yml: catalog.workloads.mine.redis_delay_ms", "give a finite number"),
        ),
        ({"window_s": float("inf")}, ("inf is out of range", "mine.yml: window_s", "at most 6000")),
        ({"warmup_s": 0}, ("0 is out of range", "mine.yml: warmup_s", "above 0")),
        ({"ramp_s": -1}, ("-1 is out of range", "mine.yml: ramp_s", "at least 0")),
        ({"blocks": 0}, ("0 is out of range", "mine.yml: blocks", "at least 1")),
        ({"blocks": True}, ("True is not a whole number", "mine.yml: blocks", "whole number")),
        ({"cells": []}, ("nothing in it", "mine.yml: cells", "at least one")),
        ({"cells": [CELL | {"users": 0}]}, ("0 is out of range", "mine.yml: cells[0].users", "at least 1")),
        ({"cells": [CELL | {"users": [1, 0]}]}, ("0 is out of range", "mine.yml: cells[0].users[1]", "at least 1")),
        ({"cells": [CELL, CELL]}, ("there twice", "mine.yml: cells[1]", "remove it here or in cells[0]")),
        ({"cells": [CELL | {"users": [5, 5]}]}, ("there twice", "mine.yml: cells[0]", "remove it")),
        ({"cells": [CELL | {"variant": "flsk"}]}, ('unknown variant "flsk"', "cells[0].variant", "starlette-uvicorn")),
        ({"cells": [CELL | {"workload": "x"}]}, ('unknown workload "x"', "cells[0].workload", "none, redis")),
        ({"cells": [CELL | {"generator": "x"}]}, ('unknown generator "x"', "cells[0].generator", "locust-http")),
        ({"cells": [CELL | {"profile": "x"}]}, ('unknown profile "x"', "cells[0].profile", "article")),
        ({"ceiling_window_s": -1}, ("-1 is out of range", "mine.yml: ceiling_window_s", "at least 0")),
        ({"probe": "yes"}, ("'yes' is not", "mine.yml: probe", "true or false")),
        ({"probe_window_s": 0}, ("0 is out of range", "mine.yml: probe_window_s", "at least 1")),
        ({"catalog": {"profils": {}}}, ('unknown key "profils"', "mine.yml: catalog", '"profiles"')),
        (
            {"catalog": {"profiles": {"mine": {"client_sysctls": {"kernel.panic": "1"}}}}},
            ('the name "kernel.panic" is not allowed', "mine.yml", "mine.client_sysctls"),
        ),
        (
            {"catalog": {"profiles": {"mine": {"client_sysctls": {}, "burn": {"server": {"duty": 2}}}}}},
            ("2 is out of range", "mine.yml", "burn.server.duty", "at most 1"),
        ),
        (
            {"catalog": {"profiles": {"mine": {"client_sysctls": {}, "cpu_quota": {"client": 1.5}}}}},
            ("1.5 is out of range", "mine.yml", "cpu_quota.client"),
        ),
        ({"windows_s": {"flask-werkzueg": 5}}, ('no cell of a variant "flask-werkzueg"', "mine.yml: windows_s")),
        ({"windows_s": {"flask-werkzeug": 0}}, ("0 is out of range", "windows_s.flask-werkzeug", "at least 1")),
        ({"design": {"kind": "hypotheses"}}, ('the key "lengths_s" is missing', "mine.yml: design")),
        (
            {"catalog": {"generators": {"wrk-2": {"tool": "wrk", "processes": 2}}}},
            ("mine.yml", "wrk-2.processes"),
        ),
        (
            {"catalog": {"variants": {"mine": {"framework": "flusk"}}}},
            ("mine.yml", "mine"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "flask-werkzueg"}}}},
            ('no "flask-werkzueg" to be like', "mine.yml: catalog.variants.mine.like", '"flask-werkzeug"?'),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "yours"}, "yours": {"like": "mine"}}}},
            ("mine like yours like mine goes round in a circle", "mine.yml: catalog.variants.yours.like"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "mine"}}}},
            ("mine like mine goes round", "mine.yml: catalog.variants.mine.like"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "flask-werkzeug", "processes": 2}}}},
            ("variant mine cannot run: werkzeug serves with one", "mine.yml: catalog.variants.mine.processes", "use 1"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "flask-werkzeug", "processes": "many"}}}},
            ("'many' is not known here", "mine.processes", "use one of cores"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "flask-werkzeug", "server": "gunicorn-gthread"}}}},
            ("variant mine cannot run", "mine.yml: catalog.variants.mine.threads", "use a number"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "responder-close", "python": "modern"}}}},
            ("nginx runs no Python", "catalog.variants.mine.python", "use article"),
        ),
        (
            {"catalog": {"variants": {"mine": {"like": "flask-werkzeug", "framework": "flusk"}}}},
            ('unknown framework "flusk"', "mine.yml: catalog.variants.mine.framework", 'did you mean "flask"?'),
        ),
        (
            {"cells": [CELL | {"variant": "responder-close", "workload": "db"}]},
            (
                "responder-close cannot run: nginx does not serve the workload db",
                "mine.yml: cells[0]",
                "leave this out",
            ),
        ),
        (
            {"catalog": {"workloads": {"mine": {"like": "file", "file_bytes": 0}}}},
            ("0 is out of range", "mine.yml: mine.file_bytes", "at least 1"),
        ),
        (
            {"catalog": {"workloads": {"mine": {"like": "file", "file_bytes": 2**30 + 1}}}},
            ("1073741825 is out of range", "mine.yml: mine.file_bytes", "at most 1073741824"),
        ),
        (
            {"catalog": {"workloads": {"mine": {"like": "db", "rows": -1}}}},
            ("-1 is out of range", "mine.yml: mine.rows", "at least 0"),
        ),
        (
            {"catalog": {"workloads": {"mine": {"like": "db", "path": "/file"}}}},
            ("workload mine has no file_bytes", "mine.yml: catalog.workloads.mine.file_bytes", "add it"),
        ),
        ({"cells": ["flask"]}, ("'flask' is not a mapping", "mine.yml: cells[0]", "mapping")),
    ],
)
def test_a_wrong_plan_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], told: tuple[str, ...]) -> None:
    with pytest.raises(BenchError) as caught:
        load_plan(written(tmp_path, changes))
    line = str(caught.value)
    assert "\n" not in line
    for part in told:
        assert part in line, line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1\n", ("not YAML", "mine.yml, line 2")),
        ("blocks: 1\nblocks: 2\n", ('"blocks" is there twice', "mine.yml, line 2")),
        ("- 1\n", ("a list is not a mapping", "mine.yml")),
        ("", ("nothing is not a mapping", "mine.yml")),
        ("{}", ('the key "blocks" is missing', "mine.yml", "how often each cell is measured")),
        ("[" * 3000, ("not YAML", "mine.yml")),
        ("? [a]\n: 1\n", ("not YAML", "mine.yml")),
    ],
)
def test_what_is_no_plan_at_all_is_told_in_one_line(tmp_path: Path, text: str, told: tuple[str, ...]) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        load_plan(path)
    assert all(part in str(caught.value) for part in told), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nope", "./nope.yml", "../quick", "", "/"])
def test_a_plan_that_is_not_there_lists_those_that_are(name: str) -> None:
    with pytest.raises(BenchError, match=f"use one of {', '.join(plan_names())}, or"):
        load_plan(name)


def test_ports_must_lie_under_the_ephemeral_ones() -> None:
    plan = load_plan("quick")
    for base in (0, 1000, 32760, 70000):
        with pytest.raises(BenchError, match="app_port_base"):
            check_ports(plan, base)
    check_ports(plan, 32767 - len(plan.trials()))
    with pytest.raises(BenchError, match="or fewer trials"):  # the probes' ports count
        check_ports(replace(plan, probe=True), 32767 - len(plan.trials()))


def test_a_variant_of_an_unknown_framework_is_told(tmp_path: Path) -> None:
    from collect.paths import CATALOG_DIR

    for file in CATALOG_DIR.glob("*.yml"):
        (tmp_path / file.name).write_text(file.read_text().replace("framework: flask", "framework: flusk"))
    with pytest.raises(BenchError, match=r'unknown framework "flusk" .*variants.yml: .*did you mean "flask"'):
        load_catalog(tmp_path)


def test_names_that_would_break_paths_are_refused(tmp_path: Path) -> None:
    from collect.paths import CATALOG_DIR

    for file in CATALOG_DIR.glob("*.yml"):
        (tmp_path / file.name).write_text(file.read_text().replace("flask-werkzeug:", '"../flask":'))
    with pytest.raises(BenchError, match=r'the name "../flask" is not allowed'):
        load_catalog(tmp_path)


def test_a_document_that_holds_itself_is_checked_to_its_end(tmp_path: Path) -> None:
    text = "blocks: 1\nseed: 1\nramp_s: 0\nwarmup_s: 1\nwindow_s: 1\n"
    text += "cells: [{variant: flask-werkzeug, workload: redis, generator: locust-fast, users: 1, profile: article}]\n"
    (tmp_path / "mine.yml").write_text(text + "catalog: &whole {profiles: *whole, variants: [.nan]}\n")
    with pytest.raises(BenchError, match=r"nan is out of range .*mine.yml: catalog.variants\[0\]"):
        load_plan(tmp_path / "mine.yml")


@pytest.mark.parametrize(("cores", "clients", "processes"), [(2, 2, 2), (3, 2, 3), (7, 3, 7), (2, 1, 1)])
def test_of_several_clients_each_core_is_enough_for_a_process(cores: int, clients: int, processes: int) -> None:
    plan = load_plan("quick", client_cores=cores, clients=clients)
    fast = [spec for spec in plan.trials() if spec.cell.generator == "locust-fast"]
    assert {spec.generator["processes"] for spec in fast} == {processes}
