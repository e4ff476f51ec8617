"""Locust's own CSV files, complete to the last request.

Locust itself writes them once a second and leaves them as they were at the last tick. Its own writer does the work here
too, but is asked once more at the end.
"""

from __future__ import annotations

import time
from typing import Any

import gevent
from locust import stats

HISTORY_INTERVAL_S = 1
"""Between two points of the charts in Locust's report; its own 5 s leave two of a window of 10 s."""


class LocustFiles:
    """The CSV files of one process; none where LOCUST_CSV is not set."""

    def __init__(self, environment: Any) -> None:
        """Take over from Locust's main program, which looks at ``csv_prefix`` only after the init event."""
        stats.HISTORY_STATS_INTERVAL_SEC = HISTORY_INTERVAL_S
        options = environment.parsed_options
        self._writer: Any | None = None
        if options.csv_prefix:
            self._writer = stats.StatsCSVFileWriter(environment, stats.PERCENTILES_TO_REPORT, options.csv_prefix)
            self._greenlet = gevent.spawn(self._writer.stats_writer)
            options.csv_prefix = None

    def finish(self) -> None:
        """Write the final state and close the files."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        self._greenlet.kill(block=False)
        for file, rows, write in (
            (writer.requests_csv_filehandle, writer.requests_csv_writer, writer.requests_csv),
            (writer.failures_csv_filehandle, writer.failures_csv_writer, writer.failures_csv),
            (writer.exceptions_csv_filehandle, writer.exceptions_csv_writer, writer.exceptions_csv),
        ):
            file.seek(0)
            write(rows)
            file.truncate()
        writer._stats_history_data_rows(writer.stats_history_csv_writer, time.time())
        writer.close_files()
