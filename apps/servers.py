"""The servers, each started from Python as its documentation shows and on its defaults but for the options."""

import logging
from typing import Callable, Dict

from apps.nginx import nginx
from apps.options import Options


def werkzeug(options: Options) -> None:
    """Serve Flask by its development server, a thread per connection."""
    from apps import flask_app

    if not options.access_log:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
    own = {}
    if options.keep_alive:  # it closes each connection by itself
        from apps.kept import KeptHandler

        own["request_handler"] = KeptHandler
    # Without the reloader, which debug would bring: it would serve from a child of the process that is measured.
    flask_app.create(options).run(options.host, options.port, debug=options.debug, use_reloader=False, **own)


def gunicorn(options: Options) -> None:
    """Serve Flask or Starlette by gunicorn, in the processes (and threads) that the options say."""
    from gunicorn.app.base import BaseApplication

    worker = "apps.worker.Worker" if options.framework == "starlette" else options.server.replace("gunicorn-", "")

    class Application(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", f"{options.host}:{options.port}")
            self.cfg.set("workers", options.processes)
            self.cfg.set("worker_class", worker)
            self.cfg.set("threads", max(options.threads, 1))
            self.cfg.set("accesslog", "-" if options.access_log else None)
            if options.keep_alive is False:  # it keeps them for 2 s by itself
                self.cfg.set("keepalive", 0)
            if "control_socket_disable" in self.cfg.settings:
                # Newer ones would make a socket for commands in the home of the user, who has none here.
                self.cfg.set("control_socket_disable", True)

        def load(self) -> object:
            # Imported in the worker only, as gunicorn's own command does it: gevent has to patch Python before that.
            if options.framework == "starlette":
                from apps import starlette_app

                return starlette_app.from_env()
            from apps import flask_app

            return flask_app.create(options)

    Application().run()


def uvicorn(options: Options) -> None:
    """Serve Starlette by uvicorn: on plain asyncio and h11, or on uvloop and httptools."""
    import uvicorn as server

    faster = options.server == "uvicorn-uvloop"
    server.run(
        "apps.starlette_app:from_env",
        factory=True,
        interface="asgi3",
        host=options.host,
        port=options.port,
        loop="uvloop" if faster else "asyncio",
        http="httptools" if faster else "h11",
        workers=options.processes,
        access_log=options.access_log,
    )


def aiohttp(options: Options) -> None:
    """Serve aiohttp by its own run_app. It logs accesses only where the program has set up their logger."""
    import asyncio

    from aiohttp import web

    from apps import aiohttp_app

    logger = logging.getLogger("aiohttp.access")
    if options.access_log:
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.StreamHandler())
    loop = asyncio.new_event_loop()
    loop.set_debug(options.debug)
    access_log = logger if options.access_log else None
    web.run_app(aiohttp_app.create(options), host=options.host, port=options.port, access_log=access_log, loop=loop)


SERVERS: Dict[str, Callable[[Options], None]] = {
    "werkzeug": werkzeug,
    "gunicorn-sync": gunicorn,
    "gunicorn-gthread": gunicorn,
    "gunicorn-gevent": gunicorn,
    "uvicorn": uvicorn,
    "uvicorn-uvloop": uvicorn,
    "gunicorn-uvicorn": gunicorn,
    "aiohttp": aiohttp,
    "nginx": nginx,
}
