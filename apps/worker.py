"""gunicorn's worker for Starlette: uvicorn's own, told what uvicorn cannot see for itself."""

try:
    from uvicorn_worker import UvicornWorker
except ImportError:  # of the article's day: part of uvicorn
    from uvicorn.workers import UvicornWorker


class Worker(UvicornWorker):
    """Serves by uvloop and httptools. The app is a plain function, which uvicorn takes for ASGI 2 unless it is told."""

    CONFIG_KWARGS = {"loop": "uvloop", "http": "httptools", "interface": "asgi3"}  # noqa: RUF012 - as uvicorn has it
