"""What the web UI shows of a whole run while it lasts, counted as rows come in, in constant memory.

Times are counted in buckets, never averaged: a quantile is read from summed buckets, within 0.3 % in
tables and within 1 % in the chart. Exact figures over the last rows are made in `_web_recent`.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.runs import NOT_ERRORS, Outcome

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: So many categories and components have figures of their own; later ones are `other` together.
MOST_CATEGORIES = 8
MOST_COMPONENTS = 20
OTHER = "other"
UNCATEGORISED = "uncategorised"

#: The chart has at most so many points; they get twice as wide when there are more.
MOST_CELLS = 240
FIRST_CELL_US = 2_000_000

#: So many seconds of a load generator are looked back on.
LOOK_BACK = 10

_NOT_ERRORS = pa.array([outcome.value for outcome in NOT_ERRORS])


@dataclass(slots=True, frozen=True)
class Scale:
    """Buckets that grow by a factor, from `least_ms` on; the last one holds whatever is longer."""

    least_ms: float
    growth: float
    buckets: int

    def numbers(self, times_ms: Floats) -> Ints:
        """The bucket of each time."""
        ratio = np.maximum(times_ms, self.least_ms) / self.least_ms
        found: Ints = (np.log(ratio) / math.log(self.growth)).astype(np.int64)
        return np.minimum(found, self.buckets - 1)

    def quantiles_ms(self, counts: npt.NDArray[Any], q: float) -> list[float | None]:
        """The quantile of every row of counts: the middle of the bucket in which it lies, so within half
        a bucket; 0 for the first bucket, None where nothing was counted.

        >>> scale = Scale(1.0, 1.02, 100)
        >>> counts = np.bincount(scale.numbers(np.arange(1.0, 5.0, 0.04)), minlength=100)
        >>> [round(ms) for ms in scale.quantiles_ms(counts[np.newaxis], 0.5)]
        [3]
        """
        added_up = np.cumsum(counts, axis=1, dtype=np.int64)
        rows = added_up[:, -1] if len(added_up) else np.zeros(0)
        bucket = (added_up < np.ceil(q * rows)[:, np.newaxis]).sum(axis=1)
        found = np.where(bucket > 0, self.least_ms * self.growth ** (bucket + 0.5), 0.0)
        return [float(ms) if n else None for ms, n in zip(found, rows, strict=True)]


#: Up to two hours within 0.3 %, and up to 16 minutes within 1 %.
FINE = Scale(0.01, 1.005, 4096)
COARSE = Scale(0.01, 1.02, 930)


class Words:
    """Numbers for words in the order in which they came; what comes late is `other`."""

    def __init__(self, at_most: int, null: str = UNCATEGORISED) -> None:
        self._at_most = at_most
        self._null = null
        self._known: dict[str, int] = {}

    @property
    def known(self) -> tuple[str, ...]:
        """The words by their number."""
        return tuple(self._known)

    def numbers(self, column: pa.Array) -> Ints:
        """The number of each row's word."""
        encoded = column.dictionary_encode(null_encoding="encode")
        own = [self._number(self._null if word is None else word) for word in encoded.dictionary.to_pylist()]
        found: Ints = np.array(own, dtype=np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]
        return found

    def _number(self, word: str) -> int:
        if word not in self._known and len(self._known) >= self._at_most:
            word = OTHER
        return self._known.setdefault(word, len(self._known))


@dataclass(slots=True, frozen=True)
class SoFar:
    """Times of one category or component since the run began. Quantiles are within 0.3 %."""

    name: str
    n: int
    errors: int
    mean_ms: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(slots=True, frozen=True)
class Series:
    """A value per cell of the chart, None where there is none."""

    name: str
    values: list[float | None]


@dataclass(slots=True, frozen=True)
class ChartNow:
    """Cells of `cell_s` seconds since the run began; p95 within 1 %, None where nothing ended."""

    cell_s: float
    p95_ms: tuple[Series, ...]
    requests_per_s: list[float]
    errors_per_s: list[float]


