"""One evaluation after another, on rows that were made: grace, window, phases. No processes, no clock."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.plugin._live import LiveRun
from harness.plugin._live_criteria import LiveCriteria, most_planned_users, rehearse
from harness.runs import REQUEST_SCHEMA, Manifest, PhaseRecord, ScenarioRecord
from harness.schedule import PhaseTracker, concurrency_steps
from harness.verdicts import Criterion

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US
RULES = {
    "errors": "error_rate < 1 %, critical < 50 %",
    "rate": "throughput > 60 req/s, critical > 50 req/s",
}
NOT_APPLICABLE, PASS, FAIL = Criterion.NOT_APPLICABLE, Criterion.PASS, Criterion.FAIL


class Made:
    """A run with the two holds 0 to 20 s and 20 to 60 s, whose rows are made by the second."""

    def __init__(self, most_users: int | None = 8) -> None:
        self.tracker = PhaseTracker()
        self.tracker.ramp(4, START_US)
        self.tracker.hold(4, START_US)
        scenario = ScenarioRecord(
            name="s", criteria=RULES, warm_up_s=1, settle_s=0, live_window_s=10, live_grace_s=12
        )
        self.manifest = Manifest(run_id="r", scenario=scenario)
        self.live = LiveRun(Path(), self.manifest, self.tracker)
        self.criteria = LiveCriteria(self.live, self._manifest, lambda: most_users)
        self._at_us = START_US

    def _manifest(self) -> Manifest:
        phases = [
            PhaseRecord(
                name=phase.name,
                kind=phase.kind.value,
                users=phase.users,
                start_us=phase.start_us,
                end_us=phase.end_us or phase.start_us,
            )
            for phase in self.tracker.phases(self._at_us)
        ]
        return self.manifest.model_copy(update={"phases": phases})

    def seconds(self, first: int, end: int, *, per_s: int, outcome: str = "ok") -> None:
        for second in range(first, end):
            rows = [self._row(START_US + second * SECOND_US, n, per_s, outcome) for n in range(per_s)]
            batch = pa.RecordBatch.from_pylist(rows, schema=REQUEST_SCHEMA)
            self.live.take(0, [batch], [], START_US + (second + 1) * SECOND_US)

    @staticmethod
    def _row(second_us: int, n: int, per_s: int, outcome: str) -> dict[str, Any]:
        at_us = second_us + n * SECOND_US // per_s
        return {
            "request_id": at_us % (1 << 40),
            "worker": 0,
            "intended_at": at_us,
            "sent_at": at_us,
            "done_at": at_us + 1000,
            "outcome": outcome,
            "cause": None if outcome == "ok" else "service",
        }

    def next_step(self, at_s: int) -> None:
        self.tracker.ramp(8, START_US + at_s * SECOND_US)
        self.tracker.hold(8, START_US + at_s * SECOND_US)

    def evaluate(self, at_s: int) -> tuple[list[str], dict[str, Criterion]]:
        self._at_us = START_US + at_s * SECOND_US
        told = self.criteria.evaluate(self._at_us)
        return told, {rule.name: rule.status for rule in self.criteria.now.rules}


def test_nothing_is_judged_in_the_grace_time() -> None:
    made = Made()
    made.seconds(0, 11, per_s=20, outcome="server_error")
    assert made.evaluate(11) == ([], {})
    made.seconds(11, 13, per_s=20, outcome="server_error")
    told, found = made.evaluate(13)
    assert found["errors"] is FAIL
    assert len(told) == 1
    assert told[0].startswith("00:13 criterion errors: error rate 100 % [")
    assert told[0].endswith("> critical 50 % in the last 10 s")


def test_what_is_older_than_the_window_is_forgotten() -> None:
    made = Made()
    made.seconds(0, 8, per_s=20, outcome="server_error")
    made.seconds(8, 18, per_s=50)
    assert made.evaluate(18)[1]["errors"] is PASS


def test_throughput_waits_for_the_most_users_and_a_whole_window_of_them() -> None:
    """40 requests/s where more than 50 are wanted: true of both steps, to be blamed on the second alone."""
    made = Made()
    made.seconds(0, 20, per_s=40)
    assert made.evaluate(20)[1]["rate"] is NOT_APPLICABLE
    made.next_step(20)
    made.seconds(20, 26, per_s=40)
    assert made.evaluate(26)[1]["rate"] is NOT_APPLICABLE, "half of the window is of the step before"
    made.seconds(26, 31, per_s=40)
    assert made.evaluate(31)[1] == {"errors": PASS, "rate": FAIL}


def test_throughput_is_not_judged_where_the_plan_is_not_known() -> None:
    made = Made(most_users=None)
    made.seconds(0, 20, per_s=40)
    assert made.evaluate(20)[1] == {"errors": PASS, "rate": NOT_APPLICABLE}


def test_a_ramp_is_not_judged() -> None:
    made = Made()
    made.seconds(0, 20, per_s=40, outcome="server_error")
    made.tracker.ramp(8, START_US + 20 * SECOND_US)
    assert made.evaluate(22) == ([], {})


def test_what_ends_the_run_is_told_with_its_figures() -> None:
    made = Made()
    made.seconds(0, 13, per_s=20, outcome="server_error")
    made.evaluate(13)
    assert made.criteria.stop_record() is None, "once is not enough"
    made.seconds(13, 16, per_s=20, outcome="server_error")
    made.evaluate(16)
    stop = made.criteria.stop_record()
    assert stop is not None
    assert (stop.criterion, stop.at_s, stop.window_s) == ("errors", 16.0, 10.0)
    assert (stop.value, stop.n, stop.unit) == (100.0, 200, "%")


class _Stepped:
    def schedule(self) -> Any:
        return concurrency_steps([4, 8, 6], hold_s=10, spawn_rate_per_s=4)


@pytest.mark.parametrize(("shape", "most"), [(_Stepped(), 8), (object(), None)], ids=["a plan", "no plan"])
def test_the_most_users_of_a_plan(shape: object, most: int | None) -> None:
    assert most_planned_users(shape) == most


def test_every_kind_of_rule_can_be_rehearsed() -> None:
    rehearse(
        RULES
        | {
            "slow": "p95(response_time){category=simple, phase=highest} < 1 s",
            "mean": "mean(cost) < 1 usd",
            "good": "goodput > 1 rps",
            "part": "mean(component_time){component=triage} < 1 s",
        }
    )
