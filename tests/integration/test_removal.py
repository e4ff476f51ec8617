"""playbooks/down.yml over hosts that it has not made: what was put there goes, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
import yaml

from tests.conftest import HOSTS_S, SITE_S
from tests.support.checkout import Checkout
from tests.support.fingerprint import Fingerprint, assert_same, differences, take_all
from tests.support.twice import twice

pytestmark = pytest.mark.hosts

SITE, DOWN = "playbooks/site.yml", "playbooks/down.yml"
HOSTS = ("server1", "client1")
PLAIN = ("-i", "inventory/plain")
WITHOUT_PACKAGES = ("--tags", "preflight,baseline,python,tuning,redis")
"""Roles that install no environment of Python's, which takes longest: users, units, folders and a service are there."""
NEEDS = ("-e", json.dumps({"bench_needs": ["database", "relay", "cpu-quota"]}))


def fingerprints(checkout: Checkout) -> dict[str, Fingerprint]:
    # What the collector writes all the time; the folder that it writes to counts.
    samples = ["/var/lib/bench/samples/*.jsonl"]
    return take_all({host: partial(checkout.on, host, timeout_s=120) for host in HOSTS}, changing=samples)


def known(variables: dict[str, str]) -> dict[str, str]:
    """Return what an inventory has to say of a host: how it is reached, and its place in the load network."""
    wanted = ("ansible_", "bench_load_", "bench_cpus")
    return {name: value for name, value in variables.items() if name.startswith(wanted)}


@pytest.fixture(scope="module")
def plain(new_checkout: Callable[[], Checkout]) -> Checkout:
    """Hosts on which nothing was provisioned, in an inventory that does not know where they come from."""
    checkout = new_checkout()
    checkout.play("playbooks/hosts.yml", timeout_s=HOSTS_S)
    listed = checkout.run("ansible-inventory", "--list").output
    found = json.loads(listed, object_hook=lambda each: each.get("__ansible_unsafe", each))["_meta"]["hostvars"]
    group = {"server": ["server1"], "clients": ["client1"]}
    groups = {name: {"hosts": {host: known(found[host]) for host in hosts}} for name, hosts in group.items()}
    folder = checkout.path / "inventory" / "plain"
    folder.mkdir()
    (folder / "group_vars").symlink_to("../group_vars")
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    for host in HOSTS:  # as a lab's machine has been used before
        checkout.on(host, "python3 -c 'import json, ssl, pwd, grp'; mkdir -p /root/.config; touch /root/.config/theirs")
    return checkout


def test_what_was_put_there_goes_and_nothing_else(plain: Checkout) -> None:
    before = fingerprints(plain)
    assert plain.play(DOWN, *PLAIN).changed == 0, "nothing is there"
    plain.play(SITE, *PLAIN, *NEEDS, timeout_s=SITE_S)
    now = fingerprints(plain)
    assert all(differences(before[host], now[host]) for host in HOSTS)
    told = plain.play(DOWN, *PLAIN, "--check")
    assert told.changed > 0
    for host, found in fingerprints(plain).items():
        assert_same(now[host], found)

    plain.play(DOWN, *PLAIN)
    now = fingerprints(plain)
    for host in HOSTS:
        assert_same(before[host], now[host])
    folders = "ls -d /run/bench /run/systemd/system.control/bench-*"
    left = f"systemctl list-units --all --plain --no-legend 'bench-*'; {folders}"
    for host in HOSTS:
        assert plain.on(host, f"({left}) 2>/dev/null || true") == ""


def test_after_a_removal_it_can_be_set_up_again_and_go_half_gone(plain: Checkout) -> None:
    """A user of the testbed's name was there before, on one host; on the other a removal was cut off."""
    plain.on("client1", "useradd --system --no-create-home bench-load")
    before = fingerprints(plain)
    plain.play(SITE, *PLAIN, *WITHOUT_PACKAGES, timeout_s=SITE_S)
    plain.on("server1", "systemctl stop bench-redis; rm -r /etc/bench /var/lib/bench; userdel bench-app")
    with twice(plain) as inventory:
        assert plain.play(DOWN, "-i", inventory).changed == 1, "two names of one machine take turns"
    plain.play(DOWN, *PLAIN)
    now = fingerprints(plain)
    plain.on("client1", "userdel bench-load")
    for host in HOSTS:
        assert_same(before[host], now[host])


def test_somebody_elses_folder_is_refused_and_left_alone(plain: Checkout) -> None:
    plain.on("server1", "mkdir /opt/bench && touch /opt/bench/theirs")
    before = fingerprints(plain)
    played = plain.play(SITE, *PLAIN, fails=True)
    assert "/opt/bench is there and is not the testbed's (server1): move it away" in played.output
    assert plain.play(DOWN, *PLAIN).exit_code == 0
    plain.on("server1", "test -e /opt/bench/theirs")
    assert_same(before["server1"], fingerprints(plain)["server1"])
    plain.on("server1", "rm -r /opt/bench")
    assert plain.play(DOWN, *PLAIN).changed == 0, "nothing is there any more"
