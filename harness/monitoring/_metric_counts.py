"""What is counted for Prometheus as shipments come in. Counters go on from run to run, as Prometheus wants.

Nothing here is exported as a quantile: quantiles of workers, scrapes or runs cannot be added up, buckets can.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.monitoring._metric_series import Column, HistogramCounts, Histograms, Labels, Totals
from harness.runs import Outcome

#: From 5 ms to 120 s, no more than a factor of two apart; the usual limits are among them.
BOUNDS_S = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5),
    *(2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0),
)

#: So many combinations of name, category and outcome have series of their own.
MOST_SERIES = 200
#: So many categories, components, or pairs of category and model.
MOST_VALUES = 50
#: How many seconds of a worker its largest delays are looked for in.
LOOK_BACK = 10

_TOTALS = ("input_tokens", "output_tokens", "llm_calls", "retries", "cost_usd")
_ADDED_UP = ("heartbeats", "heartbeats_late", "arrivals_due", "late", "dropped")


@dataclass(slots=True, frozen=True)
class WorkerFigures:
    """One load generator: `added_up` since it began, the rest over its last seconds.

    `cpu` and the like are shares (1 is one CPU busy, for `machine` all of them); None where unknown.
    """

    at_us: int
    cpu: float | None
    busy: float | None
    machine: float | None
    lag_s: float
    delay_s: float
    in_flight: int
    users: int
    added_up: Mapping[str, int]


@dataclass(slots=True)
class _Worker:
    looks: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOOK_BACK))
    added_up: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_ADDED_UP, 0))


@dataclass(slots=True, frozen=True)
class CountsNow:
    """Everything that was counted, at one moment. `folded`: rows counted as `other`, by metric."""

    response: HistogramCounts
    service: HistogramCounts
    first_token: HistogramCounts
    component: HistogramCounts
    totals: Mapping[str, Mapping[Labels, float]]
    incomplete: int
    folded: Mapping[str, int]
    workers: Mapping[int, WorkerFigures]


class LoadCounts:
    """Takes rows of the run folder's tables as they arrive; memory does not grow with the load."""

    def __init__(self) -> None:
        self._response = Histograms(BOUNDS_S, MOST_SERIES, kept=1)
        self._service = Histograms(BOUNDS_S, MOST_VALUES)
        self._first_token = Histograms(BOUNDS_S, MOST_VALUES)
        self._component = Histograms(BOUNDS_S, MOST_VALUES)
        self._totals = Totals(_TOTALS, MOST_VALUES)
        self._incomplete = 0
        self._workers: dict[int, _Worker] = {}

    def take_requests(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Rows of the request table that are new."""
        for batch in batches:
            self._take_batch(batch)

    def take_spans(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Rows of the span table that are new."""
        for batch in batches:
            times = batch.column("duration_ms")
            known = batch.filter(times.is_valid()) if times.null_count else batch
            times_ms = known.column("duration_ms").to_numpy(zero_copy_only=False)
            self._component.add([Column(known.column("component"))], times_ms / 1000)

    def take_generator(self, rows: pa.RecordBatch) -> None:
        """Rows of the generator table that are new."""
        for row in rows.to_pylist():
            worker = self._workers.setdefault(row["worker"], _Worker())
            worker.looks.append(row)
            for name in _ADDED_UP:
                worker.added_up[name] += row[name] or 0

    def now(self) -> CountsNow:
        """A copy that later rows do not change: it may be read in another thread."""
        folded = {
            "response_time": self._response.folded,
            "service_time": self._service.folded,
            "first_token": self._first_token.folded,
            "component_time": self._component.folded,
        }
        return CountsNow(
            response=self._response.now(),
            service=self._service.now(),
            first_token=self._first_token.now(),
            component=self._component.now(),
            totals=self._totals.now(),
            incomplete=self._incomplete,
            folded=folded,
            workers={index: _figures(worker) for index, worker in self._workers.items()},
        )

    def _take_batch(self, batch: pa.RecordBatch) -> None:
        outcome = batch.column("outcome")
        ended = pc.and_(pc.not_equal(outcome, Outcome.INCOMPLETE.value), batch.column("done_at").is_valid())
        missing = batch.num_rows - (pc.sum(ended).as_py() or 0)
        if missing:
            self._incomplete += missing
            batch = batch.filter(ended)
        done_us = _microseconds(batch, "done_at")
        category = Column(batch.column("category"))
        self._response.add(
            [Column(batch.column("name")), category, Column(batch.column("outcome"))],
            (done_us - _microseconds(batch, "intended_at")) / 1e6,
        )
        self._service.add([category], (done_us - _microseconds(batch, "sent_at")) / 1e6)
        self._totals.add([category], batch)
        first_token = batch.column("first_token_at")
        if first_token.null_count < batch.num_rows:
            told = batch.filter(first_token.is_valid())
            waited_us = _microseconds(told, "first_token_at") - _microseconds(told, "sent_at")
            labels = [Column(told.column("category")), Column(told.column("model"))]
            self._first_token.add(labels, waited_us / 1e6)


def _figures(worker: _Worker) -> WorkerFigures:
    looks, last = worker.looks, worker.looks[-1]
    return WorkerFigures(
        at_us=int(last["at"].timestamp() * 1e6),
        cpu=_mean_share(looks, "cpu_percent"),
        busy=_mean_share(looks, "loop_busy_percent"),
        machine=_mean_share(looks, "machine_cpu_percent"),
        lag_s=_largest_s(looks, "loop_lag_ms"),
        delay_s=_largest_s(looks, "schedule_delay_ms"),
        in_flight=last["in_flight"] or 0,
        users=last["users"] or 0,
        added_up=dict(worker.added_up),
    )


def _mean_share(looks: Sequence[Mapping[str, Any]], column: str) -> float | None:
    known = [look[column] for look in looks if look[column] is not None]
    return sum(known) / len(known) / 100 if known else None


def _largest_s(looks: Sequence[Mapping[str, Any]], column: str) -> float:
    return max((look[column] or 0.0 for look in looks), default=0.0) / 1000


def _microseconds(batch: pa.RecordBatch, column: str) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = (
        batch.column(column).view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    )
    return numbers