@dataclass(slots=True, frozen=True)
class WorkerLook:
    """One load generator over its last seconds; shares in percent, None where not told."""

    worker: int
    busy_percent: float | None
    late_percent: float | None
    worst_lag_ms: float
    worst_delay_ms: float
    late_arrivals: int
    dropped: int
    in_flight: int
    users: int


class Tally:
    """Times by word: bucket counts, sums and errors."""

    def __init__(self, at_most: int) -> None:
        self.words = Words(at_most)
        self._counts: Ints = np.zeros((at_most + 1, FINE.buckets), dtype=np.int64)
        self._sums_ms: Floats = np.zeros(at_most + 1)
        self._errors: Ints = np.zeros(at_most + 1, dtype=np.int64)

    def take(self, number: Ints, times_ms: Floats, failed: npt.NDArray[np.bool_] | None = None) -> None:
        """Add rows whose words have these numbers."""
        rows = len(self._sums_ms)
        np.add.at(self._counts.reshape(-1), number * FINE.buckets + FINE.numbers(times_ms), 1)
        self._sums_ms += np.bincount(number, weights=times_ms, minlength=rows)
        if failed is not None:
            self._errors += np.bincount(number[failed], minlength=rows)

    def now(self) -> Callable[[], list[SoFar]]:
        """What makes the figures, in the order in which the words came, from copies."""
        names = self.words.known
        counts = self._counts[: len(names)].copy()
        sums_ms, errors = self._sums_ms.tolist(), self._errors.tolist()

        def figures() -> list[SoFar]:
            p50, p95, p99 = (FINE.quantiles_ms(counts, q) for q in (0.5, 0.95, 0.99))
            rows = counts.sum(axis=1).tolist()
            return [
                SoFar(name, n, errors[i], sums_ms[i] / max(n, 1), p50[i], p95[i], p99[i])
                for i, (name, n) in enumerate(zip(names, rows, strict=True))
            ]

        return figures


