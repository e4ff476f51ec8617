"""Any sequence of tuning, crashes, reboots and restoring gives back the first values."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.tuning.config import Config
from collect.tuning.files import TuningError
from collect.tuning.kept import Kept
from tests.support.machine import Crash, Machine

CORES = ((0, 1), (2, 3), (4,))
INTERRUPTS = {8: ("rtc0", "0-4"), 9: ("eth0", "0"), 10: ("ahci", "3"), 26: ("nvme0q1", "1")}
NAMES = st.sampled_from(["vm.swappiness", "net.ipv4.tcp_fin_timeout"])
SYSCTLS = st.dictionaries(NAMES, st.sampled_from(["10", "20", "60"]))
CONFIGS = st.builds(
    Config,
    cpus=st.sampled_from([None, {0}, {0, 1}, {0, 2}, {0, 2, 4}, {4}]),
    governor=st.sampled_from([None, "performance", "powersave", "no-such"]),
    turbo=st.sampled_from([None, True, False]),
    smt_siblings_off=st.booleans(),
    irqs_off=st.booleans(),
    sysctls=SYSCTLS,
)
CRASHES = st.none() | st.tuples(st.integers(0, 25), st.booleans())
"""At which write the machine's program is gone, and whether that write has happened."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), CONFIGS, CRASHES),
        st.tuples(st.just("restore"), st.none(), CRASHES),
        st.tuples(st.just("container boots"), st.none(), st.none()),
    ),
    max_size=8,
)


def step(machine: Machine, what: str, config: Config | None, crash: tuple[int, bool] | None, number: int) -> None:
    """Do one thing to the machine, or begin it and be gone in the middle."""
    machine.writes = 0
    machine.crash_at, machine.after_it = crash or (None, False)
    try:
        if what == "apply":
            assert config is not None
            Kept(machine).apply(config)
        elif what == "restore":
            Kept(machine).restore()
        else:
            machine.boot(f"boot {number}", fresh=False)
    except (Crash, TuningError):
        pass
    machine.crash_at = None


@settings(deadline=None)
@given(steps=STEPS)
def test_the_first_values_come_back(steps: list[tuple[str, Config | None, tuple[int, bool] | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), CORES, INTERRUPTS)
        first = machine.values()
        boots = any(what == "container boots" for what, _, _ in steps)
        for number, (what, config, crash) in enumerate(steps):
            # A machine whose CPUs are its container's to take away is no container's.
            if boots and config is not None:
                config = Config(config.cpus, config.governor, config.turbo, sysctls=config.sysctls)
            step(machine, what, config, crash, number)
        Kept(machine).restore()
        assert machine.values() == first
        assert not Kept(machine).there


@settings(deadline=None)
@given(config=CONFIGS, crash=CRASHES)
def test_after_a_real_boot_all_is_as_the_boot_made_it(config: Config, crash: tuple[int, bool] | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), CORES, INTERRUPTS)
        step(machine, "apply", config, crash, 0)
        machine.boot("another")
        booted = machine.values()
        Kept(machine).restore()
        assert machine.values() == booted


@settings(deadline=None)
@given(config=CONFIGS)
def test_what_is_refused_has_changed_nothing(config: Config) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), CORES, INTERRUPTS)
        first = machine.values()
        try:
            Kept(machine).apply(config)
        except TuningError:
            assert machine.values() == first
            assert not Kept(machine).there
        else:
            assert Kept(machine).drifted() == {}
