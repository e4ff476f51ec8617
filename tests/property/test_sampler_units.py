"""Whatever is born, moves and dies: a unit's CPU never falls, and all that was read is in it once."""

from __future__ import annotations

import contextlib
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.sampler.procs import ProcessTable
from tests.support.proctree import ProcTree

CGROUPS = {"app": "/system.slice/bench-app.service", "other": "/init.scope"}
PIDS = [10, 11, 12, 13]

# One thing that happens between two samples: to which process, what, and how much CPU it uses (ticks).
events = st.tuples(
    st.sampled_from(PIDS),
    st.sampled_from(["work", "work", "work", "die", "app", "other", "replace"]),
    st.integers(0, 500),
    st.integers(0, 500),
)
histories = st.lists(st.tuples(st.sampled_from([0.1, 1.0, 7.0]), st.lists(events, max_size=4)), min_size=1, max_size=25)


class World:
    """What really happens to the processes."""

    def __init__(self, root: Path) -> None:
        self.tree = ProcTree(root)
        self.alive: dict[int, list[int]] = {}  # pid -> user, system, start
        self.cgroup: dict[int, str] = {}
        self.born = 0

    def happen(self, pid: int, what: str, user: int, system: int) -> None:
        if what in ("die", "replace") and pid in self.alive:
            del self.alive[pid]
            self.tree.kill(pid)
        if what == "die":
            return
        if pid not in self.alive:
            self.born += 1
            self.alive[pid] = [0, 0, self.born]
            self.cgroup[pid] = CGROUPS["other"]
        self.cgroup[pid] = CGROUPS.get(what, self.cgroup[pid])
        self.alive[pid][0] += user
        self.alive[pid][1] += system
        all_user, all_system, start = self.alive[pid]
        self.tree.set(pid, all_user, all_system, self.cgroup[pid], started=start)


@settings(deadline=None)
@given(histories)
def test_cpu_of_a_unit_never_falls_and_nothing_counts_twice(
    history: list[tuple[float, list[tuple[int, str, int, int]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        world = World(Path(folder) / "proc")
        table = ProcessTable({"app": ["bench-app.service"]}, 5.0, str(world.tree.root))
        opened.callback(table.close)
        now = 0.0
        before: dict[str, tuple[float, float, int]] = {}
        seen: dict[int, int] = defaultdict(int)  # incarnation -> CPU ticks when last read
        for passed, happenings in history:
            # A number is not taken again between two samples; that a kept file then fails is the kernel's doing.
            replaced = {pid for pid, what, _, _ in happenings if what in ("die", "replace")}
            for pid, what, user, system in happenings:
                if pid not in replaced:
                    world.happen(pid, what, user, system)
            for pid in replaced:
                world.happen(pid, "die", 0, 0)
            now += passed
            for process in table.sample(now):
                seen[world.alive[process.pid][2]] = process.user + process.system
            units = table.units()
            for name, row in units.items():
                values = (row["cpu_user"], row["cpu_system"], row["ctx"])
                assert all(new >= old for new, old in zip(values, before.get(name, (0.0, 0.0, 0)), strict=True))
                before[name] = values
            total = sum(row["cpu_user"] + row["cpu_system"] for row in units.values())
            assert round(total * 100) == sum(seen.values())
            assert sum(row["procs"] for row in units.values()) == len(world.alive)
            # Ours are read at each tick, so nothing of theirs is outstanding.
            for process in table.processes:
                if process.unit == "app":
                    assert [process.user, process.system] == world.alive[process.pid][:2]
