"""What a request of a workload sends, and the one right answer to it.

An answer is compared in full once in each trial, before the load. Trials, manifests and environments carry it, so a
long one is given by its length and its SHA-256 only.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from collect.serving import route

BODY_KEPT_BYTES = 1024
"""An answer up to this length is given whole."""
SENT = {"name": "student"}
"""What a POST request carries: the row that is inserted."""
FILE_BLOCK_BYTES = 65536


def request(workload: Mapping[str, Any]) -> dict[str, str]:
    """Return the method, and the JSON body where there is one."""
    method = str(workload.get("method", "GET"))
    return {"method": method, "body": json.dumps(SENT) if method == "POST" else ""}


def expected(variant: Mapping[str, Any], workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``status``, ``type`` (media type) and the body.

    Up to 1 KiB it is ``body``: the text, or the object that a JSON body must equal. A longer one is ``body_length``
    (bytes) and ``body_sha256`` (hexadecimal) of the text, or of the object in canonical JSON: keys sorted, no blanks,
    ASCII only.
    """
    as_json = variant["response"] == "json"
    answer = {"status": 200, "type": "application/json" if as_json else "text/html"}
    named = json.dumps({name: workload.get(name) for name in ("key", "value", "file_bytes", "rows")}, sort_keys=True)
    return answer | _body(route(workload), named, as_json)


@functools.lru_cache(maxsize=64)
def _body(asked: str, named: str, as_json: bool) -> dict[str, Any]:
    """Return the part of the answer that says its body; ``named`` are the keys of the workload that matter, as JSON."""
    workload = json.loads(named)
    pieces = {"GET /file": _file, "GET /users": _rows}.get(asked, _value)(workload, as_json)
    kept, digest, length = b"", hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        if length <= BODY_KEPT_BYTES:
            kept += piece
    if length > BODY_KEPT_BYTES:
        return {"body_length": length, "body_sha256": digest.hexdigest()}
    return {"body": json.loads(kept) if as_json else kept.decode()}


def canonical(value: Any) -> bytes:
    """Return a value as JSON of which there is one way to write it (collect/load/check.py has the same)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _value(workload: Mapping[str, Any], as_json: bool) -> Iterator[bytes]:
    yield canonical({workload["key"]: workload["value"]}) if as_json else workload["value"].encode()


def _file(workload: Mapping[str, Any], as_json: bool) -> Iterator[bytes]:
    """Give the file in blocks: it may be larger than what one wants to hold here several times over."""
    value, left = workload["value"], int(workload["file_bytes"])
    block = value * max(1, FILE_BLOCK_BYTES // len(value))
    if as_json:
        yield b"{" + canonical(workload["key"]) + b':"'
    while left > 0:
        text = block[:left]
        left -= len(text)
        yield canonical(text)[1:-1] if as_json else text.encode()
    if as_json:
        yield b'"}'


def _rows(workload: Mapping[str, Any], as_json: bool) -> Iterator[bytes]:
    """Give the table as it is seeded: row n, from 1, has the id n and a name that ends in it."""
    rows = [{"id": n, "name": f"{workload['value']}-{n}"} for n in range(1, int(workload["rows"]) + 1)]
    if as_json:
        yield canonical({workload["key"]: rows})
    else:
        yield "\n".join(f"{row['id']} {row['name']}" for row in rows).encode()
