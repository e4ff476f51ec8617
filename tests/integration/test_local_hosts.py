"""The hosts made on this machine: what they are, that they stay apart, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import HOSTS_S
from tests.support.checkout import Checkout

pytestmark = pytest.mark.hosts

HOSTS, DOWN = "playbooks/hosts.yml", "playbooks/down.yml"
THROUGHPUT = Path(__file__).parents[1] / "support" / "throughput.py"


@contextmanager
def throughput_server(checkout: Checkout) -> Iterator[None]:
    """Have the server host answer throughput.py."""
    checkout.on("server1", f"cat >/tmp/throughput.py <<'END'\n{THROUGHPUT.read_text()}\nEND\n")
    checkout.on("client1", f"cat >/tmp/throughput.py <<'END'\n{THROUGHPUT.read_text()}\nEND\n")
    checkout.on("server1", "systemd-run --quiet --collect --unit=throughput python3 -u /tmp/throughput.py serve")
    checkout.on("server1", "until ss -Htln sport = 9999 | grep -q .; do sleep 0.1; done")
    yield
    checkout.on("server1", "systemctl stop throughput")


def measure(checkout: Checkout) -> tuple[float, float]:
    """Return Mbit/s and the median round trip in ms from client1 to server1."""
    address = checkout.addresses()["server1"]["bench_load_address"]
    rate, trip = checkout.on("client1", f"python3 /tmp/throughput.py {address} 1.5").split()
    return float(rate), float(trip)


def namespaces(pid: int | str) -> dict[str, str]:
    return {
        name: str(Path(f"/proc/{pid}/ns/{name}").readlink()) for name in ("pid", "mnt", "net", "uts", "ipc", "cgroup")
    }


def test_ansible_reaches_each_host(hosts: Checkout) -> None:
    played = hosts.run("ansible", "all", "-m", "ansible.builtin.ping", "-o")
    assert played.exit_code == 0, played.output
    assert sorted(line.split()[0] for line in played.output.splitlines() if "pong" in line) == ["client1", "server1"]


def test_second_run_changes_nothing_and_is_quick(hosts: Checkout) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert hosts.play(HOSTS).changed == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent_s < 6, "about 2.5 s of CPU, and as long on a machine that does nothing else"
    assert hosts.play(HOSTS, "--check", "--diff").changed == 0


def test_each_host_has_namespaces_cpus_and_files_of_its_own(hosts: Checkout) -> None:
    here, server, client = (namespaces(who) for who in ("self", hosts.init("server1"), hosts.init("client1")))
    for kind in here:
        assert len({here[kind], server[kind], client[kind]}) == 3, kind

    cpus = {
        name: hosts.on(name, "cat /proc/self/status | sed -n 's/^Cpus_allowed_list:\\t//p'").strip()
        for name in hosts.addresses()
    }
    listed = hosts.run("ansible-inventory", "--list").output
    inventory = json.loads(listed, object_hook=lambda found: found.get("__ansible_unsafe", found))["_meta"]["hostvars"]
    assert cpus == {name: variables["bench_cpus"] for name, variables in inventory.items()}
    if len(os.sched_getaffinity(1)) > 1:
        assert not set(cpus["server1"].split(",")) & set(cpus["client1"].split(","))

    hosts.on("server1", "touch /etc/only-here")
    assert hosts.on("client1", "ls /etc/only-here 2>/dev/null || echo none").strip() == "none"
    assert len({hosts.on(name, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub") for name in cpus}) == 2
    assert [hosts.on(name, "hostname").strip() for name in ("server1", "client1")] == ["server1", "client1"]


@pytest.mark.parametrize("name", ["server1", "client1"])
def test_a_host_is_a_whole_system_and_a_quiet_one(hosts: Checkout, name: str) -> None:
    # Not the bench's units nor passing ones: what other tests have made fail on these hosts is theirs.
    failed = hosts.on(name, "systemctl list-units --failed --plain --no-legend").splitlines()
    assert [line for line in failed if not line.startswith(("bench-", "run-"))] == []
    wanted = "degraded" if failed else "running"
    assert hosts.on(name, "systemctl is-system-running || true").strip() == wanted
    assert hosts.on(name, "systemctl list-timers --no-legend").strip() == ""
    # The sandboxing that the units rely on, and the network's own sysctls.
    hosts.on(name, "systemd-run --quiet --wait -p DynamicUser=yes -p ProtectSystem=strict -p NoNewPrivileges=yes true")
    hosts.on(name, "sysctl -qw net.ipv4.tcp_tw_reuse=1 && sysctl -qw net.ipv4.tcp_tw_reuse=2")
    assert "1" not in hosts.on(name, "ip -4 route show default").strip(), "hosts reach no other network"


@pytest.mark.alone
def test_the_load_network_is_shaped_and_a_new_rate_needs_no_reboot(hosts: Checkout) -> None:
    inits = [hosts.init(name) for name in ("server1", "client1")]
    try:
        with throughput_server(hosts):
            full, trip = measure(hosts)
            assert 600 < full < 1000
            assert trip < 1
            hosts.play(HOSTS, "-e", "local_hosts_rate_mbit=100")
            limited, trip = measure(hosts)
            assert 70 < limited < 100
            assert trip < 1
            hosts.play(HOSTS, "-e", "local_hosts_rate_mbit=0")
            assert measure(hosts)[0] > 1050
    finally:
        hosts.play(HOSTS)
    assert inits == [hosts.init(name) for name in ("server1", "client1")]


def test_a_changed_host_key_is_refused(hosts: Checkout) -> None:
    known_hosts = hosts.state / "ssh" / "known_hosts"
    right = known_hosts.read_text()
    server, client = right.splitlines()
    swapped = [server.split()[0] + " " + client.split(None, 1)[1], client]
    known_hosts.write_text("\n".join(swapped) + "\n")
    try:
        for path in (hosts.path / ".state/ansible/cp").glob("*"):
            hosts.run("ssh", "-O", "exit", "-o", f"ControlPath={path}", "any")
        played = hosts.run("ansible", "server1", "-m", "ansible.builtin.ping")
        assert played.exit_code != 0
        assert "Host key verification failed" in played.output or "HOST IDENTIFICATION HAS CHANGED" in played.output
    finally:
        played = hosts.play(HOSTS)
    assert played.changed == 1
    assert known_hosts.read_text() == right
    assert hosts.run("ansible", "server1", "-m", "ansible.builtin.ping").exit_code == 0


def reach(hosts: Checkout, name: str) -> str:
    """Return a command that connects to a host over the load network."""
    address = hosts.addresses()[name]["bench_load_address"]
    return f"python3 -c \"import socket; socket.create_connection(('{address}', 22), 5)\""


@pytest.mark.parametrize("victim", ["supervisor", "init"])
def test_a_dead_host_is_booted_again_with_its_files(hosts: Checkout, victim: str) -> None:
    hosts.on("client1", f"touch /etc/before-{victim} && sync && sysctl -qw net.ipv4.tcp_tw_reuse=1")
    hosts.on("server1", reach(hosts, "client1"))
    other, init = hosts.init("server1"), hosts.init("client1")
    parent = int(Path(f"/proc/{init}/stat").read_text().rpartition(") ")[2].split()[1])
    os.kill(parent if victim == "supervisor" else init, signal.SIGKILL)
    time.sleep(0.5)
    assert hosts.play(HOSTS).changed == 2, "its network and itself"
    assert hosts.init("client1") != init
    reuse = hosts.on("client1", "sysctl -n net.ipv4.tcp_tw_reuse").strip()
    assert reuse == "2", "what a trial had set there does not outlive its host"
    assert hosts.init("server1") == other
    hosts.on("client1", f"test -e /etc/before-{victim}")
    hosts.on("server1", reach(hosts, "client1"))
    assert hosts.run("ansible", "all", "-m", "ansible.builtin.ping").exit_code == 0


def test_a_network_that_was_torn_is_mended(hosts: Checkout) -> None:
    subprocess.run(["ip", "link", "delete", f"{hosts.name}m0"], check=True)
    subprocess.run(["ip", "-n", f"{hosts.name}lan", "link", "delete", "client1"], check=True)
    assert hosts.play(HOSTS).changed == 1
    assert hosts.play(HOSTS).changed == 0
    hosts.on("client1", reach(hosts, "server1"))


@pytest.mark.parametrize("number", ["0", "8", "two"])
def test_a_wrong_number_of_clients_is_told(checkout: Checkout, number: str) -> None:
    played = checkout.play(HOSTS, "-e", f"local_clients={number}", fails=True)
    assert f"error: {number} clients (local_clients): give a number from 1 to 7" in played.output


def test_inventory_is_there_before_the_hosts_are(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    graph = fresh.run("ansible-inventory", "--graph", "-e", "local_clients=2").output
    assert [line.strip(" |-") for line in graph.splitlines() if "@clients" in line or "client" in line][:3] == [
        "@clients:",
        "client1",
        "client2",
    ]
    assert fresh.play(HOSTS, "--check").changed > 0
    assert not fresh.state.exists()
    assert fresh.left_behind() == []


def test_checkouts_side_by_side_do_not_meet(hosts: Checkout, new_checkout: Callable[[], Checkout]) -> None:
    other = new_checkout()
    other.play(HOSTS, "-e", "local_clients=2", timeout_s=HOSTS_S)
    assert sorted(other.addresses()) == ["client1", "client2", "server1"]
    ours, theirs = ({v["ansible_host"] for v in one.addresses().values()} for one in (hosts, other))
    assert not ours & theirs
    other.on("client2", "python3 -c \"import socket; socket.create_connection(('198.18.0.1', 22), 5)\"")

    inits = [hosts.init(name) for name in ("server1", "client1")]
    other.play(HOSTS)
    assert sorted(other.addresses()) == ["client1", "server1"]
    assert other.processes("client2") == []
    other.play(DOWN)
    assert other.left_behind() == []
    assert inits == [hosts.init(name) for name in ("server1", "client1")]
    assert hosts.run("ansible", "all", "-m", "ansible.builtin.ping").exit_code == 0
    assert other.play(DOWN).changed == 0


def test_down_removes_what_a_killed_playbook_left(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    began = time.monotonic()
    fresh.play(HOSTS, timeout_s=HOSTS_S)
    whole_s = time.monotonic() - began
    fresh.play(DOWN)
    for part in (0.4, 0.6, 0.8):
        with fresh.start("ansible-playbook", HOSTS) as process:
            time.sleep(part * whole_s)
            process.kill()
        fresh.play(DOWN, timeout_s=60)
        # Whatever the killed playbook had under way would be there by then.
        time.sleep(1)
        assert fresh.left_behind() == [], f"killed after {part * whole_s:.1f} s"
    fresh.play(HOSTS)
    assert fresh.run("ansible", "all", "-m", "ansible.builtin.ping").exit_code == 0


def test_addresses_that_are_taken_are_left_alone(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    fresh.play(HOSTS, timeout_s=HOSTS_S)
    address = fresh.addresses()["client1"]["ansible_host"]
    fresh.play(DOWN)
    subprocess.run(["ip", "link", "add", "bt-taken", "type", "veth", "peer", "name", "bt-taken-peer"], check=True)
    try:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "bt-taken"], check=True)
        fresh.play(HOSTS)
        assert address not in {variables["ansible_host"] for variables in fresh.addresses().values()}
        assert fresh.run("ansible", "all", "-m", "ansible.builtin.ping").exit_code == 0
        assert fresh.play(HOSTS).changed == 0
    finally:
        subprocess.run(["ip", "link", "delete", "bt-taken"], check=True)


def test_down_ends_a_build_of_the_image(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    cache = fresh.path / ".state" / "cache"
    fresh.environment["BENCH_CACHE_DIR"] = str(cache)
    with fresh.start("ansible-playbook", HOSTS) as process:
        until = time.monotonic() + 60
        while not list(cache.glob("image/*.building/root/etc")) and time.monotonic() < until:
            time.sleep(0.2)
        process.kill()
    assert list(cache.glob("image/*.building")), "the build had not begun"
    assert fresh.processes(), "the build goes on by itself"
    fresh.play(DOWN, "-e", "local_hosts_purge=true")
    assert fresh.left_behind() == []
    assert not cache.exists()


def test_an_image_that_cannot_be_built_is_told(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    fresh.environment["BENCH_CACHE_DIR"] = str(fresh.path / ".state" / "cache")
    played = fresh.play(HOSTS, "-e", "local_hosts_mirror=http://127.0.0.1:9/debian", fails=True)
    (error,) = [line for line in played.output.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: the image was not built: Failed to fetch http://127.0.0.1:9/debian")
    assert "Connection refused" in error
    assert error.endswith("see that the mirror can be reached (local_hosts_mirror names another), then run this again")


def test_hosts_are_copies_where_the_file_system_takes_no_layers(new_checkout: Callable[[], Checkout]) -> None:
    fresh = new_checkout()
    state, layers = fresh.path / ".state", fresh.path / "layers"
    for folder in (state, *(layers / name for name in ("lower", "upper", "work"))):
        folder.mkdir(parents=True)
    options = ",".join(f"{name}dir={layers / name}" for name in ("lower", "upper", "work"))
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", state], check=True)
    try:
        fresh.play(HOSTS, timeout_s=HOSTS_S)
        assert (fresh.state / "roots" / "server1" / "root" / "usr").is_dir()
        assert fresh.run("ansible", "all", "-m", "ansible.builtin.ping").exit_code == 0
        assert fresh.play(HOSTS).changed == 0
        fresh.play(DOWN)
    finally:
        subprocess.run(["umount", state], check=True)
    assert fresh.left_behind() == []


def test_down_over_another_inventory_leaves_these_alone(hosts: Checkout) -> None:
    played = hosts.play(DOWN, "-i", "inventory/lab", fails=True)  # nobody has the example's addresses
    assert "the host does not answer" in played.output
    assert hosts.init("server1")
