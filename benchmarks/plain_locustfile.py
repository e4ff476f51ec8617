"""The same load as collect/load with nothing of it: the other side of recording_cost.py."""

from __future__ import annotations

import os

from locust import FastHttpUser, HttpUser, task

base = {"HttpUser": HttpUser, "FastHttpUser": FastHttpUser}[os.environ["BENCH_USER_CLASS"]]


class PlainUser(base):
    """One GET, no pause."""

    @task
    def get(self) -> None:
        """Ask once."""
        self.client.get(os.environ["BENCH_PATH"])
