"""One row of Locust's P_stats.csv as estimates.

A percentile column p of n requests is the order statistic of rank int(n p) + 1, rounded to a bucket
(`locust.stats.calculate_response_time_percentile`, `bucket_response_time`). The interval of a
quantile needs two order statistics; the table has a few: the next lower and the next higher listed
one bound them, each moved outwards by half of its bucket. The minimum and the maximum are exact.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis._model import NotMeasured
from harness.analysis._quantities import QUANTITIES, Kind, quantile_of
from harness.errors import UnreadableFileError
from harness.stats import Estimate, minimum_n, order_statistic_ranks, proportion, rate

if TYPE_CHECKING:
    import pandas as pd

METHOD = "Locust, rounded to two digits"
#: Which percentiles are listed is a setting of Locust; 100 % is the maximum, rounded.
_PERCENTILE = re.compile(r"(\d{1,2}(?:\.\d+)?)%")
_NEEDED = (
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Requests/s",
)
_Z = 1.959963984540054


@dataclass(slots=True, frozen=True)
class Row:
    """An entry of the table; times in ms, `percentiles` by 0 < p < 1."""

    method: str
    name: str
    requests: int
    failures: int
    mean_ms: float
    min_ms: float
    max_ms: float
    per_s: float
    percentiles: Mapping[float, float]

    @property
    def seconds(self) -> float:
        """From the start of the test to the last request, as Locust's own Requests/s has it."""
        return self.requests / self.per_s if self.per_s > 0 else 0.0

    @property
    def label(self) -> str:
        return f"{self.method} {self.name}".strip()


def rows_of(stats: "pd.DataFrame", path: Path) -> tuple[list[Row], Row]:
    """All entries, and the row `Aggregated`. Raises UnreadableFileError for a table that is not Locust's."""
    missing = [column for column in _NEEDED if column not in stats.columns]
    if missing:
        raise UnreadableFileError(f"{path}: not Locust's stats table, it has no column {missing[0]}")
    rows = [_row(record) for _, record in stats.iterrows()]
    totals = [row for row in rows if row.name == "Aggregated"]
    if not totals:
        raise UnreadableFileError(f"{path}: the row Aggregated is missing; the file was cut off")
    return [row for row in rows if row.name != "Aggregated"], totals[-1]


def row_estimate(row: Row, statistic: str, quantity: str) -> Estimate | NotMeasured:
    """A statistic of a quantity from one row; what no CSV can hold is not applicable."""
    what = QUANTITIES[quantity]
    if quantity not in {"response_time", "service_time", "throughput", "error_rate", "success_rate"}:
        return NotMeasured(f"no {what.words} is known: stock Locust CSVs do not hold it", applicable=False)
    if not row.requests:
        return NotMeasured("no request was counted")
    if quantity == "throughput":
        return rate(row.requests - row.failures, row.seconds)
    if what.kind is Kind.SHARE:
        failed = quantity == "error_rate"
        return proportion(row.failures if failed else row.requests - row.failures, row.requests)
    return _time(row, statistic)


def half_bucket(ms: float) -> float:
    """By how much a value that Locust bucketed to `ms` can be off.

    >>> half_bucket(42), half_bucket(350), half_bucket(1000), half_bucket(12_000)
    (0.5, 5.0, 50.0, 500.0)
    """
    limits = ((100, 0.5), (1000, 5.0), (10_000, 50.0))
    return next((half for limit, half in limits if ms < limit), 500.0)


def _time(row: Row, statistic: str) -> Estimate | NotMeasured:
    q = quantile_of(statistic)
    if q is not None and q in row.percentiles:
        return _quantile(row, q)
    match statistic:
        case "mean":
            return _mean(row)
        case "min" | "max":
            value = row.min_ms if statistic == "min" else row.max_ms
            return Estimate(value, value, value, row.requests, f"Locust's {statistic}", "ms")
        case "count":
            return Estimate(row.requests, row.requests, row.requests, row.requests, "Locust's count")
        case _:
            return NotMeasured(f"Locust's table has no {statistic}", applicable=False)


def _quantile(row: Row, q: float) -> Estimate:
    n = row.requests
    value = row.percentiles[q]
    low_rank, high_rank = order_statistic_ranks(n, q)
    low = high = None
    if low_rank is not None:
        low = max((v - half_bucket(v) for rank, v in _ranked(row) if rank <= low_rank), default=row.min_ms)
        low = min(max(low, row.min_ms), value)
    if high_rank is not None:
        high = min((v + half_bucket(v) for rank, v in _ranked(row) if rank >= high_rank), default=row.max_ms)
        high = max(min(high, row.max_ms), value)
    unbounded = low is None or high is None
    warnings: tuple[str, ...] = ("percentile rounded to two digits",)
    if unbounded:
        warnings += (f"n too small: {n} < {minimum_n(q)}",)
    method = f"{METHOD}; interval from the neighbouring listed percentiles"
    return Estimate(value, low, high, n, method, "ms", warnings)


def _ranked(row: Row) -> Iterator[tuple[int, float]]:
    """Rank and value of each listed percentile."""
    for p, value in row.percentiles.items():
        yield min(int(row.requests * p) + 1, row.requests), value


def _mean(row: Row) -> Estimate:
    """Locust's mean is exact; the table bounds the variance, and so the interval, from above.

    Between two listed percentiles all requests could lie at whichever end is farther from the
    mean: no arrangement with these percentiles has a larger variance.
    """
    method = "Locust's mean; interval from the largest variance that its percentiles allow"
    n = row.requests
    if n < 2:
        return Estimate(row.mean_ms, None, None, n, method, "ms", (f"n too small: {n} < 2",))
    edges = [(1 / n, row.min_ms)]
    edges += sorted((rank / n, value) for rank, value in _ranked(row))
    edges += [(1.0, row.max_ms)]
    variance = edges[0][0] * (row.min_ms - row.mean_ms) ** 2
    for (p, left), (q, right) in itertools.pairwise(edges):
        far = max(abs(left - half_bucket(left) - row.mean_ms), abs(right + half_bucket(right) - row.mean_ms))
        variance += max(q - p, 0.0) * far**2
    half = _Z * math.sqrt(variance / (n - 1))
    return Estimate(row.mean_ms, max(row.mean_ms - half, 0.0), row.mean_ms + half, n, method, "ms")


def _row(record: "pd.Series[Any]") -> Row:
    def number(column: str) -> float:
        try:
            value = float(record[column])
        except (TypeError, ValueError):
            return 0.0
        return value if math.isfinite(value) else 0.0

    def text(column: str) -> str:
        return record[column] if isinstance(record[column], str) else ""

    return Row(
        method=text("Type"),
        name=text("Name"),
        requests=int(number("Request Count")),
        failures=int(number("Failure Count")),
        mean_ms=number("Average Response Time"),
        min_ms=number("Min Response Time"),
        max_ms=number("Max Response Time"),
        per_s=number("Requests/s"),
        percentiles={
            round(float(match[1]) / 100, 12): number(column)
            for column in record.index
            if (match := _PERCENTILE.fullmatch(str(column)))
        },
    )
