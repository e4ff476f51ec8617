"""Hosts for the tests that need them: made once, in a copy of this checkout, and taken down in the end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.checkout import Checkout
from tests.support.hosts import Hosts
from tests.support.turns import Turns

HOSTS_S, SITE_S = 300, 400
"""Seconds that hosts.yml and site.yml may take where image, wheels and interpreter have to be made first."""
TWO_CLIENTS = ("-e", "local_clients=2")
NEEDS = json.dumps({"bench_needs": ["database", "python-modern", "relay"]})
TESTS = Path(__file__).parent
TURNS = Turns(door=TESTS, room=TESTS / "support")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files that need a database come last: the tests before them see hosts that were provisioned without one."""
    needing = {item.path for item in items if "with_database" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path in needing)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Run a test in its turn: alone where it says so, else beside those of other workers."""
    TURNS.take(alone=bool(item.get_closest_marker("alone")))
    try:
        return (yield)
    finally:
        # Tests that share what was measured stay together.
        if not (nextitem and nextitem.get_closest_marker("alone") and item.get_closest_marker("alone")):
            TURNS.give()


@pytest.fixture(scope="session", autouse=True)
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the indices of archives that tests make are, instead of in the checkout; it goes with them."""
    folder = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_INDEX", str(folder))
        yield folder


@pytest.fixture(scope="session")
def new_checkout() -> Iterator[Callable[[], Checkout]]:
    """Copies of this checkout; in the end each is taken down, must leave nothing, and is removed: all side by side."""
    made: list[Checkout] = []

    def make() -> Checkout:
        # A short path: sockets of SSH connections live below it.
        made.append(Checkout.copy_to(Path(tempfile.mkdtemp(prefix="bt-", dir="/tmp"))))
        return made[-1]

    def remove(checkout: Checkout) -> None:
        if checkout.left_behind():
            checkout.play("playbooks/down.yml")
        assert checkout.left_behind() == []
        shutil.rmtree(checkout.path)

    yield make
    with ThreadPoolExecutor() as pool:
        list(pool.map(remove, made))


@pytest.fixture(scope="session")
def checkout(new_checkout: Callable[[], Checkout]) -> Checkout:
    """The copy of this checkout that most tests share."""
    return new_checkout()


@pytest.fixture(scope="session")
def hosts(checkout: Checkout) -> Checkout:
    """The shared checkout, with its hosts up."""
    checkout.play("playbooks/hosts.yml", timeout_s=HOSTS_S)
    return checkout


@pytest.fixture(scope="session")
def provisioned(hosts: Checkout) -> Checkout:
    """The shared checkout, with its hosts provisioned."""
    hosts.play("playbooks/site.yml", timeout_s=SITE_S)
    return hosts


@pytest.fixture(scope="session")
def with_database(provisioned: Checkout) -> Checkout:
    """The shared checkout, with the database, today's Python and the relay on its server host, too."""
    provisioned.play("playbooks/site.yml", "-e", NEEDS, timeout_s=SITE_S)
    return provisioned


@pytest.fixture(scope="session")
def two_clients(new_checkout: Callable[[], Checkout]) -> Checkout:
    """Hosts of their own, provisioned, one client more; each playbook is to be told so (TWO_CLIENTS)."""
    checkout = new_checkout()
    checkout.play("playbooks/hosts.yml", *TWO_CLIENTS, timeout_s=HOSTS_S)
    checkout.play("playbooks/site.yml", *TWO_CLIENTS, timeout_s=SITE_S)
    return checkout


@pytest.fixture(scope="module")
def kept(provisioned: Checkout) -> Iterator[Hosts]:
    """The provisioned hosts, with a login to each that is kept open while a module's tests run."""
    with Hosts(provisioned) as hosts:
        yield hosts
