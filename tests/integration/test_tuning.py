"""Tuning on real hosts, and a profile's conditions: in force for their trials alone, put back whatever ends them.

The hosts made here share the machine's CPUs, so what can be tuned on them are settings of their own network.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.conftest import SITE_S
from tests.support.bench import RUN, SMALL, collect, measure, until_load, write_plan
from tests.support.checkout import Checkout
from tests.support.conditions import CONTROLLED, DEFAULTS, NAMES, settings
from tests.support.generator import wait_until
from tests.support.units import shown

pytestmark = pytest.mark.hosts

SITE, RESTORE = "playbooks/site.yml", "playbooks/restore.yml"
ROLE = ("--tags", "tuning")
CELL = {**SMALL["cells"][0], "variant": "starlette-uvicorn", "generator": "locust-fast"}
HOSTS = ("server1", "client1")
NAME, UNTUNED, TUNED = "net.ipv4.tcp_fin_timeout", "60", "30"
KEPT = "/var/lib/bench/tuning.json"
LISTED = ("-e", json.dumps({"tuning_sysctls": {NAME: TUNED}}))


def value(checkout: Checkout, host: str = "client1") -> str:
    return checkout.on(host, f"cat /proc/sys/{NAME.replace('.', '/')}").strip()


def is_kept(checkout: Checkout, host: str = "client1") -> bool:
    return checkout.on(host, f"test -e {KEPT} && echo kept || true").strip() == "kept"


def is_as_it_was(checkout: Checkout, host: str) -> bool:
    return value(checkout, host) == UNTUNED and not is_kept(checkout, host)


@pytest.fixture(scope="module")
def tuned(provisioned: Checkout) -> Iterator[Checkout]:
    """The provisioned hosts, told to tune; in the end told not to."""
    provisioned.play(SITE, *ROLE, *LISTED, timeout_s=SITE_S)
    yield provisioned
    provisioned.play(SITE, *ROLE, timeout_s=SITE_S)


def test_a_second_run_changes_nothing(tuned: Checkout) -> None:
    assert tuned.play(SITE, *ROLE, *LISTED).changed == 0
    assert tuned.play(SITE, *ROLE, *LISTED, "--check", "--diff").changed == 0
    assert value(tuned) == UNTUNED, "nothing is tuned before a trial"
    assert shown(tuned, "server1", "bench-tuning-restore.service", ["UnitFileState"]) == {"UnitFileState": "enabled"}


def test_trials_of_the_listed_profiles_are_tuned_and_no_other(tuned: Checkout) -> None:
    """What the profile itself changes holds for its trials alone, too."""
    cells = [{**CELL, "profile": "controlled"}, {**CELL, "profile": "article"}]
    plan = write_plan(tuned, cells=cells, window_s=3)
    assert settings(tuned) == DEFAULTS
    seen: dict[str, tuple[list[str], str, str]] = {}
    with tuned.start("ansible-playbook", RUN, "-e", f"plan={plan}", *LISTED) as process:
        for ordinal in (1, 2):
            until_load(tuned, process, ordinal)
            found = (settings(tuned), value(tuned), value(tuned, "server1"))
            seen["article" if found[0] == DEFAULTS else "controlled"] = found
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert seen == {"controlled": (CONTROLLED, TUNED, TUNED), "article": (DEFAULTS, UNTUNED, UNTUNED)}
    assert all(is_as_it_was(tuned, host) for host in HOSTS)
    report = json.loads(tuned.on("client1", "cat /run/bench/conditions/report.json"))
    assert report["restored"] is True
    assert [report["set"][f"net.ipv4.{name}"] for name in NAMES] == CONTROLLED
    assert [report["after"][f"net.ipv4.{name}"] for name in NAMES] == DEFAULTS
    manifest = collect(tuned, "show", "latest", "--json")["manifest"]
    held = {trial["cell"].rpartition(".")[2]: trial["tuning"] for trial in manifest["trials"]}
    told = {"sysctls": {NAME: {"set": TUNED, "before": UNTUNED}}}
    assert held["article"] == {}
    assert {host: each["in_force"] for host, each in held["controlled"].items()} == dict.fromkeys(HOSTS, told)
    assert all(each["restored"] for each in held["controlled"].values())
    assert manifest["hosts"]["client1"]["tuning"] == {"sysctls": {NAME: TUNED}, "profiles": ["controlled"]}


def test_where_no_trial_is_tuned_it_is_said(tuned: Checkout) -> None:
    plan = write_plan(tuned, cells=[CELL])
    said = "note: nothing is tuned (client1): the plan has no trial with the profile controlled (tuning_profiles)\n"
    with tuned.start("ansible-playbook", RUN, "-e", f"plan={plan}", *LISTED) as process:
        assert process.stdout is not None
        assert any(line == said for line in process.stdout)
        process.send_signal(signal.SIGINT)  # what comes then is not asked here
        process.communicate(timeout=60)


ON_CLIENT = {
    "watch": "pkill -KILL -f '[w]atch.py'",
    "tuning": "systemctl kill --signal=KILL bench-tuning.service",
    "conditions": "systemctl kill --signal=KILL bench-conditions.service",
}
"""What is killed there: who watches, and the programs that hold the tuning and the profile's conditions."""
AT_ONCE = ("watch", "conditions", "ansible-playbook")
"""After these the profile's settings do not wait for the trial to be ended."""


