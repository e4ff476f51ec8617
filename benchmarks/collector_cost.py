"""What the collector costs: ``python benchmarks/collector_cost.py [--python PYTHON3.8]``, as root.

Makes a host of its own (pid and network namespace, everything on one CPU): a busy app with 16 threads, a busy
generator, Redis where a server is given, 14 sleeping processes, 28,000 sockets in TIME_WAIT. Runs the sampler in it and
reads its CPU three ways: its own record, the kernel's schedstat from outside, and by parts in a second run. The last
lines show what psutil alone takes for the same figures. Exit code 1 if the cost is over the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
LIMIT_CORES_AT_1_HZ = 0.005
CONNECTIONS_AT_ONCE = 64
SLEEPERS = 14
APP_THREADS = 16
APP_BYTES = 40 << 20


def main() -> int:
    """Measure inside namespaces of our own."""
    options = _options()
    if os.geteuid() != 0:
        sys.stderr.write("error: namespaces need root (collector_cost.py): run it with sudo\n")
        return 2
    if options.stand_in:
        return stand_in(options.stand_in)
    if options.parts_of:
        return run_by_parts(options.parts_of)
    if not options.inside:
        command = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, *sys.argv]
        return subprocess.run([*command, "--inside"], check=False).returncode
    return measure(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="of each of the two runs, at most 50 (%(default)s)")
    parser.add_argument("--interval", type=float, default=1.0, help="of the sampler, in seconds (%(default)s)")
    parser.add_argument("--time-wait", type=int, default=28000, help="sockets in TIME_WAIT (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="that runs the sampler (%(default)s)")
    parser.add_argument("--redis-server", help="binary of the Redis to ask")
    parser.add_argument("--nice", type=int, default=10, help="of the sampler (%(default)s)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--stand-in", help=argparse.SUPPRESS)
    parser.add_argument("--parts-of", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> int:
    """Set the host up, run the sampler twice and print the tables."""
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65535")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for unit, count in {"app": 1, "generator": 1, "sleeper": SLEEPERS}.items():
            for _ in range(count):
                stack.enter_context(running([sys.executable, __file__, "--stand-in", unit], unit))
        redis = stack.enter_context(redis_server(options.redis_server, folder)) if options.redis_server else None
        config = write_config(folder, cpu, options.interval, redis)
        env = {**os.environ, "PYTHONPATH": str(ROOT / "collect")}
        whole = one_run([options.python, "-m", "sampler", "--config", str(config)], env, options, folder)
        shutil.rmtree(folder / "samples")
        parts = one_run([options.python, __file__, "--parts-of", str(config)], env, options, folder)
        report(options, whole, json.loads((folder / "parts.json").read_text()), parts)
        compare_with_psutil(options.interval)
    return 0 if whole["cores"] * options.interval <= LIMIT_CORES_AT_1_HZ else 1


def one_run(command: list[str], env: dict[str, str], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the sampler and return its cost in cores, by schedstat and by its own record, and how it kept time."""
    make_time_wait(options.time_wait)
    started = time.monotonic()
    process = subprocess.Popen(command, env=env, preexec_fn=lambda: os.nice(options.nice), start_new_session=True)
    time.sleep(3 * options.interval + 1)  # what starting costs is no part of it
    before = (time.monotonic(), cpu_ns(process.pid))
    time.sleep(options.seconds)
    after = (time.monotonic(), cpu_ns(process.pid))
    tw_left = time_wait_now()
    process.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    rows = [json.loads(line) for path in sorted((folder / "samples").iterdir()) for line in path.open()]
    rows = rows[3:]
    own = [unit_cpu(row) for row in rows]
    return {
        "exit": process.returncode,
        "cores": (after[1] - before[1]) / 1e9 / (after[0] - before[0]),
        "own": (own[-1] - own[0]) / (rows[-1]["mono"] - rows[0]["mono"]),
        "rusage": (usage.ru_utime + usage.ru_stime) / (time.monotonic() - started),
        "rows": rows,
        "missed": sum(row["missed"] for row in rows),
        "late_ms": [1000 * (row["t"] - row["tick"]) for row in rows],
        "took_ms": [1000 * row["took"] for row in rows],
        "time_wait": tw_left,
    }


