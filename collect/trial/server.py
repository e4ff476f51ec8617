"""The server's side of a trial: a fresh process of the variant, watched until the load has ended."""

from __future__ import annotations

import json
import time
from typing import Any

from collect.archive.durable import disk_errors
from collect.errors import BenchError
from collect.trial.watching import Side

CLIENTS_SETTLE_S = 30.0


def app_environment(spec: dict[str, Any]) -> dict[str, str]:
    """Return the environment of the app's unit for this trial (see apps/options.py)."""
    variant, workload = spec["variant"], spec.get("workload", {})
    variables = {
        "APP_FRAMEWORK": variant["framework"],
        "APP_SERVER": variant["server"],
        "APP_CLIENT": variant["client"],
        "APP_RESPONSE": variant["response"],
        "APP_ACCESS_LOG": str(int(variant["access_log"])),
        "APP_DEBUG": str(int(variant["debug"])),
        "APP_PROCESSES": str(variant["processes"]),
        "APP_THREADS": str(variant.get("threads", 0)),
        "APP_KEEP_ALIVE": str(int(variant.get("keep_alive", True))),
        "APP_PORT": str(spec["port"]),
    }
    if "work" in workload:
        variables["APP_WORK"] = json.dumps(workload["work"])
        variables["APP_WORK_ANSWER"] = json.dumps({name: workload[name] for name in ("key", "value")})
    return variables


def environment_file(variables: dict[str, str]) -> bytes:
    """Return the text of a systemd EnvironmentFile."""
    return "".join(f'{name}="{_escape(value)}"\n' for name, value in variables.items()).encode()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")


def start_app(side: Side) -> dict[str, Any]:
    """Restart the app's unit as the trial wants it and return what runs: pid, command line, Redis' count of GETs."""
    spec = side.task.spec
    command = side.task.paths.app_control("start", "--port", str(spec["port"]))
    started: dict[str, Any] = json.loads(side.remote.run(command, environment_file(app_environment(spec))))
    return started


def serve(side: Side) -> dict[str, Any]:
    """Start the app, wait for the load to end, and fetch what the server host recorded.

    Returns what the trial's record says of the server. Raises AbortedError, HostError or BenchError.
    """
    began = time.time()
    side.measure_clock()
    app = start_app(side)
    side.board.put("server.ready", app)
    deadline = time.monotonic() + side.task.load_s + CLIENTS_SETTLE_S
    # As soon as the load has ended; the clients fetch their files meanwhile.
    while not side.board.has("load.result"):
        if time.monotonic() > deadline:
            raise BenchError(
                f"the load did not end within {side.task.load_s + CLIENTS_SETTLE_S:.0f} s",
                side.task.clients[0],
                "look at `journalctl -u 'bench-load@*'` there",
            )
        side.next(0.1)
    conditions = side.restore()
    after: dict[str, Any] = json.loads(side.remote.run(side.task.paths.app_control("status")))
    side.measure_clock()
    side.cut_samples(began, time.time())
    with disk_errors(str(side.task.folder)):
        (side.task.folder / "app.log.tail").write_text(after.pop("log_tail"))
    return {"app": app, "after": after, "clocks": side.clocks, **conditions}
