"""regression.json of a run folder: what the run was compared with, so that its reports can be made again.

Holds the verdicts as they were judged, not the runs of either side, which may be gone by then; of
the base the response times as well, which are drawn beside the run's own.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.analysis import RunSeries
from harness.errors import UnreadableFileError
from harness.runs import write_text_atomically
from harness.verdicts import Regression

REGRESSION_FILE = "regression.json"
_SCHEMA_VERSION = 1


@dataclass(slots=True, frozen=True)
class RegressionRecord:
    """A comparison as it is kept; `strict` is how its exit code was asked for."""

    regression: Regression
    strict: bool = False
    schema_version: int = _SCHEMA_VERSION


_ADAPTER = TypeAdapter(RegressionRecord)


def write_regression(folder: Path, regression: Regression, *, strict: bool = False) -> RegressionRecord:
    """Keep a comparison in a run's folder; returns it as it will be read back. Raises OSError."""
    record = RegressionRecord(replace(regression, samples=(_drawn(regression), ())), strict)
    write_text_atomically(folder / REGRESSION_FILE, _ADAPTER.dump_json(record).decode() + "\n")
    found = read_regression(folder)
    return record if found is None else found


def read_regression(folder: Path) -> RegressionRecord | None:
    """What the run was last compared with; None where it never was.

    Raises UnreadableFileError for a file that holds no comparison.
    """
    path = folder / REGRESSION_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = _ADAPTER.validate_json(content)
    except ValidationError as error:
        raise UnreadableFileError(f"{path}: not a comparison; remove it to report without one") from error
    if found.schema_version != _SCHEMA_VERSION:
        version = found.schema_version
        raise UnreadableFileError(f"{path}: schema version {version}, this harness reads {_SCHEMA_VERSION}")
    return found


def _drawn(regression: Regression) -> list[RunSeries]:
    """The base runs with what charts show of them."""
    return [
        replace(
            run,
            series={name: found for name, found in run.series.items() if name.startswith("response_time")},
            contributions={},
        )
        for run in regression.samples[0]
    ]
