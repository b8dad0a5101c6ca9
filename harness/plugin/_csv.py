"""Locust's own CSVs, one writer per run, with a last write after the drain."""

import contextlib
import time
from pathlib import Path
from typing import Any

import gevent
from locust import stats
from locust.env import Environment

from harness.runs import LOCUST_CSV_PREFIX

#: With more names than this the history has no rows by name: it would have one for each in every second.
MOST_IN_HISTORY = 50

#: For so long Locust's tables keep how many requests each second had, by name; their current rate is of 10 s.
KEPT_S = 600
_FORGET_EVERY_S = 60


class RunCsvWriter(stats.StatsCSVFileWriter):
    """Locust's writer ends with whatever it wrote a second ago; this one ends with the final numbers."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        super().__init__(
            environment, stats.PERCENTILES_TO_REPORT, str(folder / LOCUST_CSV_PREFIX), full_history=True
        )
        self._forget_at_s = 0.0
        self._writing = gevent.spawn(self._write)

    def _write(self) -> None:
        """As Locust's writer; a full disk is met, and told, where the rows are written."""
        with contextlib.suppress(OSError):
            self.stats_writer()

    def _stats_history_data_rows(self, csv_writer: Any, now: float) -> None:
        """As Locust's, but without rows by name where there are many names."""
        tables = self.environment.stats
        entries = tables.entries
        if len(entries) > MOST_IN_HISTORY:
            # Not by `full_history = False`, which also takes other percentiles of all requests.
            tables.entries = {}
        try:
            super()._stats_history_data_rows(csv_writer, now)
        finally:
            tables.entries = entries
        if now >= self._forget_at_s:
            self._forget_at_s = now + _FORGET_EVERY_S
            forget_old_seconds(tables, int(now) - KEPT_S)

    def finish(self) -> None:
        """Write every file once more and close them."""
        self._writing.kill()
        for handle, header, rows, writer in (
            (
                self.requests_csv_filehandle,
                self.requests_csv_columns,
                self._requests_data_rows,
                self.requests_csv_writer,
            ),
            (
                self.failures_csv_filehandle,
                self.failures_columns,
                self._failures_data_rows,
                self.failures_csv_writer,
            ),
            (
                self.exceptions_csv_filehandle,
                self.exceptions_columns,
                self._exceptions_data_rows,
                self.exceptions_csv_writer,
            ),
        ):
            handle.seek(0)
            writer.writerow(header)
            rows(writer)
            handle.truncate()
        self._stats_history_data_rows(self.stats_history_csv_writer, time.time())
        self.close_files()


def forget_old_seconds(tables: stats.RequestStats, before_s: int) -> None:
    """Drop what Locust's tables keep by name of the seconds before this one; all requests keep theirs.

    Locust drops none, which takes some 300 MB an hour with a thousand names.
    """
    for entry in tables.entries.values():
        for by_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            for second in [second for second in by_second if second < before_s]:
                del by_second[second]