@pytest.mark.parametrize("what", [*ON_CLIENT, "ansible-playbook", "interrupt"])
def test_ended_in_the_middle(tuned: Checkout, what: str) -> None:
    """kill -9 of something on the client, or of the control node's process; Ctrl-C."""
    plan = write_plan(tuned, cells=[{**CELL, "profile": "controlled"}], window_s=6)
    with tuned.start("ansible-playbook", RUN, "-e", f"plan={plan}", *LISTED) as process:
        until_load(tuned, process)
        assert (settings(tuned), value(tuned)) == (CONTROLLED, TUNED)
        if what in ON_CLIENT:
            tuned.on("client1", ON_CLIENT[what])
        else:
            process.send_signal(signal.SIGINT if what == "interrupt" else signal.SIGKILL)
        wait_until(lambda: settings(tuned) == DEFAULTS, 5 if what in AT_ONCE else 20)
        wait_until(lambda: all(is_as_it_was(tuned, host) for host in HOSTS), 20)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert "undo.json" not in tuned.on("client1", "ls /run/bench/conditions").split()


def hold(checkout: Checkout, host: str = "client1") -> None:
    """Have a host tuned, by nobody who would end it soon."""
    checkout.on(host, "systemctl restart bench-tuning.service")
    assert value(checkout, host) == TUNED
    assert is_kept(checkout, host)


def test_one_that_cannot_do_it_by_itself_is_restored_by_hand(tuned: Checkout) -> None:
    hold(tuned)
    played = tuned.play(RESTORE)
    assert (value(tuned), is_kept(tuned), value(tuned, "server1")) == (UNTUNED, False, UNTUNED)
    assert played.recap["client1"].changed == 1
    assert tuned.play(RESTORE).changed == 0


def test_what_a_crash_has_left_goes_with_the_next_boot(tuned: Checkout) -> None:
    """The record is there and nobody holds it; these hosts' network keeps its settings while they boot."""
    hold(tuned)
    stop = "cp {0} /root/kept && systemctl stop bench-tuning && cp /root/kept {0} && echo {1} >/proc/sys/{2}"
    tuned.on("client1", stop.format(KEPT, TUNED, NAME.replace(".", "/")))
    assert value(tuned) == TUNED
    tuned.on("client1", "systemctl start bench-tuning-restore.service; rm /root/kept")
    assert (value(tuned), is_kept(tuned)) == (UNTUNED, False)


def test_what_cannot_be_tuned_is_said_before_anything_is(tuned: Checkout) -> None:
    given = ("-e", json.dumps({"tuning_sysctls": {NAME: TUNED, "net.ipv4.no_such": "1"}}))
    played = tuned.play(SITE, *ROLE, *given, fails=True)
    told = [line for line in played.output.splitlines() if line.startswith("error: ")]
    assert told
    assert all("/proc/sys/net/ipv4/no_such cannot be read" in line for line in told), played.output
    assert value(tuned) == UNTUNED


def test_a_setting_that_is_the_profiles_too_fails_the_trial(tuned: Checkout) -> None:
    given = ("-e", json.dumps({"tuning_sysctls": {"net.ipv4.tcp_tw_reuse": "0"}}))
    tuned.play(SITE, *ROLE, *given)
    played = measure(tuned, *given, cells=[{**CELL, "profile": "controlled"}], fails=True)
    assert "net.ipv4.tcp_tw_reuse is set by the profile and by tuning_sysctls" in played.output
