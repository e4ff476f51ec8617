"""The server's side of a trial: a fresh process of the variant, watched until the load has ended."""

from __future__ import annotations

import json
import time
from typing import Any

from collect.archive.durable import disk_errors
from collect.catalog import needs_relay
from collect.errors import BenchError
from collect.serving import PYTHONS, python_of
from collect.trial.watching import Paths, Side

CLIENTS_SETTLE_S = 30.0
RELAY_UNIT = "bench-relay.service"
VENVS = dict(zip(PYTHONS, ("app", "app-modern"), strict=True))
"""The virtual environment of the apps, by the Python of the variant."""


def app_environment(spec: dict[str, Any], prefix: str = Paths.prefix, redis_port: int | None = None) -> dict[str, str]:
    """Return the environment of the app's unit for this trial (see apps/options.py).

    ``prefix`` is the testbed's folder on the host. What is served follows from the workload's entry, as it is, under
    its name; a text that is long once it is served is not in there. ``redis_port`` goes before the host's own.
    """
    variant = spec["variant"]
    variables = {
        "APP_PYTHON": f"{prefix}/venvs/{VENVS[python_of(variant)]}/bin/python",
        "APP_FRAMEWORK": variant["framework"],
        "APP_SERVER": variant["server"],
        "APP_CLIENT": variant["client"],
        "APP_RESPONSE": variant["response"],
        "APP_ACCESS_LOG": str(int(variant["access_log"])),
        "APP_DEBUG": str(int(variant["debug"])),
        "APP_PROCESSES": str(variant["processes"]),
        "APP_THREADS": str(variant.get("threads", 0)),
        "APP_KEEP_ALIVE": {True: "1", False: "0"}.get(variant.get("keep_alive"), ""),
        "APP_BUSY_US": str(variant.get("busy_us", 0)),
        "APP_PORT": str(spec["port"]),
    }
    if "workload" in spec:
        named = {"name": spec["cell"]["workload"]} if "cell" in spec else {}
        variables["APP_WORKLOAD"] = json.dumps(named | spec["workload"])
    return variables if redis_port is None else variables | {"REDIS_PORT": str(redis_port)}


def environment_file(variables: dict[str, str]) -> bytes:
    """Return the text of a systemd EnvironmentFile."""
    return "".join(f'{name}="{_escape(value)}"\n' for name, value in variables.items()).encode()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")


def start_relay(side: Side) -> dict[str, Any] | None:
    """Have Redis' answers held up as the workload wants it; return by whom, and the port at which the app is to ask.

    None where nothing is to stand between the app and Redis.
    """
    workload = side.task.spec["workload"]
    if not needs_relay(workload):
        return None
    command = side.task.paths.relay_control("start", "--delay-ms", f"{workload['redis_delay_ms']:g}")
    started: dict[str, Any] = json.loads(side.remote.run(command))
    return started


def stop_relay(side: Side, relay: dict[str, Any]) -> dict[str, Any]:
    """Hold up Redis' answers no longer; return what was done: connections, answers, by how much they were held up."""
    figures: dict[str, Any] = json.loads(side.remote.run(side.task.paths.relay_control("stop")))
    return relay | figures


def units(spec: dict[str, Any]) -> list[str]:
    """Return the options by which the watch stops what a trial has started on the server host, however it ends."""
    return ["--stop", "bench-app.service", *(["--stop", RELAY_UNIT] if needs_relay(spec["workload"]) else [])]


def start_app(side: Side, redis_port: int | None = None) -> dict[str, Any]:
    """Restart the app's unit as the trial wants it and return what runs: pid, command line, Redis' count of GETs.

    Without a ``redis_port`` of the trial's own nothing may stand before Redis: what did for another trial is stopped.
    """
    spec = side.task.spec
    stopped = ["--stop", RELAY_UNIT] if redis_port is None else []
    command = side.task.paths.app_control("start", "--port", str(spec["port"]), *stopped)
    environment = environment_file(app_environment(spec, side.task.paths.prefix, redis_port))
    started: dict[str, Any] = json.loads(side.remote.run(command, environment))
    return started


def serve(side: Side) -> dict[str, Any]:
    """Start the app, wait for the load to end, and fetch what the server host recorded.

    Returns what the trial's record says of the server. Raises AbortedError, HostError or BenchError.
    """
    began = time.time()
    side.measure_clock()
    relay = start_relay(side)
    app = start_app(side, relay["port"] if relay else None)
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
    relayed = {"relay": stop_relay(side, relay)} if relay else {}
    side.measure_clock()
    side.cut_samples(began, time.time())
    with disk_errors(str(side.task.folder)):
        (side.task.folder / "app.log.tail").write_text(after.pop("log_tail"))
    return {"app": app, "after": after, **relayed, "clocks": side.clocks, **conditions}
