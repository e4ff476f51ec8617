"""Headless Chromium, driven over its DevTools pipe, without a network.

No library: those that drive a browser bring one of their own or a driver program besides, and none runs it in a network
namespace without a way out, where even what nobody intercepts gets nowhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.support.devtools import DevTools, RefusedError

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " "), "Escape": (27, ""), "End": (35, ""), "Home": (36, "")}
"""By name: the key's number and the text it types."""
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio",
    "--remote-debugging-pipe",
)  # fmt: skip
AT_REST = """document.readyState === 'complete'
    && (typeof Bokeh === 'undefined' || ((!document.querySelector('[data-chart]') || Bokeh.documents.length > 0)
    && Bokeh.documents.every(each => each.is_idle)))"""
"""Whether the page is loaded and the charts that it has begun are drawn."""
PATIENCE_S = 60.0


def chromium() -> str | None:
    """Return the browser's path, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """One page at a time; what is said of it is of the page opened last.

    Every request is intercepted. A page from a file may ask for nothing but itself, a page of a server for what that
    server has; all else is refused.
    """

    errors: list[str] = field(default_factory=list)
    """What the console was told, and what was thrown."""
    requests: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Requests that were refused."""
    answers: dict[str, int] = field(default_factory=dict)
    """HTTP status by address."""
    _ours: str = ""
    _loaded: bool = False

    def __enter__(self) -> Browser:
        self._profile = tempfile.mkdtemp()
        path = chromium()
        assert path
        read, out = os.pipe()
        into, write = os.pipe()
        # A network namespace of its own has no way out: what the page lacks it cannot fetch. A server can be put in.
        inside = 'ip link set lo up 2>/dev/null; exec "$@"'
        alone = ("unshare", "--net", "sh", "-c", inside, "sh") if os.geteuid() == 0 else ()
        pipes = f'exec "$@" 3<&{read} 4>&{write}'
        self._process = subprocess.Popen(
            ["bash", "-c", pipes, "bash", *alone, path, *OPTIONS, f"--user-data-dir={self._profile}"],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._tools = DevTools(into, out, self._note)
        self._tools.attach()
        for domain in ("Page", "Runtime", "Log", "Network", "Fetch"):
            self._tools.call(f"{domain}.enable")
        self._tools.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._tools.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def keep_downloads(self, folder: Path) -> None:
        """Save what pages offer for download in a folder."""
        self._tools.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def beside(self) -> list[str]:
        """Return what to put before a command so that it runs in the browser's network namespace."""
        return ["nsenter", "--target", str(self._process.pid), "--net"] if os.geteuid() == 0 else []

    def open(
        self, page: Path | str, width: int, *, dark: bool = False, height: int = 900, media: str = "screen"
    ) -> None:
        """Load a file or an address at a width in CSS pixels, and wait until its charts are drawn."""
        self.errors, self.requests, self.outside, self.answers = [], [], [], {}
        self._loaded = False
        url = page.resolve().as_uri() if isinstance(page, Path) else page
        self._ours = url if isinstance(page, Path) else f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/"
        self.emulate(dark=dark, media=media)
        self.resize(width, height)
        self._tools.call("Page.navigate", url=url)
        self.rest()

    def rest(self) -> None:
        """Wait until the page under way is loaded and its charts are drawn."""
        deadline = time.monotonic() + PATIENCE_S
        while not (self.evaluate(AT_REST) and self._loaded):
            assert time.monotonic() < deadline, f"the page does not come to rest: {self.errors}"
            time.sleep(0.05)

    def follow(self, expression: str) -> None:
        """Do what leads to another page, and wait until that one is at rest."""
        self._loaded = False
        self.evaluate(expression)
        self.rest()

    def emulate(self, *, dark: bool = False, media: str = "screen") -> None:
        """Prefer light or dark, on a screen or on paper."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._tools.call("Emulation.setEmulatedMedia", media=media, features=scheme)

    def resize(self, width: int, height: int = 900, scale: float = 1) -> None:
        """Give the window a size in CSS pixels, each of ``scale`` pixels of a picture."""
        self._tools.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression on the page, None where it throws or the page goes away meanwhile."""
        try:
            answer = self._evaluate(expression)
        except RefusedError:
            return None
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    def ask(self, expression: str) -> Any:
        """Return the value of an expression, a promise's when it is kept; it must not throw."""
        answer = self._evaluate(expression, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, patience_s: float = 15.0) -> Any:
        """Return the value of an expression as soon as it is true."""
        deadline = time.monotonic() + patience_s
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"not so after {patience_s} s: {expression}\n{self.errors}"
            time.sleep(0.05)
        return value

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key of ``KEYS``."""
        number, text = KEYS[key]
        name = " " if key == "Space" else key
        told: Mapping[str, Any] = {
            "key": name, "code": key, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0,
        }  # fmt: skip
        self._tools.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **told)
        self._tools.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self._tools.call("Input.insertText", text=text)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 10) -> None:
        """Press the mouse at a place of the window in CSS pixels, and release it at another."""
        (x, y), (to_x, to_y) = start, end
        self._mouse("mouseMoved", x, y, buttons=0)
        self._mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in range(1, steps + 1):
            self._mouse("mouseMoved", x + (to_x - x) * step / steps, y + (to_y - y) * step / steps, button="left")
        self._mouse("mouseReleased", to_x, to_y, button="left", buttons=0, clickCount=1)

    def screenshot(self, path: Path, height: int) -> None:
        """Keep the page's top, so many CSS pixels of it, as PNG."""
        width = self.evaluate("window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = self._tools.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(b64decode(data))

    def paper(self) -> bytes:
        """Return the page as it is printed: a PDF on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        return b64decode(self._tools.call("Page.printToPDF", **paper)["data"])

    def _evaluate(self, expression: str, **options: Any) -> dict[str, Any]:
        return self._tools.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True, **options
        )

    def _mouse(self, kind: str, x: float, y: float, *, buttons: int = 1, **options: Any) -> None:
        self._tools.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=buttons, **options)

    def _note(self, method: str, parameters: Mapping[str, Any]) -> None:
        match method:
            case "Fetch.requestPaused":
                self._let(parameters["requestId"], parameters["request"]["url"])
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Network.responseReceived":
                self.answers[parameters["response"]["url"]] = parameters["response"]["status"]
            case "Network.webSocketCreated":
                self.outside.append(parameters["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(str(parameters["exceptionDetails"].get("exception", parameters)))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.errors.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.errors.append(parameters["entry"]["text"])

    def _let(self, request: str, url: str) -> None:
        """Let a request go on if it is the page's own, else refuse it."""
        own = url.startswith(self._ours) if self._ours.endswith("/") else url == self._ours
        own = own or url.startswith(("data:", "blob:"))  # what the page itself holds
        if own:
            self._tools.tell("Fetch.continueRequest", requestId=request)
        else:
            self.outside.append(url)
            self._tools.tell("Fetch.failRequest", requestId=request, errorReason="BlockedByClient")
