"""The load generator's side of each measured hold phase: its health, its schedule, its arrivals.

What validity is judged on, as plain arrays. Phases here are the pieces of the measured window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._table import NO_TIME, moments
from harness.stats import in_flight_at

if TYPE_CHECKING:
    from harness.analysis._dataset import RequestDataset

#: A stamp and the count that goes with it are not made at one instant: this many µs may lie between.
EDGE_US = 100


@dataclass(slots=True, frozen=True)
class WorkerPhase:
    """One worker's rows of the generator table in one phase, in the order of time.

    `columns` has the numbers of every other column, NaN where null. A row tells of the time since
    the row before.
    """

    index: int
    phase: str
    worker: int
    at_us: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]

    def known(self, column: str) -> "WorkerPhase":
        """The rows in which a column is not null."""
        keep = ~np.isnan(self.columns[column])
        kept = {name: values[keep] for name, values in self.columns.items()}
        return WorkerPhase(self.index, self.phase, self.worker, self.at_us[keep], kept)

    def total(self, column: str) -> float:
        return float(np.nansum(self.columns[column]))

    def mean(self, column: str) -> float | None:
        values = self.columns[column]
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else None

    @property
    def busy_percent(self) -> NDArray[np.float64]:
        """How busy the event loop was; the CPU of its process where that was not recorded."""
        busy = self.columns["loop_busy_percent"]
        return np.where(np.isnan(busy), self.columns["cpu_percent"], busy)


@dataclass(slots=True, frozen=True)
class Arrivals:
    """The arrivals of one phase between the first and the last look at each worker.

    `started` are the requests that the log holds of them; `rate_per_s` is that of those due.
    `complete` is False where a worker was seen for less than most of the time of the others.
    """

    phase: str
    due: int
    dropped: int
    late: int
    started: int
    rate_per_s: float
    seconds: float
    complete: bool


@dataclass(slots=True, frozen=True)
class InFlight:
    """Requests in flight, summed over the moments at which workers counted theirs.

    `counted` by the workers; by the request log `fewest`, where what lies on the edge of a moment
    or has no end was not in flight, and `most`, where it was. `requests` estimates how many
    different ones were counted: one that lasts for ten moments is counted ten times.
    """

    counted: int
    fewest: int
    most: int
    requests: float

    def __add__(self, other: "InFlight") -> "InFlight":
        return InFlight(
            self.counted + other.counted,
            self.fewest + other.fewest,
            self.most + other.most,
            self.requests + other.requests,
        )


def worker_phases(data: "RequestDataset") -> list[WorkerPhase]:
    """The generator table cut into measured phases and workers, phase by phase."""
    table = data.generator
    if not len(table):
        return []
    at, worker = moments(table["at"]), table["worker"].to_numpy()
    piece = data.measured.locate(at)
    numbers = {
        str(name): table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in table.columns
        if name not in ("at", "worker")
    }
    found = []
    for index, measured in enumerate(data.measured.pieces):
        for number in np.unique(worker[piece == index]):
            rows = np.flatnonzero((piece == index) & (worker == number))
            rows = rows[np.argsort(at[rows], kind="stable")]
            columns = {name: values[rows] for name, values in numbers.items()}
            found.append(WorkerPhase(index, measured.phase, int(number), at[rows], columns))
    return found


def schedule_delays_ms(data: "RequestDataset") -> Iterator[tuple[str, NDArray[np.float64], float]]:
    """Per phase: sent - intended of the requests of an open loop, and the median response time in ms.

    In a closed loop a request is meant to leave when it does, so that it has no delay at all; the median,
    which nothing is then measured by, is 0.
    """
    for index, piece in enumerate(data.measured.pieces):
        rows = data.in_pieces((index,))
        at, sent = rows.frame.values("at_us"), rows.frame.values("sent_us")
        known = rows.inside & (at != NO_TIME) & (sent != NO_TIME)
        if known.any():
            late = sent[known] - at[known]
            late_ms = late[late > 0] / 1000
            times = rows.values("response_ms") if len(late_ms) else late_ms
            yield piece.phase, late_ms, float(np.median(times)) if len(times) else 0.0


def arrivals_by_phase(data: "RequestDataset") -> list[Arrivals]:
    """The arrivals of every phase in which a worker had a schedule of arrivals."""
    found = []
    phases = [each.known("arrivals_due") for each in worker_phases(data)]
    for index, piece in enumerate(data.measured.pieces):
        # The first row tells of time that begins outside of what is looked at.
        looks = [each for each in phases if each.index == index and len(each.at_us) > 1]
        if not looks:
            continue
        spans = [float(each.at_us[-1] - each.at_us[0]) / 1e6 for each in looks]
        due = [int(each.columns["arrivals_due"][1:].sum()) for each in looks]
        found.append(
            Arrivals(
                phase=piece.phase,
                due=sum(due),
                dropped=sum(int(np.nansum(each.columns["dropped"][1:])) for each in looks),
                late=sum(int(np.nansum(each.columns["late"][1:])) for each in looks),
                started=sum(_started(data, each) for each in looks),
                rate_per_s=sum(n / span for n, span in zip(due, spans, strict=True)),
                seconds=max(spans),
                complete=min(spans) >= 0.9 * max(spans),
            )
        )
    return found


def in_flight_by_phase(data: "RequestDataset") -> dict[str, InFlight]:
    """What the workers counted in flight in each phase, and what their rows imply."""
    phases = [known for each in worker_phases(data) if len((known := each.known("in_flight")).at_us)]
    sums = {each.phase: InFlight(0, 0, 0, 0.0) for each in phases}
    owner = data.samples.values("worker")
    for worker in sorted({each.worker for each in phases}):
        own = data.samples.where(owner == worker)
        sent, done = own.values("sent_us"), own.values("done_us")
        for each in (each for each in phases if each.worker == worker):
            near = (sent != NO_TIME) & (sent <= each.at_us[-1] + EDGE_US)
            near &= (done == NO_TIME) | (done >= each.at_us[0] - EDGE_US)
            counted = int(each.total("in_flight"))
            sums[each.phase] += compare_in_flight(counted, sent[near], done[near], each.at_us)
    return sums


def _started(data: "RequestDataset", look: WorkerPhase) -> int:
    at, sent = data.samples.values("at_us"), data.samples.values("sent_us")
    inside = (at > look.at_us[0]) & (at <= look.at_us[-1]) & (sent > at)
    return int((inside & (data.samples.values("worker") == look.worker)).sum())


def compare_in_flight(
    counted: int, sent: NDArray[np.int64], done: NDArray[np.int64], at_us: NDArray[np.int64]
) -> InFlight:
    """What was counted at some moments, in order, beside what sent and done (or NO_TIME) imply."""
    ended = done != NO_TIME
    begin, end = sent[ended] + EDGE_US, done[ended] - EDGE_US
    fewest = int(in_flight_at(begin, np.maximum(begin, end), at_us).sum())
    most = int(in_flight_at(sent - EDGE_US, done[ended] + EDGE_US, at_us).sum())
    last = np.where(ended, done, np.iinfo(np.int64).max)
    seen = int((np.searchsorted(at_us, sent) < np.searchsorted(at_us, last)).sum())
    return InFlight(counted, fewest, most, counted * seen / max(most, seen) if seen else float(counted))
