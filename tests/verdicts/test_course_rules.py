"""Rules on drift and on recovery. Oracle: what a drift's test, or a recovery's interval, says of a level."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis import DriftFigure, Recovery, Summary, summarise
from harness.errors import ExitCode
from harness.runs import Run, RunSource
from harness.stats import Estimate
from harness.verdicts import Criterion, Judgement, Validity, judge_criteria, parse_rule, with_course_rules
from tests.support.recorded_runs import one_hold, request, write_run


class NothingMeasured:
    """A run without figures; these rules ask for none."""

    def estimate(self, statistic: str, quantity: str, selection: object) -> object:
        raise AssertionError("neither is a figure of some requests")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path, [request(1.0)], phases=one_hold(10))


def judged(run: Run, text: str, **found: object) -> Judgement:
    rule = parse_rule("rule", text)
    criteria = judge_criteria([rule], NothingMeasured())  # type: ignore[arg-type]  # asks nothing
    judgement = Judgement(Validity.VALID, [], criteria, ExitCode.CRITERIA, "", None)
    summary: Summary = replace(summarise(run), **found)  # type: ignore[arg-type]  # of the summary's fields
    return with_course_rules(judgement, [rule], summary, run.manifest)


def memory(change: tuple[float, float, float] | None, verdict: str, of: str = "target") -> DriftFigure:
    estimate = None if change is None else Estimate(*change, 900, "slope", "%")
    reason = "told 2 times, 10 are needed" if estimate is None else ""
    p_value = None if estimate is None else 0.5 if verdict == "steady" else 1e-6
    return DriftFigure("memory", of, "20-users", 5400.0, None, estimate, p_value, verdict, reason)


GROWS, STEADY, NOISY = (21.0, 8.0, 34.0), (0.5, -2.0, 3.0), (2.0, -10.0, 14.0)
ABOVE_BY_CHANCE = (12.0, -5.0, 29.0)
RULE = "memory_drift < 10 %"


@pytest.mark.parametrize(
    ("rule", "figures", "verdict", "words"),
    [
        pytest.param(
            RULE,
            [memory(GROWS, "grows")],
            Criterion.FAIL,
            "drift of memory of target 21 % [8, 34] over 90 min, grows (p 1e-06), target < 10 %: FAIL",
            id="a leak, though its interval straddles the target",
        ),
        pytest.param(
            f"{RULE}, critical < 30 %",
            [memory(GROWS, "grows")],
            Criterion.WARN,
            "critical < 30 %",
            id="between",
        ),
        pytest.param("memory_drift < 25 %", [memory(GROWS, "grows")], Criterion.PASS, "grows", id="allowed"),
        pytest.param(
            RULE,
            [memory(STEADY, "steady")],
            Criterion.PASS,
            "drift of memory of target 0.5 % [-2, 3] over 90 min, steady (p 0.5), target < 10 %: PASS",
            id="steady",
        ),
        pytest.param(
            RULE,
            [memory(NOISY, "steady")],
            Criterion.PASS,
            "steady (p 0.5), could hide up to 14 %",
            id="noisy",
        ),
        pytest.param(
            RULE, [memory(ABOVE_BY_CHANCE, "steady")], Criterion.WARN, "could hide up to 29 %", id="by chance"
        ),
        pytest.param(
            RULE, [memory((-30.0, -40.0, -20.0), "falls")], Criterion.PASS, "falls", id="the other way"
        ),
        pytest.param(
            RULE, [memory(None, "too little data")], Criterion.NO_DATA, "told 2 times", id="too little data"
        ),
        pytest.param(
            RULE,
            [memory(STEADY, "steady"), memory(GROWS, "grows", "model")],
            Criterion.FAIL,
            "drift of memory of model",
            id="the worst of all services",
        ),
        pytest.param(
            "memory_drift{service=target} < 10 %",
            [memory(STEADY, "steady"), memory(GROWS, "grows", "model")],
            Criterion.PASS,
            "of target",
            id="one service",
        ),
        pytest.param(
            "memory_drift{service=other} < 10 %",
            [memory(STEADY, "steady")],
            Criterion.NO_DATA,
            "target were tested only",
            id="an unknown service",
        ),
        pytest.param(
            "error_rate_drift < 1 point",
            [memory(STEADY, "steady")],
            Criterion.NO_DATA,
            "nothing was told of it",
            id="not tested",
        ),
        pytest.param(RULE, [], Criterion.NO_DATA, "no hold was long enough to test", id="no long hold"),
    ],
)
def test_drift(run: Run, rule: str, figures: list[DriftFigure], verdict: Criterion, words: str) -> None:
    found = judged(run, rule, drifts=tuple(figures))
    (criterion,) = found.criteria
    assert criterion.verdict is verdict
    assert words in criterion.reason
    assert bool(criterion.remedy) is (verdict is not Criterion.PASS and words != "nothing was told of it")
    passes = verdict in (Criterion.PASS, Criterion.WARN)
    assert found.exit_code is (ExitCode.OK if passes else ExitCode.CRITERIA)


def recovery(value: float | None, low: float, high: float | None) -> Recovery:
    time = Estimate(value, low, high, 1000, "first window", "s")
    return Recovery("10-users", "100-users", "10-users-2", 120.0, 25.0, 625.0, time, "")


@pytest.mark.parametrize(
    ("rule", "found", "verdict", "words"),
    [
        pytest.param(
            "recovery_time < 30 s",
            recovery(12.5, 8, 17),
            Criterion.PASS,
            "recovery time 12.5 s [8, 17] < target 30 s: PASS",
            id="in time",
        ),
        pytest.param(
            "recovery_time < 0.25 min", recovery(12.5, 8, 17), Criterion.WARN, "straddles", id="perhaps"
        ),
        pytest.param("recovery_time < 5 s", recovery(12.5, 8, 17), Criterion.FAIL, "> target 5 s", id="late"),
        pytest.param(
            "recovery_time < 30 s, critical < 60 s",
            recovery(None, 118, None),
            Criterion.FAIL,
            "recovery time: not back within 120 s, target < 30 s, critical < 60 s: FAIL",
            id="not back",
        ),
        pytest.param(
            "recovery_time < 100 s",
            recovery(110, 90, None),
            Criterion.WARN,
            "110 s, and perhaps not back within 120 s",
            id="hardly back",
        ),
        pytest.param(
            "recovery_time < 300 s",
            recovery(None, 118, None),
            Criterion.NO_DATA,
            "300 s are asked",
            id="too short",
        ),
        pytest.param(
            "recovery_time < 30 s",
            replace(recovery(1, 1, 1), time=None, reason="too few requests"),
            Criterion.NO_DATA,
            "too few requests",
            id="cannot be told",
        ),
        pytest.param("recovery_time < 30 s", None, Criterion.NO_DATA, "no peak", id="no peak"),
    ],
)
def test_recovery(run: Run, rule: str, found: Recovery | None, verdict: Criterion, words: str) -> None:
    (criterion,) = judged(run, rule, recovery=found).criteria
    assert criterion.verdict is verdict
    assert words in criterion.reason


def test_stock_csvs_cannot_tell(run: Run) -> None:
    (criterion,) = judged(run, RULE, source=str(RunSource.LOCUST_CSV)).criteria
    assert criterion.verdict is Criterion.NOT_APPLICABLE