def report(options: argparse.Namespace, whole: dict[str, Any], parts: dict[str, float], second: dict[str, Any]) -> None:
    """Print what was measured."""
    row = whole["rows"][-1]
    processes = sum(unit["procs"] for unit in row["units"].values())
    threads = sum(unit["threads"] for unit in row["units"].values())
    print(f"{processes} processes, {threads} threads, {whole['time_wait']} sockets in TIME_WAIT after the run,")
    print(f"interval {options.interval:g} s, nice {options.nice}, {Path(options.python).name}, one saturated CPU\n")
    ticks = len(whole["rows"])
    table = [
        ("CPU by schedstat, from outside", f"{100 * whole['cores']:.3f} % of a core"),
        ("CPU by its own record", f"{100 * whole['own']:.3f} % of a core"),
        ("CPU by rusage, with its start", f"{100 * whole['rusage']:.3f} % of a core"),
        ("per tick", f"{1000 * whole['cores'] * options.interval:.2f} ms"),
        ("limit", f"{1000 * LIMIT_CORES_AT_1_HZ:.2f} ms"),
        ("ticks, missed", f"{ticks}, {whole['missed']}"),
        ("late (median, max)", f"{statistics.median(whole['late_ms']):.2f}, {max(whole['late_ms']):.2f} ms"),
        ("took (median, max)", f"{statistics.median(whole['took_ms']):.2f}, {max(whole['took_ms']):.2f} ms"),
        ("bytes per row", f"{len(json.dumps(row, separators=(',', ':')))}"),
    ]
    for name, value in table:
        print(f"{name:34} {value}")
    print("\nby parts (second run), us of CPU per tick")
    total = second["cores"] * options.interval * 1e6
    for name, spent_us in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"  {name:32} {spent_us:8.0f}")
    print(f"  {'waking up, the loop, the timing':32} {total - sum(parts.values()):8.0f}")
    print(f"  {'all':32} {total:8.0f}")


def run_by_parts(config_path: Path) -> int:
    """Run the sampler with the time of each part taken; runs on the sampler's own Python."""
    program, host, memory, network, procs, redis_info, sample, sockets, writer = (
        importlib.import_module(f"sampler.{name}")
        for name in ["__main__", "host", "memory", "network", "procs", "redis_info", "sample", "sockets", "writer"]
    )
    spent: dict[str, float] = {}
    ticks = 0

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*arguments)
            finally:
                spent[name] = spent.get(name, 0.0) + time.thread_time() - began

        return call

    parts: list[tuple[str, Any, str]] = [
        ("processes, threads", procs.ProcessTable, "sample"),
        ("sums by unit", procs.ProcessTable, "units"),
        ("sockets by state", sockets.Sockets, "sample"),
        ("TCP counters", network.TcpCounters, "sample"),
        ("interfaces", network.Interfaces, "sample"),
        ("memory of the host", host.Memory, "sample"),
        ("CPU of the host", host.HostCpu, "sample"),
        ("USS, PSS", memory.MemoryPace, "refresh"),
        ("Redis: asking", redis_info.RedisInfo, "ask"),
        ("Redis: the answer", redis_info.RedisInfo, "answer"),
        ("rows of single processes", sample, "details"),
        ("JSON, writing", writer.SampleWriter, "write"),
        ("live line", program, "live_row"),
        ("live line, writing", writer.LiveWriter, "write"),
    ]
    for name, owner, attribute in parts:
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))
    wait = program.wait_for_stop()

    def counting(seconds: float) -> bool:
        nonlocal ticks
        ticks += seconds == 0
        if ticks == 3:
            spent.clear()
        return bool(wait(seconds))

    config = program.load(config_path)
    program.run(config, counting)
    result = {name: 1e6 * value / (ticks - 3) for name, value in spent.items()}
    (config.live_path.parent / "parts.json").write_text(json.dumps(result))
    return 0


def write_config(folder: Path, cpu: int, interval: float, redis: dict[str, Any] | None) -> Path:
    """Write the sampler's configuration."""
    path = folder / "collector.json"
    units = {
        "app": ["bench-app.service"],
        "redis": ["bench-redis.service"],
        "generator": ["bench-load@"],
        "collector": ["bench-collector.service"],
    }
    config = {
        "host": "bench",
        "interval_s": interval,
        "memory_interval_s": 5.0,
        "cpus": str(cpu),
        "samples_dir": str(folder / "samples"),
        "live_path": str(folder / "live.jsonl"),
        "units": units,
        "redis": redis,
        "keep_hours": 1,
    }
    path.write_text(json.dumps(config))
    return path


