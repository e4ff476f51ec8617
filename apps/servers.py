"""The servers, each started from Python as its documentation shows and on its defaults but for the options."""

import logging
from typing import Callable, Dict

from apps.options import Options


def werkzeug(options: Options) -> None:
    """Serve Flask by its development server, a thread per connection."""
    from apps import flask_app

    if not options.access_log:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # Without the reloader, which debug would bring: it would serve from a child of the process that is measured.
    flask_app.create(options).run(options.host, options.port, debug=options.debug, use_reloader=False)


def gunicorn(options: Options) -> None:
    """Serve Flask by gunicorn, in the processes (and threads) that the options say."""
    from gunicorn.app.base import BaseApplication

    from apps import flask_app

    class Application(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", f"{options.host}:{options.port}")
            self.cfg.set("workers", options.processes)
            self.cfg.set("worker_class", options.server.replace("gunicorn-", ""))
            self.cfg.set("threads", max(options.threads, 1))
            self.cfg.set("accesslog", "-" if options.access_log else None)

        def load(self) -> object:
            return flask_app.create(options)

    Application().run()


def uvicorn(options: Options) -> None:
    """Serve Starlette by uvicorn on plain asyncio and h11."""
    import uvicorn as server

    server.run(
        "apps.starlette_app:from_env",
        factory=True,
        host=options.host,
        port=options.port,
        loop="asyncio",
        http="h11",
        workers=options.processes,
        access_log=options.access_log,
    )


SERVERS: Dict[str, Callable[[Options], None]] = {
    "werkzeug": werkzeug,
    "gunicorn-sync": gunicorn,
    "gunicorn-gthread": gunicorn,
    "uvicorn": uvicorn,
}
