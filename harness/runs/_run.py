"""A run read back: the same object for a run folder and for stock Locust CSVs."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.errors import UnreadableFileError
from harness.runs._manifest import Manifest, RunState

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Tables(Protocol):
    """Where a run's tables are: in its folder, or in memory while it goes on."""

    def read(self, name: str) -> "pa.Table": ...
    def rows(self, name: str) -> int: ...
    def scan(self, name: str, columns: Sequence[str]) -> "Iterator[pa.Table]": ...
    def take(self, name: str, column: str, rows: Sequence[int]) -> list[object]: ...


class RunSource(enum.StrEnum):
    """Where a run's figures come from."""

    FOLDER = "run folder"
    LOCUST_CSV = "stock Locust CSVs"


@dataclass(slots=True, frozen=True)
class LocustTables:
    """Stock Locust CSVs as tables with Locust's own column names; None where a file is absent.

    Percentiles in them are Locust's, rounded to two significant digits.
    """

    stats: "pd.DataFrame"
    history: "pd.DataFrame | None" = None
    failures: "pd.DataFrame | None" = None
    exceptions: "pd.DataFrame | None" = None


@dataclass(slots=True, frozen=True)
class Run:
    """One finished, running or crashed test.

    `path` is the folder, or the prefix of the CSVs. `requests()`, `spans()`, `generator()`
    and `resources()` return pandas DataFrames with the columns of the run folder's tables, whatever
    file they come from; they are empty for stock CSVs, whose figures are in `locust`.
    """

    path: Path
    source: RunSource
    manifest: Manifest
    locust: LocustTables | None = None
    _tables: Tables | None = field(default=None, repr=False)

    def requests(self) -> "pd.DataFrame":
        """One row per request, the ground truth."""
        return self._table("requests")

    def spans(self) -> "pd.DataFrame":
        """One row per component of a request; joins on `request_id`."""
        return self._table("spans")

    def generator(self) -> "pd.DataFrame":
        """One row per worker and second: the generator's own health."""
        return self._table("generator")

    def resources(self) -> "pd.DataFrame":
        """One row per service and second: what it used and held; `service` is its name in harness.toml."""
        return self._table("resources")

    def rows(self, table: str) -> int:
        """How many rows a table has, without reading them; 0 for stock CSVs."""
        tables = self._checked(table)
        return tables.rows(table) if tables is not None else 0

    def scan(self, table: str, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Some columns of a table, some hundred thousand rows at a time, in the order of the file.

        For tables that may not fit into memory whole. Words (text of low cardinality) come as
        Arrow dictionaries. Nothing for stock CSVs.
        """
        tables = self._checked(table)
        return tables.scan(table, columns) if tables is not None else iter(())

    def take(self, table: str, column: str, rows: Sequence[int]) -> list[object]:
        """Values of a column at some rows (in rising order), reading little besides them."""
        tables = self._checked(table)
        return tables.take(table, column, rows) if tables is not None else []

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        tables = self._checked(name)
        if tables is None:
            return pd.DataFrame()
        frame: pd.DataFrame = tables.read(name).to_pandas()
        return frame

    def _checked(self, table: str) -> Tables | None:
        if self._tables is not None and table == "requests":
            self._check_requests_are_there()
        return self._tables

    def _check_requests_are_there(self) -> None:
        rows = sum(worker.rows_received for worker in self.manifest.workers)
        files = (self.path / "requests.parquet", self.path / "requests.arrows")
        if rows and self.manifest.state is RunState.SEALED and not any(file.exists() for file in files):
            raise UnreadableFileError(
                f"{self.path}: requests.parquet is missing although the run recorded {rows} rows"
            )
