"""What a browser may do with what it gets: the headers of every answer."""

from __future__ import annotations

from collections.abc import Mapping

_NOTHING_FROM_ELSEWHERE = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")

PAGE = "; ".join((
    *_NOTHING_FROM_ELSEWHERE,
    "script-src 'self'",
    # Charts bring style sheets of their own into the page.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "form-action 'self'",
))  # fmt: skip
"""Of a page: its scripts come from this server, and none stands in the page."""

REPORT = "; ".join((
    *_NOTHING_FROM_ELSEWHERE,
    "script-src 'unsafe-inline'",
    "style-src 'unsafe-inline'",
    "img-src data: blob:",
    "form-action 'none'",
    "sandbox allow-scripts allow-downloads allow-modals",
))  # fmt: skip
"""Of a report, which is one file with its scripts in it: it can send nothing, and is a stranger to all other pages."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": PAGE,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise."""

REPORT_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": REPORT,
    # A page in a sandbox is not shown at all where it asks to be parted from its opener.
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "Cache-Control": "private, no-cache",
}
KEPT_HEADERS: Mapping[str, str] = {"Cache-Control": "private, max-age=86400"}
"""Of what never changes under its address."""