def stand_in(kind: str) -> int:
    """Be one of the processes of the host."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if kind == "sleeper":
        while True:
            signal.pause()
    held = bytearray(os.urandom(1 << 10)) * (APP_BYTES >> 10)
    if kind == "app":
        for _ in range(APP_THREADS - 1):
            threading.Thread(target=_nap, daemon=True).start()
    while held:
        sum(range(10000))
    return 0


def _nap() -> None:
    while True:
        time.sleep(0.01)


CGROUPS = {"app": "bench-app.service", "generator": "bench-load@primary.service", "redis": "bench-redis.service"}


@contextlib.contextmanager
def running(command: list[str], unit: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in the control group that its unit would have, below the one we are in."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    folder = own_cgroup() / f"collector-cost-{os.getpid()}-{process.pid}" / CGROUPS[unit] if unit in CGROUPS else None
    try:
        if folder:
            folder.mkdir(parents=True)
            (folder / "cgroup.procs").write_text(str(process.pid))
        yield process
    finally:
        process.kill()
        process.wait()
        if folder:
            time.sleep(0.05)  # the kernel empties the group a moment after the process is gone
            folder.rmdir()
            folder.parent.rmdir()


def own_cgroup() -> Path:
    """Return the folder of the control group that names units: systemd's own under cgroup v1, the only one under v2."""
    lines = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    if "name=systemd" in lines:
        return Path("/sys/fs/cgroup/systemd" + lines["name=systemd"])
    return Path("/sys/fs/cgroup" + lines[""])


@contextlib.contextmanager
def redis_server(binary: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Run Redis with a password."""
    password = folder / "redis.password"
    password.write_text("secret")
    command = [binary, "--port", "6379", "--requirepass", "secret", "--save", "", "--daemonize", "no"]
    with running(command, "redis"):
        time.sleep(1)
        yield {"host": "127.0.0.1", "port": 6379, "password_file": str(password)}


def make_time_wait(wanted: int) -> None:
    """Leave sockets in TIME_WAIT behind, in batches of bounded size."""
    with socket.create_server(("127.0.0.1", 1000), backlog=CONNECTIONS_AT_ONCE) as server:
        while (missing := wanted - time_wait_now()) > 0:
            for _ in range(min(missing, CONNECTIONS_AT_ONCE)):
                client = socket.create_connection(("127.0.0.1", 1000))
                accepted, _ = server.accept()
                client.close()
                accepted.close()


def time_wait_now() -> int:
    """Return the number of sockets in TIME_WAIT in this network namespace."""
    words = Path("/proc/net/sockstat").read_text().split()
    return int(words[words.index("tw") + 1])


def cpu_ns(pid: int) -> int:
    """Return the CPU time of a process of one thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def unit_cpu(row: dict[str, Any]) -> float:
    """Return the sampler's CPU seconds as it has recorded them."""
    unit = row["units"]["collector"]
    return float(unit["cpu_user"] + unit["cpu_system"])


def compare_with_psutil(interval: float, rounds: int = 3) -> None:
    """Print what psutil's own calls take for the same figures."""
    processes = list(psutil.process_iter())
    processes_s = sockets_s = 0.0
    for _ in range(rounds):
        time.sleep(interval)
        began = time.process_time()
        for process in processes:
            with contextlib.suppress(psutil.Error), process.oneshot():
                process.cpu_times(), process.memory_info(), process.num_ctx_switches()
                process.num_fds(), process.threads()
        processes_s += time.process_time() - began
        began = time.process_time()
        psutil.net_connections("tcp")
        sockets_s += time.process_time() - began
    began = time.process_time()
    for _ in range(rounds):
        psutil.virtual_memory(), psutil.net_io_counters(pernic=True), psutil.cpu_times(percpu=True)
    host_s = time.process_time() - began
    print("\nthe same figures by psutil's own calls, us of CPU per tick")
    print(f"  {'processes, threads':32} {1e6 * processes_s / rounds:8.0f}")
    print(f"  {'sockets by state':32} {1e6 * sockets_s / rounds:8.0f}")
    print(f"  {'CPU, memory, interfaces':32} {1e6 * host_s / rounds:8.0f}")


if __name__ == "__main__":
    sys.exit(main())
