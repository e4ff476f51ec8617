"""One process of the generator: ``python collect/load`` with BENCH_* and LOCUST_* in its environment.

Exit codes: 0 the load is done (whatever the server answered), 2 a bad setting, 3 the server does not answer rightly,
4 the load broke off, 143 stopped by SIGTERM. ``locust -f locustfile.py`` runs the same, and starts later.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

if not __package__:  # run by the folder's path; PEP 366 then lets it import its neighbours
    del sys.path[0]
    sys.path.append(str(Path(__file__).absolute().parent.parent))
    __package__ = Path(__file__).absolute().parent.name

from .output import STOPPED, STOPPED_BY_SIGNAL, Output, Result, leave
from .settings import Settings, SettingsError

BAD_SETTING = 2


def main() -> int:
    """Check the settings, then hand over to Locust or wrk."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return BAD_SETTING
    if settings.tool == "wrk":
        from .wrk import lead

        return lead(settings)
    until_locust_listens(settings)
    leave_out_unused_imports()
    os.environ.update(LOCUST_HEADLESS="true", LOCUST_ONLY_SUMMARY="true")
    os.environ.setdefault("LOCUST_LOGLEVEL", "WARNING")
    from locust.main import main as locust_main

    sys.argv = ["locust", "-f", str(Path(__file__).absolute().with_name("locustfile.py"))]
    locust_main()
    return 0


def until_locust_listens(settings: Settings) -> None:
    """Answer SIGTERM while Locust is being imported; the locustfile answers it afterwards."""

    def stop(*_: Any) -> NoReturn:
        if not settings.is_worker:
            result = Result(error=STOPPED_BY_SIGNAL)
            Output(settings.out_dir).end(result, {"phase": "end"})
        leave(STOPPED)

    signal.signal(signal.SIGTERM, stop)


def leave_out_unused_imports() -> None:
    """Spare each trial 0.2 s: Locust imports its web interface (Flask) and gevent looks for plugins, both for nothing.

    Measured on one machine with compiled bytecode: 0.47 s to import Locust as it is, 0.25 s without the two.
    """

    def iter_entry_points(_group: str) -> Iterator[Any]:
        return iter(())

    web, plugins = ModuleType("locust.web"), ModuleType("pkg_resources")
    vars(web)["WebUI"] = object
    vars(plugins)["iter_entry_points"] = iter_entry_points
    sys.modules.update({"locust.web": web, "pkg_resources": plugins})


if __name__ == "__main__":
    sys.exit(main())
