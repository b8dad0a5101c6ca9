"""The document behind the web UI's tab: the run that lasts, or the last that ended, and those before.

Made when a page asks, at most once a second however many pages look, and in a thread: what the tab
shows must not slow what it measures. Read-only.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from gevent.lock import BoundedSemaphore

from harness.engine import now_us
from harness.monitoring import Snapshot
from harness.plugin._live import in_thread
from harness.plugin._live_criteria import grace_s
from harness.plugin._run import ActiveRun
from harness.plugin._web_document import (
    DOWNLOADS,
    Document,
    criteria_so_far,
    described,
    ended,
    listed,
    recent_json,
    validity_so_far,
    without_the_empty_end,
)
from harness.plugin._web_figures import RunFigures
from harness.plugin._web_levels import chart_levels, levels_of
from harness.plugin._web_recent import recent, rehearse
from harness.runs import Manifest

if TYPE_CHECKING:
    from harness.reports import Judged

#: A document is as good as new for so long.
FRESH_S = 1.0
#: So many runs of the process are listed.
MOST_RUNS = 50

FinishedRuns = Sequence[tuple[Manifest, "Judged"]]


class LiveDocument:
    """Follows the runs of one Locust process. Counts rows as they come in (`RowCounter`)."""

    def __init__(
        self,
        active: Callable[[], ActiveRun | None],
        finished: Callable[[], FinishedRuns],
        planned_s: Callable[[], float | None],
    ) -> None:
        self._active = active
        self._finished = finished
        self._planned_s = planned_s
        self._run_id = ""
        self._figures: RunFigures | None = None
        self._asking = BoundedSemaphore()
        self._made: tuple[float, Document] | None = None
        rehearse()

    def take_requests(self, batches: Sequence[pa.RecordBatch]) -> None:
        """See `RowCounter`."""
        if (figures := self._own()) is not None:
            figures.take_requests(batches)

    def take_spans(self, batches: Sequence[pa.RecordBatch]) -> None:
        """See `RowCounter`."""
        if (figures := self._own()) is not None:
            figures.take_spans(batches)

    def take_generator(self, rows: pa.RecordBatch) -> None:
        """See `RowCounter`."""
        if (figures := self._own()) is not None:
            figures.take_generator(rows)

    def now(self) -> Document:
        """The document, as JSON can hold it. Asked from a greenlet, which waits while a thread computes."""
        with self._asking:
            if self._made is None or time.monotonic() - self._made[0] > FRESH_S:
                self._made = (time.monotonic(), self._make())
            return self._made[1]

    def _own(self) -> RunFigures | None:
        """The counts of the run that lasts; new ones where it has just begun."""
        run = self._active()
        if run is None:
            return None
        run_id = run.folder.manifest.run_id
        if run_id != self._run_id or self._figures is None:
            phases = run.tracker.phases(now_us())
            self._run_id = run_id
            self._figures = RunFigures(phases[0].start_us if phases else now_us())
        return self._figures

    def _make(self) -> Document:
        run, finished = self._active(), self._finished()
        runs = [listed(manifest, judged) for manifest, judged in finished[-MOST_RUNS:]]
        document: Document = {"state": "none", "runs": runs[::-1], "more_runs": len(finished) - len(runs)}
        if run is not None:
            return document | {"state": "running"} | self._of_running(run)
        if finished:
            return document | {"state": "ended"} | self._of_ended(*finished[-1])
        return document

    def _of_running(self, run: ActiveRun) -> Document:
        figures = self._own()
        assert figures is not None, "only called while a run is active"  # noqa: S101
        at_us, manifest, rules = now_us(), run.folder.manifest, run.live.rules
        until_us = run.live.reported_us(at_us)
        since_us = until_us - round(manifest.scenario.live_window_s * 1e6)
        start_us = max(since_us, run.live.whole_since_us or 0, figures.origin_us)
        tables, make = run.live.tables(), figures.now(until_us)
        latest, counted = in_thread(lambda: (recent(tables, start_us, until_us), make()))
        lost = [worker.lost for worker in run.intake.workers.values()]
        return {
            "run": described(manifest) | _moment(run.snapshot(self._planned_s())),
            "validity": validity_so_far(
                run.intake.samples_missing, lost, run.warnings, counted.workers, run.recent.median_ms(at_us)
            ),
            "criteria": criteria_so_far(rules, run.criteria.now, grace_s(manifest.scenario)),
            "recent": recent_json(latest),
            "so_far": [asdict(each) for each in counted.categories],
            "components": [asdict(each) for each in counted.components],
            "chart": asdict(counted.chart) | {"levels": chart_levels(rules)},
        }

    def _of_ended(self, manifest: Manifest, judged: "Judged") -> Document:
        chart = None
        if self._figures is not None and self._run_id == manifest.run_id:
            drawn = asdict(in_thread(self._figures.now(now_us())).chart)
            chart = without_the_empty_end(drawn) | {"levels": levels_of(manifest.scenario.criteria)}
        return ended(manifest, judged) | {"chart": chart}


def _moment(snapshot: Snapshot) -> Document:
    return {
        name: getattr(snapshot, name)
        for name in ("phase", "users", "elapsed_s", "left_s", "requests", "errors")
    }


def run_file(finished: FinishedRuns, run_id: str, name: str) -> Path | None:
    """A file of a run of this process; `latest` is the run that ended last. None for anything else."""
    if name not in DOWNLOADS:
        return None
    wanted = [judged for manifest, judged in finished if run_id in {manifest.run_id, "latest"}]
    if not wanted:
        return None
    path = wanted[-1].report_path.resolve().parent / name
    return path if path.is_file() else None
