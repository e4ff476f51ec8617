"""A client's side of a trial: load from this host, watched line by line."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable
from typing import Any

from collect.errors import BenchError
from collect.exchange import request
from collect.trial.board import Board
from collect.trial.remote import Remote
from collect.trial.server import environment_file
from collect.trial.watching import MASTER_PORT, Side, Task
from collect.trial.workers import PRIMARY

ANSWER_TIMEOUT_S = 15
GRACE_S = 0.25
WORKER = re.compile(r"\bworker-\d+\b")

Tell = Callable[[dict[str, Any] | None, Side], None]


def instances(task: Task, host: str) -> list[str]:
    """Return the units of the generator that this host runs (see collect/trial/workers.py)."""
    return task.dealt.get(host, [])


def load_environment(task: Task, instance: str, master_address: str) -> dict[str, str]:
    """Return the environment of one unit of the generator (see collect/load/settings.py)."""
    spec = task.spec
    out = f"{task.paths.run}/load"
    users, processes = int(spec["cell"]["users"]), int(spec["generator"]["processes"])
    asked = request(spec["workload"])
    variables = {
        "LOCUST_HEADLESS": "true",
        "LOCUST_HOST": f"http://{task.server_address}:{spec['port']}",
        "BENCH_TOOL": spec["generator"].get("tool", "locust"),
        "BENCH_USER_CLASS": spec["generator"].get("user_class", ""),
        "BENCH_PATH": spec["workload"]["path"],
        "BENCH_METHOD": asked["method"],
        "BENCH_BODY": asked["body"],
        "BENCH_EXPECT": json.dumps(spec["expect"]),
        "BENCH_WARMUP_S": str(spec["warmup_s"]),
        "BENCH_WINDOW_S": str(spec["window_s"]),
        "BENCH_ALIGN_S": str(task.interval_s),
        "BENCH_GRACE_S": str(GRACE_S),
        "BENCH_OUT_DIR": out,
        "BENCH_INSTANCE": instance,
        "BENCH_ANSWER_TIMEOUT_S": str(ANSWER_TIMEOUT_S),
    }
    if instance == "primary":
        variables |= {
            "LOCUST_USERS": str(users),
            # Locust starts a second's worth of users at once, the first at the start.
            "LOCUST_SPAWN_RATE": f"{users / (spec['ramp_s'] + 1):g}",
            "LOCUST_CSV": f"{out}/locust",
            "LOCUST_HTML": f"{out}/locust.html",
        }
        if processes > 1:
            variables |= {
                "LOCUST_MODE_MASTER": "true",
                "LOCUST_EXPECT_WORKERS": str(processes),
                "LOCUST_MASTER_BIND_HOST": master_address,
                "LOCUST_MASTER_BIND_PORT": str(MASTER_PORT),
            }
    else:
        del variables["LOCUST_HEADLESS"]
        variables |= {
            "LOCUST_MODE_WORKER": "true",
            "LOCUST_MASTER_NODE_HOST": master_address,
            "LOCUST_MASTER_NODE_PORT": str(MASTER_PORT),
        }
    return variables


def prepare(remote: Remote, task: Task, master_address: str) -> list[str]:
    """Write the units' environments on the host and return the instances to start there, none perhaps."""
    here = instances(task, remote.name)
    if not here:
        return []
    script = "\n".join(
        f"cat > {task.paths.run}/load.d/{name}.env <<'END-OF-FILE'\n"
        f"{environment_file(load_environment(task, name, master_address)).decode()}END-OF-FILE"
        for name in here
    )
    remote.run(f"/bin/sh -c {shlex.quote(script)}")
    return here


def failure(task: Task, said: str, host: str) -> BenchError:
    """Return the error of a load that failed; ``said`` is what the primary on ``host`` says of it.

    A worker that it names is told with its client, and where to look for it.
    """
    where = f"{task.spec['trial_id']} on {host}"
    homes = {name: client for client, names in task.dealt.items() for name in names if name != PRIMARY}
    lost = [name for name in WORKER.findall(said) if name in homes]
    if not lost:
        remedy = "look at /var/log/bench/app.log on the server host, mend it, then go on with -e resume="
        return BenchError.from_line(said, where, remedy)
    home = homes[lost[0]]
    what = WORKER.sub(lambda found: f"{found[0]} on {homes[found[0]]}" if found[0] in homes else found[0], said)
    remedy = f"see that {home} is up and what `journalctl -u bench-load@{lost[0]}` says there"
    if "did not report within" in said and home != host:
        remedy += f", and that it reaches TCP port {MASTER_PORT} of {host}"
    return BenchError(what, where, f"{remedy}, then go on with -e resume=")


def follow(side: Side, tell: Tell) -> dict[str, Any]:
    """Follow the load to its end, handing on each of its lines (None between them); return the primary's result.

    A client without the primary ends when the primary's host has. Raises AbortedError, or BenchError where the load
    failed.
    """
    board: Board = side.board
    began = time.time()
    side.measure_clock()
    primary = side.remote.name == side.task.clients[0]
    result: dict[str, Any] | None = None
    # A host with nothing to run has ended when the primary has; else the watch says so.
    here = instances(side.task, side.remote.name)
    ended = False
    while not (ended and (result or not primary)):
        line = side.next()
        if primary and (line is None or line.get("src") != "load"):
            tell(None, side)
        if line is None:
            ended = ended or (not here and board.has("load.result"))
            continue
        if line.get("src") == "load" and primary:
            board.put("load.phase", line["phase"])
            if "window_start_unix_s" in line:
                side.announce_window(line["window_start_unix_s"])
            tell(line, side)
            result = line.get("result", result)
            if result and result["state"] != "done":
                # At once: a worker that hangs would not end by itself.
                board.put("load.result", result)
                raise failure(side.task, str(result["error"]), side.remote.name)
        ended = ended or (line.get("src") == "watch" and line.get("state") == "ended")
    if primary:
        board.put("load.result", result)
    conditions = side.restore()
    side.measure_clock()
    if here:
        side.remote.fetch_folder(f"{side.task.paths.run}/load", side.task.folder / f"load-{side.remote.name}")
    side.cut_samples(began, time.time())
    return {"result": result, "instances": here, "clocks": side.clocks, **conditions}
