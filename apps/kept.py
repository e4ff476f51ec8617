"""werkzeug's request handler, told to serve more than one request on a connection."""

import io
import os
from typing import Any, Dict

from werkzeug.serving import WSGIRequestHandler


def _always_readable() -> Any:
    """Return a file that is at its end: one that can be read at once, and holds nothing."""
    end, other = os.pipe()
    os.close(other)
    return os.fdopen(end, "rb", buffering=0)


class KeptHandler(WSGIRequestHandler):
    """Keeps a connection where the client speaks HTTP/1.1 and does not ask to have it closed.

    ``protocol_version`` alone does not do it. werkzeug 2.3 says ``Connection: close`` in each answer, since it does not
    know where a request ends whose body nobody has read; here the body is read first. And after each answer it reads
    away what may still come, which it waits 10 ms for; here that finds the end of a file at once.
    """

    rfile: Any
    connection: Any
    protocol_version = "HTTP/1.1"
    # Head and body go out by two sends: on a connection that lives on, Nagle's algorithm would hold the second back
    # until the client, 40 ms later, has confirmed the first.
    disable_nagle_algorithm = True
    _END = _always_readable()
    _keeps = False

    def make_environ(self) -> Dict[str, Any]:
        """Return the request, its body read."""
        environ = super().make_environ()
        length = self.headers.get("Content-Length", "0").strip()
        framed = length.isdigit() and "Transfer-Encoding" not in self.headers
        self._keeps = framed and not self.close_connection and self.request_version == "HTTP/1.1"
        if self._keeps:
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(length)))
            self.rfile, self.connection = io.BytesIO(), self._END
        return environ

    def send_header(self, keyword: str, value: str) -> None:
        """Leave out that the connection is closed where it is not."""
        if not (self._keeps and keyword == "Connection"):
            super().send_header(keyword, value)

    def run_wsgi(self) -> None:
        """Serve one request."""
        kept: Any = (self.rfile, self.connection)
        try:
            super().run_wsgi()
        finally:
            self.rfile, self.connection = kept
            self._keeps = False
