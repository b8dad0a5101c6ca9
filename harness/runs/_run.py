"""A run read back: the same object for a run folder and for stock Locust CSVs."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.runs._manifest import Manifest

if TYPE_CHECKING:
    import pandas as pd


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

    `path` is the folder, or the prefix of the CSVs. `requests()`, `spans()` and `generator()`
    return pandas DataFrames with the columns of the run folder's tables, whatever file they
    come from; they are empty for stock CSVs, whose figures are in `locust`.
    """

    path: Path
    source: RunSource
    manifest: Manifest
    locust: LocustTables | None = None
    _read: Callable[[str], "pd.DataFrame"] | None = field(default=None, repr=False)

    def requests(self) -> "pd.DataFrame":
        """One row per request, the ground truth."""
        return self._table("requests")

    def spans(self) -> "pd.DataFrame":
        """One row per component of a request; joins on `request_id`."""
        return self._table("spans")

    def generator(self) -> "pd.DataFrame":
        """One row per worker and second: the generator's own health."""
        return self._table("generator")

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        return self._read(name) if self._read is not None else pd.DataFrame()
