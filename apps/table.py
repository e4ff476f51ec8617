"""What both ways to the table of students have in common."""

import importlib
import threading
from typing import Any, Callable, Dict, List, Sequence, Tuple

from apps.options import Options

TABLE = "student"
NAME_LENGTH = 50
CONNECT_TIMEOUT_S = 3
HASHES = "SELECT BENCHMARK({}, SHA2('x', 256))"
"""Computes a hash so many times; the parameter is the driver's own."""
BAD_STUDENT = f'send {{"name": "…"}}, 1 to {NAME_LENGTH} characters'

Row = Tuple[int, str]


def students(options: Options, module: str) -> Callable[[], Any]:
    """Return what gives the one table of this process, by that module.

    It is loaded at once where the workload asks for it, else when it is first wanted: a trial without a database costs
    no more for it. Where there is no database, asking raises LookupError.
    """
    lock = threading.Lock()
    made: List[Any] = []

    def table() -> Any:
        if not made:
            with lock:
                if not made:
                    if options.database is None:
                        raise LookupError("there is no database (environment): set DATABASE_NAME and the like")
                    made.append(importlib.import_module(module).Students(options.database))
        return made[0]

    if options.asks_database and options.database:
        table()
    return table


def name_in(body: Any) -> str:
    """Return the name that a request's JSON brings for the table, or an empty string where it brings none that fits."""
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) and len(name) <= NAME_LENGTH else ""


def as_json(rows: Sequence[Row]) -> List[Dict[str, Any]]:
    """Return the rows as an answer's JSON has them."""
    return [{"id": number, "name": name} for number, name in rows]


def as_text(rows: Sequence[Row]) -> str:
    """Return a line of id and name for each row, the last without its newline."""
    return "\n".join(f"{number} {name}" for number, name in rows)
