"""Locust's own CSVs, one writer per run, with a last write after the drain."""

import contextlib
import time
from pathlib import Path

import gevent
from locust import stats
from locust.env import Environment

from harness.runs import LOCUST_CSV_PREFIX


class RunCsvWriter(stats.StatsCSVFileWriter):
    """Locust's writer ends with whatever it wrote a second ago; this one ends with the final numbers."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        super().__init__(
            environment, stats.PERCENTILES_TO_REPORT, str(folder / LOCUST_CSV_PREFIX), full_history=True
        )
        self._writing = gevent.spawn(self._write)

    def _write(self) -> None:
        """As Locust's writer; a full disk is met, and told, where the rows are written."""
        with contextlib.suppress(OSError):
            self.stats_writer()

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
