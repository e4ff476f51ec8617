from __future__ import annotations

import errno
import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from collect.load.recorder import Recorder, outcome


def recorder_in(folder: Path, user_class: str = "HttpUser") -> Recorder:
    recorder = Recorder(folder, "primary", user_class, 200)
    recorder.length = 5
    return recorder


def fields(**changes: Any) -> dict[str, Any]:
    """Return what Locust 2.15.1 gives to the listeners of its request event."""
    told = {
        "request_type": "GET", "response_time": 12.345678, "name": "/user", "context": {}, "exception": None,
        "response": SimpleNamespace(status_code=200), "start_time": 1_700_000_000.25, "url": "http://x/user",
        "response_length": 5,
    }  # fmt: skip
    return {**told, **changes}


def rows_in(folder: Path) -> NDArray[np.float64]:
    return np.fromfile(folder / "requests-primary.f64", dtype="<f8").reshape(-1, 3)


def test_rows_are_raw_and_in_order(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    told = recorder.listener()
    told(**fields())
    told(**fields(start_time=1_700_000_001.5, response_time=0.1234))
    assert recorder.rows == 2
    assert list(recorder.flush()) == pytest.approx([0.012345678, 0.0001234], abs=0)
    told(**fields(response=SimpleNamespace(status_code=500), exception=ValueError()))
    recorder.close(users=1)
    assert rows_in(tmp_path).tolist() == [
        [1_700_000_000.25, 12.345678 * 0.001, 0],
        [1_700_000_001.5, 0.1234 * 0.001, 0],
        [1_700_000_000.25, 12.345678 * 0.001, 1],
    ]
    summary = json.loads((tmp_path / "summary-primary.json").read_text())
    assert (summary["rows"], summary["outcomes"], recorder.failures) == (3, ["ok", "http_500"], 1)


def test_fast_http_user_is_timed_here(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path, "FastHttpUser")
    start = time.time() - 0.0123
    recorder.listener()(**fields(response_time=12, start_time=start))
    most = time.time() - start
    recorder.close(users=1)
    assert 0.0123 <= rows_in(tmp_path)[0, 1] <= most


def test_what_comes_before_the_window_is_counted_apart(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    told = recorder.listener()
    for _ in range(3):
        told(**fields())
    recorder.flush()
    told(**fields())
    recorder.begin_window()
    told(**fields())
    recorder.close(users=2)
    recorder.close(users=2)
    told(**fields())
    assert list(recorder.flush()) == [], "closed"
    summary = json.loads((tmp_path / "summary-primary.json").read_text())
    assert (summary["rows_before_window"], summary["rows"], summary["in_flight_max"]) == (4, 5, 2)


def chain(*errors: BaseException) -> BaseException:
    """Return the first error, raised because of the others in turn, as urllib3 wraps them."""
    for outer, inner in itertools.pairwise(errors):
        outer.__context__ = inner
    return errors[0]


class ReadTimeoutError(Exception):
    """Named like urllib3's."""


class RemoteDisconnected(ConnectionResetError):  # noqa: N818
    """Named like http.client's, which has no errno either."""


@pytest.mark.parametrize(
    ("status", "exception", "name"),
    [
        (500, ValueError(), "http_500"),
        (301, None, "http_301"),
        (200, None, "wrong_length"),
        (0, OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "no_port"),
        (0, ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connect_error"),
        (0, OSError(errno.EHOSTUNREACH, "no route"), "connect_error"),
        (0, ConnectionResetError(errno.ECONNRESET, "reset"), "connection_lost"),
        (0, RemoteDisconnected(), "connection_lost"),
        (0, chain(ConnectionError("x"), ValueError(), BrokenPipeError(errno.EPIPE, "pipe")), "connection_lost"),
        (0, ReadTimeoutError(), "timeout"),
        (0, OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
        (0, chain(ValueError(), TimeoutError()), "timeout"),
        (0, ValueError(), "error"),
        (200, ValueError(), "error"),
    ],
)
def test_each_way_to_fail_has_its_name(status: int, exception: BaseException | None, name: str) -> None:
    assert outcome(200, status, exception) == name
