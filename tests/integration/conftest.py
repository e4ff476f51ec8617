"""A lab for the tests that need one: plain machines, made for a file of tests and removed after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.checkout import Checkout
from tests.support.lab_hosts import LabHosts


@pytest.fixture(scope="module")
def lab() -> Iterator[LabHosts]:
    """Plain machines, a server and two clients, on which nothing of this project was ever."""
    with LabHosts() as lab:
        yield lab
    assert lab.left_behind() == []


@pytest.fixture(scope="module")
def lab_checkout(request: pytest.FixtureRequest, new_checkout: Callable[[], Checkout], lab: LabHosts) -> Checkout:
    """A checkout whose inventory/lab has the lab's addresses, and else what it always has.

    It has one client, as it comes, or as many as a file of tests says in CLIENTS.
    """
    checkout = new_checkout()
    lab.introduce(checkout, clients=getattr(request.module, "CLIENTS", 1))
    return checkout
