"""What goes wrong while hosts are provisioned is said in one line, and what was there stays as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import HOSTS_S, SITE_S
from tests.support.checkout import Checkout, Played
from tests.support.units import shown

pytestmark = pytest.mark.hosts

SITE = "playbooks/site.yml"
REDIS, PYTHON = ("--tags", "redis"), ("--tags", "python")
"""Parts of it, where the rest would show nothing."""
REDIS_6 = "81db448b37ed92092802f8e5a7409dff3ae24b70c9c7885ea99c5871606b1b71"
INVENTORY = """all:
  children:
    server: {{hosts: {{{server}}}}}
    clients: {{hosts: {{{clients}}}}}
"""


@pytest.fixture(scope="module")
def fresh(new_checkout: Callable[[], Checkout]) -> Checkout:
    """Hosts on which nothing was provisioned yet."""
    checkout = new_checkout()
    checkout.play("playbooks/hosts.yml", timeout_s=HOSTS_S)
    return checkout


@pytest.fixture(scope="module")
def site(fresh: Checkout) -> Checkout:
    """The same hosts, provisioned."""
    fresh.play(SITE, timeout_s=SITE_S)
    return fresh


@contextmanager
def environment(checkout: Checkout, **variables: str) -> Iterator[None]:
    """Run what is run in the checkout with other variables in its environment."""
    kept = dict(checkout.environment)
    checkout.environment.update(variables)
    try:
        yield
    finally:
        checkout.environment.clear()
        checkout.environment.update(kept)


def errors(played: Played) -> list[str]:
    """Return the lines that say what went wrong."""
    return sorted({line for line in played.output.splitlines() if line.startswith("error: ")})


def the_error(played: Played) -> str:
    """Return the one line that says what went wrong, and see that nothing frightens beside it."""
    found = errors(played)
    assert len(found) == 1, played.output
    assert "Traceback" not in played.output
    return found[0]


def test_check_mode_works_on_hosts_with_nothing_on_them(fresh: Checkout) -> None:
    played = fresh.play(SITE, "--check", "--diff", timeout_s=SITE_S)
    assert played.changed > 0
    fresh.on("server1", "test ! -e /opt/bench && test ! -e /etc/bench && ! id bench-app 2>/dev/null")


@pytest.mark.parametrize(
    ("server", "clients", "said"),
    [
        ("", "client1: {}", "the inventory has 0 hosts in the group server"),
        ("a: {}, b: {}", "client1: {}", "the inventory has 2 hosts in the group server"),
        ("server1: {}", "", "the inventory has 0 hosts in the group clients"),
        ("server1: {}", "server1: {}", "the inventory has 0 hosts in the group clients that are not the server"),
        ("server1: {}", "client1: {}", "the hosts' load addresses are none"),
        (
            "server1: {bench_load_address: 192.0.2.1}",
            "client1: {bench_load_address: 192.0.2.1}",
            "give each host a bench_load_address of its own",
        ),
    ],
)
def test_an_inventory_that_cannot_be_measured(
    checkout: Checkout, tmp_path: Path, server: str, clients: str, said: str
) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(INVENTORY.format(server=server, clients=clients))
    error = the_error(checkout.play(SITE, "-i", str(inventory), fails=True))
    assert said in error
    assert str(inventory) in error


def test_no_python_3_8_to_be_found(fresh: Checkout, tmp_path: Path) -> None:
    own = fresh.path / ".venv" / "bin"
    nothing = {
        "BENCH_CACHE_DIR": str(tmp_path / "cache"),
        "PATH": f"{own}:/usr/bin:/bin",
        "PYENV_ROOT": str(tmp_path),
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "pythons"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    with environment(fresh, **nothing):
        played = fresh.play(SITE, fails=True)
    assert errors(played)
    for error in errors(played):
        assert error.startswith("error: there is no Python 3.8 (control node")
        assert "-e python_prefix=/path" in error


def test_a_prefix_without_python(fresh: Checkout, tmp_path: Path) -> None:
    played = fresh.play(SITE, "-e", f"python_prefix={tmp_path}", fails=True)
    assert f"{tmp_path}/bin/python3.8: No such file or directory" in errors(played)[0]


def test_a_wheel_with_the_wrong_hash(site: Checkout, tmp_path: Path) -> None:
    cache = Path(site.environment["BENCH_CACHE_DIR"])
    for part in ("python", "wheelhouse"):
        shutil.copytree(cache / part, tmp_path / part)
    wheel = next((tmp_path / "wheelhouse").glob("app-*/Flask-2.3.2*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"more")
    with environment(site, BENCH_CACHE_DIR=str(tmp_path)):
        played = site.play(SITE, fails=True)
    assert errors(played)
    for error in errors(played):
        assert wheel.name in error
        assert "has the wrong hash" in error
        assert f"{wheel.parent.name}): remove that folder and run this again" in error


def test_redis_of_another_version(site: Checkout, tmp_path: Path) -> None:
    lock = tmp_path / "redis-6.lock"
    lock.write_text(f"redis-server==6.0.9 --hash=sha256:{REDIS_6}\n")
    error = the_error(site.play(SITE, *REDIS, "-e", f"redis_lock={lock}", fails=True))
    assert "the wheel carries Redis server v=6.0.9" in error
    assert "wanted 5.0.7 (/opt/bench/redis on server1): let redis_lock name the wheel of that version" in error
    assert "v=5.0.7" in site.on("server1", "/opt/bench/redis/bin/redis-server --version")
    assert site.play(SITE, *REDIS).changed == 0


def test_redis_that_does_not_start(site: Checkout) -> None:
    folder = "/run/systemd/system/bench-redis.service.d"
    few_files = (
        f"mkdir -p {folder} && printf '[Service]\\nLimitNOFILE=20\\n' > {folder}/zz.conf && systemctl daemon-reload"
    )
    try:
        site.on("server1", f"{few_files}; systemctl stop bench-redis.service")
        error = the_error(site.play(SITE, *REDIS, fails=True))
        assert "it does not start, it says: " in error
        assert "Your current 'ulimit -n' of 20 is not enough" in error
        assert "bench-redis.service on server1" in error
    finally:
        site.on("server1", f"rm -r {folder}; systemctl daemon-reload")
    site.play(SITE, *REDIS)


def test_a_redis_configuration_that_is_not_valid_does_not_land(site: Checkout) -> None:
    before = site.on("server1", "cat /etc/bench/redis.conf")
    pid = shown(site, "server1", "bench-redis.service", ["MainPID"])
    error = the_error(site.play(SITE, *REDIS, "-e", '{"redis_forgotten_commands": ["NO-SUCH-COMMAND"]}', fails=True))
    assert "/etc/bench/redis.conf as it would be is not valid (server1)" in error
    assert site.on("server1", "cat /etc/bench/redis.conf") == before
    assert shown(site, "server1", "bench-redis.service", ["MainPID"]) == pid


def test_the_port_of_redis_is_taken(site: Checkout) -> None:
    site.on("server1", "systemctl stop bench-redis.service")
    site.on("server1", "systemd-run --quiet --unit=squatter python3 -m http.server --bind 127.0.0.1 6379; sleep 1")
    try:
        error = the_error(site.play(SITE, fails=True))
        assert "port 6379, for Redis, is taken by squatter.service (server1)" in error
        assert "choose another port by redis_port" in error
    finally:
        site.on("server1", "systemctl stop squatter.service")
    site.play(SITE, *REDIS)


def test_a_port_of_the_trials_is_taken(site: Checkout) -> None:
    site.on("server1", "systemd-run --quiet --unit=squatter python3 -m http.server 20003; sleep 1")
    try:
        error = the_error(site.play(SITE, fails=True))
        assert "ports that trials use are taken: squatter.service (server1)" in error
    finally:
        site.on("server1", "systemctl stop squatter.service")


def test_the_server_cannot_be_reached_over_the_load_network(site: Checkout) -> None:
    interface = site.addresses()["server1"]["bench_load_interface"]
    site.on("server1", f"ip link set {interface} down")
    try:
        ours, theirs = errors(site.play(SITE, fails=True))
        assert ours.startswith(f"error: its interface {interface} on the load network is down (")
        assert "(server1): " in ours
        assert "port 20000 of the server cannot be reached from here, " in theirs
        assert "(client1): " in theirs
    finally:
        site.on("server1", f"ip link set {interface} up")


def test_a_library_of_the_interpreter_is_missing_on_the_host(site: Checkout) -> None:
    library = site.on("client1", "ldconfig -p | grep -o '/[^ ]*libffi.so.8$' | head -n 1").strip()
    before = site.on("client1", "readlink /opt/bench/python3.8")
    site.on("client1", f"mv {library} {library}.away; rm /opt/bench/python3.8")
    try:
        error = the_error(site.play(SITE, *PYTHON, fails=True))
        assert "libffi.so.8: cannot open shared object file" in error
        assert "install the package with that library on the host" in error
    finally:
        site.on("client1", f"mv {library}.away {library}")
    site.play(SITE, *PYTHON, timeout_s=SITE_S)
    assert site.on("client1", "readlink /opt/bench/python3.8") == before


def test_one_that_loses_a_host_and_one_that_is_killed_in_the_middle_are_gone_on_with(site: Checkout) -> None:
    said = []
    with site.start("ansible-playbook", SITE) as process:
        for line in process.stdout or []:
            said.append(line)
            if "Provision the server" in line:
                os.kill(site.init("client1"), 9)
    assert process.returncode != 0
    assert any("the testbed is not whole without client1" in line for line in said), said
    assert any("the host does not answer" in line and "(client1)" in line for line in said), said
    site.play("playbooks/hosts.yml", timeout_s=HOSTS_S)
    site.on("client1", "rm -r /opt/bench/venvs/*")
    with site.start("ansible-playbook", SITE) as process:
        for line in process.stdout or []:
            if "Provision the clients" in line:
                break
        os.killpg(process.pid, 9)
    site.play(SITE, timeout_s=SITE_S)
    assert site.play(SITE).changed == 0
