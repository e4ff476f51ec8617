"""``collect serve``: the archive as pages for a browser."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collect.archive.store import Archive
from collect.cli.common import archive_option
from collect.errors import BenchError
from collect.paths import shown

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Server

PORT = 8765
LEAST_TOKEN, MOST_TOKEN = 16, 200
"""Characters of a token."""
GRACE_S = 2
"""How long answers under way may take when the server is to end."""
CONNECTIONS = 64


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
    help="What to listen on. Anything but this machine's loopback asks visitors for a token.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free."
)  # fmt: skip
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE",
    help="Ask visitors for the token in FILE, on the loopback, too. Without it one is made and printed where needed.",
)  # fmt: skip
@archive_option
def serve(host: str, port: int, token_file: Path | None, archive_dir: Path) -> int:
    """Serve the archive to a browser: runs, reports, trials, comparisons, trends, and the run under way.

    Read only, and for this machine alone unless told. Ctrl-C ends it.

    \b
    Examples:
      collect serve
      collect serve --port 0 --archive /data/archive
      collect serve --host 192.0.2.7 --token-file ~/.bench-token
    """
    archive = Archive(archive_dir)
    from collect.serve.app import create_app
    from collect.serve.guard import is_loopback

    token = read_token(token_file) if token_file else None if is_loopback(host) else secrets.token_urlsafe(24)
    with _listening(host, port) as listener:
        servers: list[Server] = []
        app = create_app(archive, token, host=host, closing=lambda: any(each.should_exit for each in servers))
        # What is new is put into the index now, so that the first visitor need not wait for it.
        app.state.served.entries()
        number = listener.getsockname()[1]
        click.echo(f"Serving {shown(archive.path)}, read only; Ctrl-C ends it:")
        click.echo(f"  {_address(host, number)}/" + (f"?token={token}" if token and not token_file else ""))
        if token_file:
            click.echo(f"  with ?token= and what is in {shown(token_file)}, on the first visit")
        if not is_loopback(host):
            click.echo("  What is sent can be read on the way: on a network that is not yours, prefer ssh -L.")
        sys.stdout.flush()
        _run(app, listener, servers)
    if app.state.served.busy:
        # What a page is being drawn for has gone away; nothing is written but copies that are kept whole or not at all.
        os._exit(0)
    return 0


def read_token(path: Path) -> str:
    """Return the token in a file; BenchError where it cannot be read, others can read it, or it is easily guessed."""
    try:
        others = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        problem, remedy = f"cannot read the token: {error.strerror}", "name another --token-file"
        raise BenchError(problem, shown(path), remedy) from error
    except UnicodeDecodeError as error:
        raise BenchError("the token is no text", shown(path), "write letters and digits into it") from error
    if others:
        raise BenchError("others on this machine can read the token", shown(path), f"chmod 600 {path}")
    if not LEAST_TOKEN <= len(token) <= MOST_TOKEN or not token.isprintable() or " " in token:
        remedy = f"write {LEAST_TOKEN} to {MOST_TOKEN} characters without blanks, such as `openssl rand -hex 16` makes"
        raise BenchError("that is no token", shown(path), remedy)
    return token


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; BenchError where it cannot."""
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(where[:2], family=family)
    except (socket.gaierror, UnicodeError) as error:
        raise BenchError(f'"{host}" is no address of this machine', "--host", "leave it out, or name one") from error
    except OSError as error:
        remedy = "choose another with --port, or 0 for any that is free"
        problem = f"cannot listen there: {os.strerror(error.errno or 0)}"
        raise BenchError(problem, f"{host} port {port}", remedy) from error


def _address(host: str, port: int) -> str:
    """Return the address to open, as far as it can be known: of a server on all addresses by the machine's name."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (asked for by the user)
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(app: Starlette, listener: socket.socket, servers: list[Server]) -> None:
    """Serve until Ctrl-C; ``servers`` gets the one that does."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
        ws="none", loop="asyncio", http="h11", limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=GRACE_S,
    )  # fmt: skip
    servers.append(uvicorn.Server(config))
    # What is cut off by the end is not worth a traceback.
    logging.getLogger("uvicorn.error").addFilter(lambda _: not servers[0].should_exit)
    try:
        servers[0].run(sockets=[listener])
    except KeyboardInterrupt:
        click.echo("ended", err=True)
