"""Stock Locust's CSV files, read into the same `Run` as a run folder.

Reads what `locust --csv PREFIX` writes, with or without `--csv-full-history`. Cells are checked
while they are parsed, because a half-copied file still looks like a table to a lenient reader.
It derives nothing: percentiles stay Locust's own rounded ones.
"""

import csv
import difflib
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UnreadableFileError
from harness.runs._manifest import Manifest, RunState, ScenarioRecord
from harness.runs._run import LocustTables, Run, RunSource

if TYPE_CHECKING:
    import pandas as pd

#: Longest first, so that P_stats_history.csv is not taken for another prefix's P_stats.csv.
_ENDINGS = ("_stats_history.csv", "_exceptions.csv", "_failures.csv", "_stats.csv")

#: How a cell says that there is no value: an entry without requests, or a missing first sample.
_ABSENT = frozenset({"", "N/A"})
_PERCENTILE = re.compile(r"\d+(\.\d+)?%")
_AGAIN = "copy the file again, or run the test again"
_MAX_CELL_BYTES = 16 * 1024 * 1024
#: Larger whole numbers have gaps as floats, and no test sends so many requests.
_MAX_COUNT = 2**53


@dataclass(slots=True, frozen=True)
class _Layout:
    """What one of the files holds. `counts` and `numbers` are numeric; everything else is text."""

    ending: str
    counts: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.texts, *self.counts, *self.numbers)


_STATS = _Layout(
    ending="_stats.csv",
    counts=("Request Count", "Failure Count"),
    numbers=(
        "Median Response Time",
        "Average Response Time",
        "Min Response Time",
        "Max Response Time",
        "Average Content Size",
        "Requests/s",
        "Failures/s",
    ),
    texts=("Type", "Name"),
)
_HISTORY = _Layout(
    ending="_stats_history.csv",
    counts=("Timestamp", "User Count", "Total Request Count", "Total Failure Count"),
    numbers=(
        "Requests/s",
        "Failures/s",
        "Total Median Response Time",
        "Total Average Response Time",
        "Total Min Response Time",
        "Total Max Response Time",
        "Total Average Content Size",
    ),
    texts=("Type", "Name"),
)
_FAILURES = _Layout(
    ending="_failures.csv", counts=("Occurrences",), numbers=(), texts=("Method", "Name", "Error")
)
_EXCEPTIONS = _Layout(
    ending="_exceptions.csv", counts=("Count",), numbers=(), texts=("Message", "Traceback", "Nodes")
)


def read_locust_csvs(prefix: Path) -> Run:
    """Read the CSVs of one stock run.

    `prefix` is Locust's `--csv` value, or the path of any of the four files. Only P_stats.csv has
    to exist. Numeric columns are numbers, with NaN for `N/A`; a table with a header alone is
    empty. The manifest is made up: its names are the prefix's, its times those of the history.

    Raises UnreadableFileError, with one line, for a file that is missing, empty, cut off or foreign.
    """
    prefix = _without_ending(prefix)
    stats = _read(prefix, _STATS)
    if stats is None:
        raise UnreadableFileError(_missing(prefix))
    stats_path = _file(prefix, _STATS)
    if stats.empty:
        raise UnreadableFileError(f"{stats_path}: has a header and no rows; the test wrote no statistics")
    if not (stats["Name"] == "Aggregated").any():
        raise UnreadableFileError(f"{stats_path}: has no Aggregated row, so its end is missing; {_AGAIN}")
    tables = LocustTables(
        stats=stats,
        history=_read(prefix, _HISTORY),
        failures=_read(prefix, _FAILURES),
        exceptions=_read(prefix, _EXCEPTIONS),
    )
    return Run(prefix, RunSource.LOCUST_CSV, _manifest(prefix, tables.history), locust=tables)


def locust_exceptions(prefix: Path) -> "pd.DataFrame | None":
    """P_exceptions.csv alone: what tasks raised, with Count and Message; None where there is no file.

    Raises UnreadableFileError as `read_locust_csvs` does.
    """
    return _read(prefix, _EXCEPTIONS)


def _without_ending(path: Path) -> Path:
    for ending in _ENDINGS:
        if path.name.endswith(ending) and path.name != ending:
            return path.with_name(path.name.removesuffix(ending))
    return path


def _file(prefix: Path, layout: _Layout) -> Path:
    return prefix.parent / (prefix.name + layout.ending)


def _missing(prefix: Path) -> str:
    if prefix.is_file():
        return f"{prefix}: is not one of Locust's CSV files; give the prefix P of P_stats.csv"
    stats = _file(prefix, _STATS)
    if not prefix.parent.is_dir():
        return f"{stats}: no such file, nor its folder; give a run folder or the prefix P of P_stats.csv"
    others = [_without_ending(path).name for path in prefix.parent.glob("*_stats.csv")]
    near = difflib.get_close_matches(prefix.name, others, n=1)
    hint = (
        f"did you mean '{prefix.with_name(near[0])}'?"
        if near
        else "give a run folder or the prefix P of P_stats.csv"
    )
    return f"{stats}: no such file; {hint}"


