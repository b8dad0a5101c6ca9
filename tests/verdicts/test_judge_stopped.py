"""A run that a critical criterion ended: it has failed, whatever its figures say of the run as a whole."""

from pathlib import Path

import pytest

from harness.analysis import Dataset
from harness.errors import ExitCode
from harness.runs import StopRecord
from harness.verdicts import Criterion, Judgement, judge, parse_rule
from tests.support.recorded_runs import health, one_hold, request, write_run

PASSES = "mean(response_time) < 500 ms, critical < 1000 ms"
FIGURE = "mean 1240 ms [1180, 1300] > critical 1000 ms in the last 30 s"
STOP = StopRecord(criterion="slow", at_s=41.2, window_s=30, value=1240, low=1180, high=1300, reason=FIGURE)


def _judged(folder: Path, stop: StopRecord | None, *, interrupted: bool = False) -> Judgement:
    run = write_run(
        folder,
        requests=[request(0.05 * index, 100) for index in range(400)],
        generator=[health(second + 0.5) for second in range(20)],
        phases=one_hold(20),
        stopped_by=stop,
        interrupted=interrupted,
    )
    rules = [parse_rule("slow", PASSES), parse_rule("errors", "error_rate < 1 %")]
    return judge(run, Dataset.from_run(run), rules)


def test_without_the_stop_the_same_run_passes(tmp_path: Path) -> None:
    assert _judged(tmp_path, None).exit_code is ExitCode.OK


def test_the_rule_that_ended_the_run_has_failed(tmp_path: Path) -> None:
    judgement = _judged(tmp_path, STOP)
    assert judgement.exit_code is ExitCode.CRITERIA
    assert judgement.headline == (
        f"FAIL: the run was ended after 41 s by slow: {FIGURE}; 1 of 2 criteria met"
    )
    slow, errors = judgement.criteria
    assert (slow.verdict, errors.verdict) == (Criterion.FAIL, Criterion.PASS)
    assert slow.reason.endswith(f"; it ended the run after 41 s: {FIGURE}: FAIL")
    assert slow.measured is not None
    assert slow.measured.value == pytest.approx(100), "what the run as a whole gives stays what it is"


def test_a_rule_that_is_no_longer_in_the_file_fails_the_run_all_the_same(tmp_path: Path) -> None:
    renamed = STOP.model_copy(update={"criterion": "renamed"})
    assert _judged(tmp_path, renamed).exit_code is ExitCode.CRITERIA


def test_a_run_interrupted_while_it_ended_is_interrupted(tmp_path: Path) -> None:
    assert _judged(tmp_path, STOP, interrupted=True).exit_code is ExitCode.INTERRUPTED