class Timeline:
    """Requests by when they ended, in cells that get wider as the run gets longer."""

    def __init__(self, origin_us: int) -> None:
        self._origin_us = origin_us
        self.cell_us = FIRST_CELL_US
        self._times = np.zeros((MOST_CATEGORIES + 1, MOST_CELLS, COARSE.buckets), dtype=np.uint32)
        self._requests: Ints = np.zeros(MOST_CELLS, dtype=np.int64)
        self._errors: Ints = np.zeros(MOST_CELLS, dtype=np.int64)

    def take(self, done_us: Ints, number: Ints, times_ms: Floats, failed: npt.NDArray[np.bool_]) -> None:
        """Add requests; one that ended before the beginning, by a clock that is off, counts as of then."""
        if not len(done_us):
            return
        since_us = np.maximum(done_us - self._origin_us, 0)
        while int(since_us.max()) // self.cell_us >= MOST_CELLS:
            self._widen()
        cell = since_us // self.cell_us
        place = (number * MOST_CELLS + cell) * COARSE.buckets + COARSE.numbers(times_ms)
        np.add.at(self._times.reshape(-1), place, 1)
        self._requests += np.bincount(cell, minlength=MOST_CELLS)
        self._errors += np.bincount(cell[failed], minlength=MOST_CELLS)

    def now(self, names: Sequence[str], until_us: int) -> Callable[[], ChartNow]:
        """What makes the chart of the cells that were over at `until_us`, from copies."""
        cells = min(max(until_us - self._origin_us, 0) // self.cell_us, MOST_CELLS)
        cell_s = self.cell_us / 1e6
        times = self._times[: len(names), :cells].copy()
        requests, errors = ((counts[:cells] / cell_s).tolist() for counts in (self._requests, self._errors))

        def chart() -> ChartNow:
            p95_ms = tuple(
                Series(name, COARSE.quantiles_ms(each, 0.95)) for name, each in zip(names, times, strict=True)
            )
            return ChartNow(cell_s, p95_ms, requests, errors)

        return chart

    def _widen(self) -> None:
        self.cell_us *= 2
        self._times = _in_pairs(self._times, axis=1)
        self._requests = _in_pairs(self._requests, axis=0)
        self._errors = _in_pairs(self._errors, axis=0)


@dataclass(slots=True, frozen=True)
class FiguresNow:
    """All that was counted of a run, at one moment."""

    categories: list[SoFar]
    components: list[SoFar]
    chart: ChartNow
    workers: list[WorkerLook]


@dataclass(slots=True)
class RunFigures:
    """Counts of one run, which began at `origin_us`."""

    origin_us: int
    timeline: Timeline = field(init=False)
    _categories: Tally = field(default_factory=lambda: Tally(MOST_CATEGORIES))
    _components: Tally = field(default_factory=lambda: Tally(MOST_COMPONENTS))
    _looks: dict[int, deque[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.origin_us)

    def take_requests(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Rows of the request table; those that were never answered have no time."""
        for batch in batches:
            rows = batch.select(["intended_at", "done_at", "outcome", "category"])
            ended = pc.and_(
                pc.not_equal(rows.column("outcome"), Outcome.INCOMPLETE.value),
                rows.column("done_at").is_valid(),
            )
            if not pc.all(ended).as_py():
                rows = rows.filter(ended)
            if not rows.num_rows:
                continue
            done_us = _microseconds(rows, "done_at")
            times_ms = np.maximum(done_us - _microseconds(rows, "intended_at"), 0) / 1000
            failed = ~pc.is_in(rows.column("outcome"), _NOT_ERRORS).to_numpy(zero_copy_only=False)
            number = self._categories.words.numbers(rows.column("category"))
            self._categories.take(number, times_ms, failed)
            self.timeline.take(done_us, number, times_ms, failed)

    def take_spans(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Rows of the span table."""
        for batch in batches:
            told = batch.filter(batch.column("duration_ms").is_valid())
            if told.num_rows:
                number = self._components.words.numbers(told.column("component"))
                self._components.take(number, told.column("duration_ms").to_numpy(zero_copy_only=False))

    def take_generator(self, rows: pa.RecordBatch) -> None:
        """Rows of the generator table."""
        for row in rows.to_pylist():
            self._looks.setdefault(row["worker"], deque(maxlen=LOOK_BACK)).append(row)

    def now(self, until_us: int) -> Callable[[], FiguresNow]:
        """What makes the figures, in another thread if need be; later rows do not change them.

        The chart has what was over at `until_us`.
        """
        categories, components = self._categories.now(), self._components.now()
        chart = self.timeline.now(self._categories.words.known, until_us)
        workers = [_look(worker, looks) for worker, looks in sorted(self._looks.items())]
        return lambda: FiguresNow(categories(), components(), chart(), workers)


def _look(worker: int, looks: Sequence[dict[str, Any]]) -> WorkerLook:
    def total(column: str) -> int:
        return sum(look[column] or 0 for look in looks)

    def worst(column: str) -> float:
        return max((look[column] or 0.0 for look in looks), default=0.0)

    busy = [
        share
        for look in looks
        if (share := look["cpu_percent"] if look["loop_busy_percent"] is None else look["loop_busy_percent"])
        is not None
    ]
    beats = total("heartbeats")
    return WorkerLook(
        worker=worker,
        busy_percent=sum(busy) / len(busy) if busy else None,
        late_percent=100 * total("heartbeats_late") / beats if beats else None,
        worst_lag_ms=worst("loop_lag_ms"),
        worst_delay_ms=worst("schedule_delay_ms"),
        late_arrivals=total("late"),
        dropped=total("dropped"),
        in_flight=looks[-1]["in_flight"] or 0,
        users=looks[-1]["users"] or 0,
    )


def _in_pairs(cells: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Neighbouring cells added up, and as many empty ones behind them."""
    first = np.take(cells, range(0, MOST_CELLS, 2), axis)
    added_up = first + np.take(cells, range(1, MOST_CELLS, 2), axis)
    return np.concatenate([added_up, np.zeros_like(added_up)], axis)


def _microseconds(batch: pa.RecordBatch, column: str) -> Ints:
    numbers: Ints = batch.column(column).view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers
