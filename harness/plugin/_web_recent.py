"""Exact figures over the last rows of a run that goes on: every percentile from raw samples.

The estimators are those of finished runs, with their intervals. All requests that ended in the window
count, whatever the phase: this is what happens now, not what the run will be judged on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.runs import NOT_ERRORS, HeldTables
from harness.stats import Estimate, quantiles

#: So many categories, names and errors are told, those with the most requests.
MOST_GROUPS = 12
QUANTILES = (0.5, 0.95, 0.99)

#: A name or an error text is cut to so many characters.
MOST_CHARACTERS = 200

_COLUMNS = ("name", "category", "outcome", "error", "intended_at", "done_at")
_NOT_ERRORS = pa.array([outcome.value for outcome in NOT_ERRORS])

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class RecentGroup:
    """Requests of one category or name. `response_ms` are p50, p95 and p99."""

    name: str
    requests: int
    errors: int
    requests_per_s: float
    response_ms: tuple[Estimate, ...]


@dataclass(slots=True, frozen=True)
class RecentError:
    """Requests that failed in one way."""

    outcome: str
    error: str
    requests: int


@dataclass(slots=True, frozen=True)
class Recent:
    """The last `window_s` seconds. `more_names` and `more_errors` have no row of their own here."""

    window_s: float
    overall: RecentGroup | None = None
    categories: tuple[RecentGroup, ...] = ()
    names: tuple[RecentGroup, ...] = ()
    errors: tuple[RecentError, ...] = ()
    more_names: int = 0
    more_errors: int = 0


def recent(tables: HeldTables, start_us: int, end_us: int) -> Recent:
    """The requests that ended between two moments."""
    seconds = max(end_us - start_us, 1) / 1e6
    for table in tables.scan("requests", _COLUMNS):
        done_us = _microseconds(table, "done_at")
        chosen = (done_us > start_us) & (done_us <= end_us)
        rows = table.filter(pa.array(chosen))
        if not len(rows):
            break
        times_ms = np.maximum(done_us[chosen] - _microseconds(rows, "intended_at"), 0) / 1000
        failed = ~_mask(pc.is_in(rows.column("outcome").cast(pa.string()), _NOT_ERRORS))
        categories, _ = _groups(rows.column("category"), times_ms, failed, seconds)
        names, more_names = _groups(rows.column("name"), times_ms, failed, seconds)
        errors, more_errors = _errors(rows.filter(pa.array(failed)))
        overall = _group("all", times_ms, failed, seconds)
        return Recent(seconds, overall, categories, names, errors, more_names, more_errors)
    return Recent(seconds)


def rehearse() -> None:
    """Have everything imported that figures need on first use.

    An import takes the interpreter for itself for up to a second: a page that is opened first during a
    run would bring the load to a halt.
    """
    quantiles(np.arange(1.0, 1001.0), QUANTILES)


def _groups(
    column: pa.ChunkedArray, times_ms: Floats, failed: Bools, seconds: float
) -> tuple[tuple[RecentGroup, ...], int]:
    """The largest groups by a column, and how many more there are."""
    encoded = _encoded(column)
    code = encoded.indices.to_numpy(zero_copy_only=False)
    words = encoded.dictionary.to_pylist()
    count = np.bincount(code, minlength=len(words))
    largest = sorted(np.flatnonzero(count).tolist(), key=lambda number: (-count[number], str(words[number])))
    found = tuple(
        _group(_short(words[number]), times_ms[code == number], failed[code == number], seconds)
        for number in largest[:MOST_GROUPS]
    )
    return found, len(largest) - len(found)


def _group(name: str, times_ms: Floats, failed: Bools, seconds: float) -> RecentGroup:
    return RecentGroup(
        name=name,
        requests=len(times_ms),
        errors=int(failed.sum()),
        requests_per_s=len(times_ms) / seconds,
        response_ms=quantiles(times_ms, QUANTILES, unit="ms"),
    )


def _errors(failed: pa.Table) -> tuple[tuple[RecentError, ...], int]:
    """The commonest failures, and how many other kinds there are."""
    if not len(failed):
        return (), 0
    text = pa.table({name: failed.column(name).cast(pa.string()) for name in ("outcome", "error")})
    counted: list[dict[str, Any]] = (
        text.group_by(["outcome", "error"]).aggregate([([], "count_all")]).to_pylist()
    )
    counted.sort(key=lambda row: (-row["count_all"], row["outcome"], row["error"] or ""))
    found = tuple(
        RecentError(row["outcome"], _short(row["error"] or ""), row["count_all"])
        for row in counted[:MOST_GROUPS]
    )
    return found, len(counted) - len(found)


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Words as numbers, null as one of them."""
    return column.cast(pa.string()).combine_chunks().dictionary_encode(null_encoding="encode")


def _short(word: str | None) -> str:
    if word is None:
        return "uncategorised"
    return word if len(word) <= MOST_CHARACTERS else f"{word[: MOST_CHARACTERS - 1]}…"


def _microseconds(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = table.column(column).cast(pa.int64()).fill_null(0).to_numpy()
    return numbers


def _mask(found: pa.ChunkedArray) -> Bools:
    mask: Bools = found.to_numpy()
    return mask
