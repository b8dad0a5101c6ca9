"""Hours of a run in a minute: the real parts of workers and master, fed by a clock that runs ahead.

    python tests/support/accelerated_hours.py --folder runs --hours 3 --per-s 30

Real are the recorders of two workers, and of the master: intake, run folder, live rows and their
criteria, the watch over the generators, the counts for Prometheus and Locust's own tables. Not real
are the requests (made up, with a response time that wanders), the network between the processes and
the time: every report of three seconds is made and taken in at once, and every row is stamped with the
moment that it would have had. It prints a JSON document: rows, and the process's resident bytes after
every quarter of an hour.
"""

import argparse
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from locust.env import Environment

from harness.engine import (
    Answer,
    Ending,
    Recorder,
    Request,
    Response,
    RunTicket,
    Shipment,
    Span,
    StatsFeed,
)
from harness.monitoring import GeneratorWatch, LoadCounts, RecentWindow
from harness.plugin._csv import KEPT_S, forget_old_seconds
from harness.plugin._intake import Intake
from harness.plugin._live import LiveRun
from harness.plugin._live_criteria import LiveCriteria
from harness.runs import Cause, Manifest, Outcome, PhaseRecord, RunFolder, ScenarioRecord
from harness.schedule import PhaseTracker

START_US = 1_795_501_980_000_000
SECOND_US = 1_000_000
REPORT_S = 3
QUARTER_S = 900
WORKERS = 2
USERS = 20
RULES = {"p95": "p95(response_time) < 500 ms, critical < 1000 ms", "errors": "error_rate < 2 %"}


def moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds")


class Master:
    """What a master keeps of one run."""

    def __init__(self, folder: Path) -> None:
        scenario = ScenarioRecord(name="hours", criteria=RULES, warm_up_s=5.0)
        manifest = Manifest(
            run_id="20261124T063300Z-hours-000001",
            scenario=scenario,
            pid=os.getpid(),
            started_at=moment(START_US),
        )
        self.folder = RunFolder.create(folder, manifest)
        self.tracker = PhaseTracker()
        self.tracker.ramp(USERS, START_US)
        self.tracker.hold(USERS, START_US + SECOND_US)
        self.live = LiveRun(self.folder.path, manifest, self.tracker)
        self.watch = GeneratorWatch(manifest)
        self.recent = RecentWindow()
        self.counts = LoadCounts()
        self.intake = Intake(
            "t", self.folder, self.tracker, self.recent, self.watch, self.live.take, [self.counts]
        )
        self.criteria = LiveCriteria(self.live, lambda: self.manifest(self._at_us), lambda: USERS)
        self.tables = Environment()
        self.feed = StatsFeed(self.tables)
        self._at_us = START_US

    def manifest(self, at_us: int) -> Manifest:
        phases = [
            PhaseRecord(
                name=p.name, kind=p.kind.value, users=p.users, start_us=p.start_us, end_us=p.end_us or at_us
            )
            for p in self.tracker.phases(at_us)
        ]
        workers = [worker.record() for worker in self.intake.workers.values()]
        return self.folder.manifest.model_copy(update={"phases": phases, "workers": workers})

    def take(self, index: int, shipment: Shipment, at_us: int) -> None:
        self._at_us = at_us
        self.intake.expect(str(index), index)
        self.intake.take(str(index), {name: getattr(shipment, name) for name in shipment.__slots__}, at_us)

    def look(self, at_us: int) -> None:
        """What happens beside the intake while a run lasts."""
        self.criteria.evaluate(at_us)
        self.watch.news(START_US, self.recent.median_ms(at_us), self.intake.samples_missing)
        self.recent.figures(at_us, (at_us - START_US) / 1e6)
        self.counts.now()
        self.feed.flush()
        forget_old_seconds(self.tables.stats, at_us // SECOND_US - KEPT_S)

    def seal(self, at_us: int) -> None:
        for worker in self.intake.workers:
            self.intake.finish(worker, self.intake.workers[worker].received.end)
        self.tracker.end(at_us)
        self.folder.seal(
            self.manifest(at_us).model_copy(
                update={"ended_at": moment(at_us), "stop_reason": "the run time is over"}
            )
        )


def second_of_work(
    recorder: Recorder, feed: StatsFeed, second: int, per_s: int, times: "Iterator[float]", worker: int
) -> None:
    """The requests that one worker begins in a second of the run, and its own health in it."""
    at_us, in_flight = START_US + (second + 1) * SECOND_US, 0
    for number in range(per_s):
        sent_us = START_US + second * SECOND_US + number * SECOND_US // per_s
        took_ms = next(times)
        done_us = sent_us + int(1000 * took_ms)
        name, failed = f"/cases/{number % 10}", number == 0 and second % 20 == 0
        ending = Ending(Outcome.SERVER_ERROR, Cause.SERVICE, "HTTP 500") if failed else Ending(Outcome.OK)
        recorder.record(
            Request(
                "POST",
                name,
                "CaseUser",
                ("simple", "complex")[number % 2],
                f"{second}-{number}",
                sent_us,
                sent_us,
            ),
            Response(
                ending, done_us, 500 if failed else 200, 400, [Span("total", took_ms)], Answer(llm_calls=2)
            ),
        )
        feed.note("POST", name, took_ms, 400, done_us, recorder.text_of(ending))
        in_flight += done_us > at_us
    recorder.record_generator(
        (at_us, 20.0, 1.0, 50, 0, in_flight, USERS // WORKERS, 0.5, 0, 0, 0, 0, 25.0, 30.0)
    )


def response_times(seed: int) -> Iterator[float]:
    """Milliseconds about 100, whose level wanders."""
    rng, level = np.random.default_rng(seed), 0.0
    while True:
        level = 0.9 * level + rng.normal(0, 0.03)
        yield from (100 * rng.lognormal(level, 0.3, 2000)).tolist()


def run(folder: Path, hours: float, per_s: int) -> dict[str, Any]:
    master, process = Master(folder), psutil.Process()
    recorders = [Recorder() for _ in range(WORKERS)]
    times = [response_times(seed) for seed in range(WORKERS)]
    for worker, recorder in enumerate(recorders):
        recorder.begin(RunTicket("t", worker=worker))
    resident = []
    seconds = int(hours * 3600)
    for second in range(seconds):
        for worker, recorder in enumerate(recorders):
            second_of_work(recorder, master.feed, second, per_s // WORKERS, times[worker], worker)
        at_us = START_US + (second + 1) * SECOND_US
        if second % REPORT_S == REPORT_S - 1:
            for worker, recorder in enumerate(recorders):
                master.take(worker, recorder.ship(), at_us)
        if second % 60 == 59:
            master.look(at_us)
        if second % QUARTER_S == QUARTER_S - 1:
            resident.append(process.memory_info().rss)
    master.seal(START_US + seconds * SECOND_US)
    return {"run": str(master.folder.path), "rows": master.folder.rows("requests"), "resident": resident}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--per-s", type=int, default=30)
    options = parser.parse_args()
    print(json.dumps(run(options.folder, options.hours, options.per_s)))
