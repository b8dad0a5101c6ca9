"""One run, from the first user to the sealed folder: what the coordinator keeps per test."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import gevent
from locust.env import Environment

from harness.engine import Access, now_us
from harness.monitoring import GeneratorWatch, ProgressPrinter, RecentWindow, Snapshot
from harness.plugin._csv import RunCsvWriter
from harness.plugin._intake import Intake, RowCounter
from harness.plugin._live import LiveRun
from harness.plugin._live_criteria import LiveCriteria
from harness.plugin._provenance import (
    command_line,
    fingerprint,
    fingerprint_parts,
    git_commit,
    host_record,
    versions,
)
from harness.plugin._quota import counts_tasks
from harness.plugin._resources import ResourcePoller
from harness.plugin._settings import Settings
from harness.plugin._target import host_of
from harness.runs import Manifest, PhaseRecord, RunFolder, SearchRecord, StopRecord, TargetRecord, new_run_id
from harness.schedule import PhaseKind, PhaseTracker

#: What a load step is given to settle before the generator is warned of, where no scenario says.
SETTLE_S = 2.0


class ActiveRun:
    """The folder, the phases, the intake and the live progress of one test.

    `planned_s` is the length of the whole run where it is known, in seconds; `most_users` tells the
    most users that its plan has. `counts` counts its rows for Prometheus.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        target: TargetRecord,
        mode: str,
        access: Access,
        most_users: Callable[[], int | None] = lambda: None,
        counts: Sequence[RowCounter] = (),
    ) -> None:
        self.token = secrets.token_hex(8)
        self.cannot_write = False
        self.stopped_by: StopRecord | None = None
        self.counted = counts_tasks(environment)
        self.traced = bool(getattr(environment.parsed_options, "trace", False))
        self.tracker = PhaseTracker()
        self.recent = RecentWindow()
        self._environment = environment
        self._started = time.monotonic()
        manifest = _new_manifest(environment, settings, target, mode)
        self.folder = RunFolder.create(settings.runs_dir, manifest)
        self._watch = GeneratorWatch(manifest)
        self.live = LiveRun(self.folder.path, manifest, self.tracker, self._trouble)
        self.intake = Intake(
            self.token, self.folder, self.tracker, self.recent, self._watch, self.live.take, counts
        )
        self.criteria = LiveCriteria(self.live, self._manifest, most_users)
        self.resources = ResourcePoller(settings.metrics_urls, self.folder, host_of(environment), access)
        self.csv = RunCsvWriter(environment, self.folder.path)

    @property
    def warnings(self) -> Sequence[str]:
        """What was told of the load generators and of lost samples so far."""
        return self._watch.told

    @property
    def users(self) -> int:
        """Users that exist now."""
        runner = self._environment.runner
        return runner.user_count if runner else 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def note_progress(self) -> None:
        """Keep phases and workers in the manifest, so that a crashed run can be read."""
        self.folder.update(self._manifest())

    def snapshot(self, planned_s: float | None) -> Snapshot:
        """The run as it is now, for the terminal."""
        phase = self.tracker.current
        rate, p95_ms = self.recent.figures(now_us(), self.elapsed_s)
        return Snapshot(
            phase=phase.name if phase else "starting",
            users=self.users,
            requests_per_s=rate,
            p95_ms=p95_ms,
            errors=self.recent.errors,
            requests=self.recent.requests,
            elapsed_s=self.elapsed_s,
            left_s=None if planned_s is None else max(planned_s - self.elapsed_s, 0),
        )

    def show_progress(self, printer: ProgressPrinter, planned_s: Callable[[], float | None]) -> None:
        """Show a line a second until killed; every fifth second the manifest is brought up to date."""
        for second in range(1, 1_000_000_000):
            gevent.sleep(1)
            printer.show(self.snapshot(planned_s()))
            for line in self._news():
                printer.warn(line)
            if second % 5 == 0:
                with contextlib.suppress(OSError):  # the rows meet a full disk too, and end the run
                    self.note_progress()

    def _news(self) -> list[str]:
        """What is wrong with the generator now, and was not told before."""
        phase, at_us = self.tracker.current, now_us()
        since_us = None
        if phase is not None and phase.kind is PhaseKind.HOLD:
            scenario = self.folder.manifest.scenario
            settle_s = SETTLE_S if scenario.settle_s is None else scenario.settle_s
            warm_us = self.tracker.phases(at_us)[0].start_us + round(scenario.warm_up_s * 1e6)
            # A look tells of the second before it.
            since_us = max(phase.start_us + round(settle_s * 1e6), warm_us) + 1_000_000
        return self._watch.news(since_us, self.recent.median_ms(at_us), self.intake.samples_missing)

    def _trouble(self, since_us: int) -> str:
        """What makes a hold that is measured since a moment INVALID, as far as is known now."""
        return self._watch.trouble(since_us, self.recent.median_ms(now_us()))

    def seal(self, stop_reason: str, *, interrupted: bool) -> None:
        """Close the phases and the CSVs, and turn the streams into Parquet off the event loop."""
        self.tracker.end(now_us())
        self.csv.finish()
        manifest = self._manifest().model_copy(
            update={"ended_at": _iso_now(), "stop_reason": stop_reason, "interrupted": interrupted}
        )
        error = gevent.get_hub().threadpool.apply(_outcome_of, (self.folder.seal, manifest))
        if error is not None:
            raise error

    def _manifest(self) -> Manifest:
        return self.folder.manifest.model_copy(
            update={
                "phases": [
                    PhaseRecord(
                        name=phase.name,
                        kind=phase.kind.value,
                        users=phase.users,
                        start_us=phase.start_us,
                        end_us=phase.end_us or phase.start_us,
                        arrivals_per_s=phase.arrivals_per_s,
                    )
                    for phase in self.tracker.phases(now_us())
                ],
                "stopped_by": self.stopped_by,
                "workers": [worker.record() for worker in self.intake.workers.values()],
                "search": self._search(),
                "samples_missing": self.intake.samples_missing,
            }
        )

    def _search(self) -> SearchRecord | None:
        """What the shape has found, where it searches for a load."""
        found = getattr(self._environment.shape_class, "search_record", None)
        return None if found is None else SearchRecord.model_validate(found)


def _new_manifest(environment: Environment, settings: Settings, target: TargetRecord, mode: str) -> Manifest:
    """What is known of a run when it begins."""
    parts = fingerprint_parts(environment, settings.scenario, target)
    return Manifest.model_validate(
        {
            "run_id": new_run_id(settings.scenario.name),
            "pid": os.getpid(),
            "scenario": settings.scenario,
            "command": command_line(),
            "mode": mode,
            "started_at": _iso_now(),
            "versions": versions(),
            "git_commit": git_commit(),
            "host": host_record(),
            "target": target,
            "seed": settings.seed,
            "fingerprint": fingerprint(parts),
            "fingerprint_parts": parts,
        }
    )


def _outcome_of(seal: Callable[[Manifest], None], manifest: Manifest) -> Exception | None:
    """An exception as a value: one that a thread of gevent's pool raises is printed with its trace."""
    try:
        seal(manifest)
    except Exception as error:
        return error
    return None


def _iso_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