def _read(prefix: Path, layout: _Layout) -> "pd.DataFrame | None":
    """One of the tables; None where its file does not exist."""
    import pandas as pd

    path = _file(prefix, layout)
    text = _text(path)
    if text is None:
        return None
    header, rows = _rows(path, text)
    _check_header(path, header, layout)
    frame = pd.DataFrame(rows, columns=pd.Index(header), dtype=object)
    for column in header:
        is_count = column in layout.counts
        if is_count or column in layout.numbers or _PERCENTILE.fullmatch(column):
            frame[column] = _numbers(path, frame[column], whole=is_count)
        else:
            frame[column] = frame[column].astype("str")
    _check_failures(path, frame, layout)
    return frame


def _text(path: Path) -> str | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be read ({error.strerror})") from error
    if not raw:
        raise UnreadableFileError(f"{path}: is empty; the test ended before Locust wrote to it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"{path}: is not UTF-8 text (byte {error.start}); give the files that `locust --csv` wrote"
        ) from error
    if "\0" in text:
        raise UnreadableFileError(f"{path}: is binary; give the files that `locust --csv` wrote")
    return text


def _rows(path: Path, text: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows, all of the header's length. Blank lines, as Windows has them, are skipped."""
    limit = csv.field_size_limit(_MAX_CELL_BYTES)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        numbered = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise UnreadableFileError(f"{path}: line {reader.line_num}: {error}; {_AGAIN}") from error
    finally:
        csv.field_size_limit(limit)
    if not numbered:
        raise UnreadableFileError(f"{path}: holds blank lines only; the test wrote nothing to it")
    header = numbered[0][1]
    for line, row in numbered[1:]:
        if len(row) != len(header):
            cells = f"has {len(row)} of {len(header)} cells"
            raise UnreadableFileError(f"{path}: line {line}: {cells}, as if cut off; {_AGAIN}")
    if not text.endswith(("\n", "\r")):
        raise UnreadableFileError(f"{path}: the last line has no line end, as if cut off; {_AGAIN}")
    return header, [row for _, row in numbered[1:]]


def _check_header(path: Path, header: list[str], layout: _Layout) -> None:
    missing = [column for column in layout.columns if column not in header]
    if missing:
        raise UnreadableFileError(
            f"{path}: has no column '{missing[0]}', so it is not Locust's; "
            f"give the prefix P of the P{layout.ending} that `locust --csv P` wrote"
        )
    if len(set(header)) != len(header):
        raise UnreadableFileError(f"{path}: a column's name stands twice in the header; {_AGAIN}")


def _numbers(path: Path, cells: "pd.Series", *, whole: bool) -> "pd.Series":
    import pandas as pd

    present = cells.where(~cells.isin(_ABSENT))
    numbers = pd.to_numeric(present, errors="coerce")
    wrong = numbers.isna() & present.notna()
    if wrong.any():
        cell = present[wrong].iloc[0]
        raise UnreadableFileError(f"{path}: column '{cells.name}': {cell[:40]!r} is not a number; {_AGAIN}")
    if whole and not numbers.dropna().between(0, _MAX_COUNT).all():
        cell = present[~numbers.between(0, _MAX_COUNT) & numbers.notna()].iloc[0]
        raise UnreadableFileError(f"{path}: column '{cells.name}': {cell[:40]!r} is not a count; {_AGAIN}")
    return numbers.astype("int64" if whole and (numbers % 1 == 0).all() else "float64")


def _check_failures(path: Path, frame: "pd.DataFrame", layout: _Layout) -> None:
    """No row has more failures than requests; an absent count is none."""
    requests, failures = (
        next((column for column in layout.counts if column.endswith(end)), None)
        for end in ("Request Count", "Failure Count")
    )
    if requests is None or failures is None:
        return
    wrong = frame[frame[failures].fillna(0) > frame[requests].fillna(0)]
    if not wrong.empty:
        row = wrong.iloc[0]
        counts = f"{failures} {row[failures]:.0f} is above {requests} {row[requests]:.0f}"
        raise UnreadableFileError(f"{path}: {row['Name'][:40]!r}: {counts}; {_AGAIN}")


def _manifest(prefix: Path, history: "pd.DataFrame | None") -> Manifest:
    started = ended = None
    if history is not None and not history.empty:
        started, ended = history["Timestamp"].min(), history["Timestamp"].max()
    return Manifest(
        run_id=prefix.name,
        state=RunState.SEALED,
        scenario=ScenarioRecord(name=prefix.name),
        started_at=_iso(prefix, started) or "",
        ended_at=_iso(prefix, ended),
    )


def _iso(prefix: Path, seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError) as error:
        path = _file(prefix, _HISTORY)
        raise UnreadableFileError(f"{path}: Timestamp {seconds} is not a time; {_AGAIN}") from error
