"""What a run tells of itself while it lasts: feedback for its shape, from the rows taken in."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gevent
import pyarrow as pa

from harness.analysis import HeldDataset, step_dataset
from harness.engine import now_us
from harness.monitoring import LiveRows, StepTally
from harness.runs import HeldTables, Manifest, PhaseRecord, Run, RunSource
from harness.schedule import Phase, PhaseKind, PhaseTracker, StepOutcome
from harness.verdicts import judge_criteria, judge_load, load_rules, parse_rule, response_time_limits

T = TypeVar("T")

#: A worker that has not reported for so long is not waited for; they report every 3 s.
_SILENT_US = 10_000_000


class LiveRun:
    """The live side of one run: the rows it holds, and what they say. Implements `Feedback`."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        tracker: PhaseTracker,
        trouble: Callable[[int], str] | None = None,
    ) -> None:
        """`trouble` says what a load generator had since a moment (µs)."""
        self._folder = folder
        self._trouble = trouble
        self._manifest = manifest
        self._tracker = tracker
        self.rules = [parse_rule(name, text) for name, text in manifest.scenario.criteria.items()]
        self._load_rules = load_rules(manifest.scenario.load_criteria, manifest.scenario.criteria)
        self.limits_ms = response_time_limits(self.rules)
        self._rows = LiveRows(
            with_spans=any(rule.quantity == "component_time" for rule in (*self.rules, *self._load_rules))
        )
        self._tally: StepTally | None = None
        self._reported_us: dict[int, int] = {}

    def take(
        self, worker: int, requests: list[pa.RecordBatch], spans: list[pa.RecordBatch], at_us: int
    ) -> None:
        """What one worker reported: all its requests that had ended by `at_us`."""
        self._reported_us[worker] = at_us
        self._rows.take(requests, spans)
        tally = self._step()
        if tally is not None:
            for batch in requests:
                tally.take(batch)

    def step(self, settle_s: float) -> StepOutcome | None:
        """See `Feedback`. Asked from a greenlet, which waits while a thread computes."""
        tally = self._step()
        if tally is None:
            return None
        phase, at_us = tally.phase, now_us()
        start_us = phase.start_us + round(settle_s * 1e6)
        requests, errors, causes = tally.since(settle_s)
        record = PhaseRecord(
            name=phase.name,
            kind="hold",
            users=phase.users,
            start_us=max(start_us, self._rows.whole_since_us or start_us),
            end_us=max(self.reported_us(at_us), start_us + 1),
        )
        tables = self._rows.tables()
        times, found, load = in_thread(lambda: self._judged(tables, record)) if requests else (None, {}, {})
        return StepOutcome(
            phase=phase.name,
            users=phase.users,
            seconds=max(at_us - start_us, 0) / 1e6,
            requests=requests,
            errors=errors,
            errors_by_cause=causes,
            mean_ms=times[0] if times else None,
            p95_ms=times[1] if times else None,
            criteria=found or {rule.name: "NO DATA" for rule in self.rules},
            load_criteria=load or {rule.name: "NO DATA" for rule in self._load_rules},
            generator_trouble="" if self._trouble is None else self._trouble(start_us),
        )

    def reported_us(self, at_us: int) -> int:
        """Until when all workers have reported what ended, but for those that report no more."""
        awaited = (reported for reported in self._reported_us.values() if reported > at_us - _SILENT_US)
        return min(awaited, default=at_us)

    @property
    def phase(self) -> Phase | None:
        """The phase that lasts now."""
        return self._tracker.current

    @property
    def whole_since_us(self) -> int | None:
        """Since when all requests that ended are held; None where none was let go."""
        return self._rows.whole_since_us

    def tables(self) -> HeldTables:
        """The rows that are held now."""
        return self._rows.tables()

    def _step(self) -> StepTally | None:
        """The counts of the hold phase that lasts now."""
        phase = self.phase
        if phase is None or phase.kind is not PhaseKind.HOLD:
            return None
        if self._tally is None or self._tally.phase != phase:
            self._tally = StepTally(phase)
        return self._tally

    def _judged(
        self, tables: HeldTables, step: PhaseRecord
    ) -> tuple[tuple[float, float] | None, dict[str, str], dict[str, str]]:
        dataset: HeldDataset = step_dataset(self.run_of(tables), step, self.limits_ms)
        found = {each.name: str(each.verdict) for each in judge_criteria(self.rules, dataset)}
        load = {name: str(verdict) for name, verdict in judge_load(self._load_rules, dataset).items()}
        return dataset.mean_and_p95_ms(), found, load

    def run_of(self, tables: HeldTables, manifest: Manifest | None = None) -> Run:
        """The rows that are held, as a run to be read."""
        return Run(self._folder, RunSource.FOLDER, manifest or self._manifest, _tables=tables)


class CurrentFeedback:
    """`environment.feedback`: that of the run that lasts, None between runs. Implements `Feedback`."""

    def __init__(self, current: Callable[[], LiveRun | None]) -> None:
        self._current = current

    def step(self, settle_s: float) -> StepOutcome | None:
        """See `Feedback`."""
        run = self._current()
        return None if run is None else run.step(settle_s)


def in_thread(work: Callable[[], T]) -> T:
    """Do work of some milliseconds in a thread of gevent's pool, so that the event loop goes on."""
    done: list[T] = []
    error = gevent.get_hub().threadpool.apply(_error_of, (lambda: done.append(work()),))
    if error is not None:
        raise error
    return done[0]


def _error_of(work: Callable[[], None]) -> Exception | None:
    """An exception as a value: one that a thread of gevent's pool raises is printed with its trace."""
    try:
        work()
    except Exception as error:
        return error
    return None
