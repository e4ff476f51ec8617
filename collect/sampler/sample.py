"""One sample: everything that is read at a tick, put into one row."""

from __future__ import annotations

import time
from typing import Any

from .config import Config
from .database_info import DatabaseInfo
from .host import Frequency, HostCpu, Memory, busy_s
from .memory import MemoryPace
from .network import Interfaces, TcpCounters
from .procs import ProcessTable, details
from .redis_info import RedisInfo
from .sockets import Sockets, open_counter
from .ticks import SECOND_NS, Tick

ANSWER_WAIT_S = 0.2
ANSWER_SHARE = 0.2
"""A tick waits for Redis, and for the database, no longer than the one, nor than the other of its interval."""
SLACK_SHARE = 0.4
"""What is read between two ticks ends when so much of the interval has gone."""


class Sampler:
    """Everything that is read, with what it keeps from one tick to the next."""

    def __init__(self, config: Config) -> None:
        """Open what is read at each tick. Raises ``OSError`` where /proc is not what it should be."""
        self._config = config
        self.redis = RedisInfo(config.redis) if config.redis else None
        self.database = DatabaseInfo(config.database) if config.database else None
        self.cpu = HostCpu(config.cpus)
        self.memory = Memory()
        self.table = ProcessTable(config.units, config.memory_interval_s)
        self.sockets = Sockets(open_counter())
        self.tcp = TcpCounters()
        self.interfaces = Interfaces()
        self.memory_pace = MemoryPace(config.interval_s, config.memory_interval_s)
        self.frequency = Frequency(config.cpus, config.memory_interval_s)
        self._wait_s = min(ANSWER_WAIT_S, ANSWER_SHARE * config.interval_s)

    def sample(self, tick: Tick) -> dict[str, Any]:
        """Return the row of a tick: times in seconds, sizes in bytes, CPU and counts cumulative.

        ``t`` is when CPU was read, ``took`` the seconds from waking up to the complete row.
        """
        for asked in (self.redis, self.database):
            if asked:
                asked.ask()
        now, mono = time.time(), time.monotonic()
        host = self.cpu.sample()
        processes = self.table.sample(mono)
        host.update(self.memory.sample(), freq_mhz=self.frequency.mean_mhz)
        host.update(self.sockets.sample(), tcp_ext=self.tcp.sample(), net=self.interfaces.sample())
        return {
            "tick": tick.scheduled_ns / SECOND_NS,
            "t": round(now, 6),
            "mono": round(mono, 6),
            "missed": tick.missed,
            "clock_step": tick.step_ns / SECOND_NS,
            "interval": self._config.interval_s,
            "host": host,
            "units": self.table.units(),
            "procs": details(processes),
            "redis": self.redis.answer(self._wait_s) if self.redis else None,
            "database": self.database.answer(self._wait_s) if self.database else None,
            "took": round(time.monotonic() - tick.mono_ns / SECOND_NS, 6),
        }

    def close(self) -> None:
        """Take leave of Redis and the database; everything else ends with the process."""
        for asked in (self.redis, self.database):
            if asked:
                asked.close()

    def use_slack(self, tick: Tick) -> None:
        """Read what has a slower pace, after the row is written and only while the next tick is far."""
        until = tick.mono_ns / SECOND_NS + SLACK_SHARE * self._config.interval_s
        self.frequency.refresh(until)
        self.memory_pace.refresh(self.table.processes, until)


def live_row(host: str, row: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the short row for the screen: cores busy since the row before; None for the first."""
    if earlier is None or row["mono"] <= earlier["mono"]:
        return None
    elapsed = row["mono"] - earlier["mono"]
    cpus = row["host"]["cpus"]
    return {
        "t": row["t"],
        "host": host,
        "busy": round(busy_s(row["host"]["cpu"], cpus, earlier["host"]["cpu"], elapsed) / elapsed, 3),
        "cpus": cpus,
        "units": {
            name: round((_cpu_s(unit) - _cpu_s(earlier["units"][name])) / elapsed, 3)
            for name, unit in row["units"].items()
        },
    }


def _cpu_s(unit: dict[str, Any]) -> float:
    return float(unit["cpu_user"] + unit["cpu_system"])
