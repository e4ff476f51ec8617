"""The browser's protocol as its tests speak it: an answer for each call, events heard meanwhile, errors told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support import devtools
from tests.support.devtools import DevTools, RefusedError


class Ends:
    """Both sides of a pipe: ours, and the browser's."""

    def __init__(self) -> None:
        read, self.say = os.pipe()
        self.hear, write = os.pipe()
        self.heard: list[tuple[str, Mapping[str, Any]]] = []
        self.tools = DevTools(read, write, lambda method, parameters: self.heard.append((method, parameters)))

    def answer(self, *messages: Mapping[str, Any], cut: int | None = None) -> None:
        text = b"".join(json.dumps(message).encode() + b"\0" for message in messages)
        os.write(self.say, text[:cut])

    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in os.read(self.hear, 1 << 16).split(b"\0") if each]

    def close(self) -> None:
        self.tools.close()
        os.close(self.say)
        os.close(self.hear)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def test_events_are_heard_while_an_answer_is_waited_for(ends: Ends) -> None:
    ends.answer(
        {"method": "Page.loadEventFired", "params": {"timestamp": 1}},
        {"id": 7, "result": {"of": "another call"}},
        {"method": "Log.entryAdded"},
        {"id": 1, "result": {"value": "ö" * 70}},
    )
    assert ends.tools.call("Runtime.evaluate", expression="1") == {"value": "ö" * 70}
    assert ends.heard == [("Page.loadEventFired", {"timestamp": 1}), ("Log.entryAdded", {})]
    (asked,) = ends.asked()
    assert asked == {"id": 1, "method": "Runtime.evaluate", "params": {"expression": "1"}}


def test_what_is_for_the_page_names_its_session_and_what_is_for_the_browser_does_not(ends: Ends) -> None:
    ends.answer({"id": 1, "result": {"targetId": "t"}}, {"id": 2, "result": {"sessionId": "s"}})
    ends.tools.attach()
    ends.tools.tell("Page.enable")
    ends.tools.tell("Browser.setDownloadBehavior", behavior="allow")
    assert [(each["method"], each.get("sessionId")) for each in ends.asked()] == [
        ("Target.createTarget", None),
        ("Target.attachToTarget", None),
        ("Page.enable", "s"),
        ("Browser.setDownloadBehavior", None),
    ]


def test_an_error_names_the_call(ends: Ends) -> None:
    ends.answer({"id": 1, "error": {"code": -32000, "message": "Cannot navigate to invalid URL"}})
    with pytest.raises(RefusedError, match=r"Page\.navigate.*Cannot navigate"):
        ends.tools.call("Page.navigate", url="nowhere")
    ends.answer({"id": 2, "result": {}})
    assert ends.tools.call("Page.enable") == {}


def test_silence_and_an_end_are_told(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devtools, "ANSWER_S", 0.05)
    ends.answer({"id": 1, "result": {}}, cut=-3)
    with pytest.raises(AssertionError, match="has no answer"):
        ends.tools.call("Page.enable")
    os.close(ends.say)
    with pytest.raises(AssertionError, match="ended before it answered"):
        ends.tools.call("Page.enable")
    ends.say = os.open(os.devnull, os.O_WRONLY)
