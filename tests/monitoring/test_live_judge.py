"""Which rules a window can decide, what is told, and when a run is to end."""

import pytest

from harness.monitoring import LiveJudge, LivePhase, on_a_window
from harness.stats import Estimate
from harness.verdicts import Criterion, CriterionVerdict, Rule, parse_rule

FAIL, PASS, WARN, NO_DATA = Criterion.FAIL, Criterion.PASS, Criterion.WARN, Criterion.NO_DATA

LOW, HIGHEST = LivePhase("10-users", is_highest=False), LivePhase("50-users", is_highest=True)
YOUNG = LivePhase("50-users", is_highest=True, fills_window=False)


@pytest.mark.parametrize(
    ("text", "phase", "decides"),
    [
        pytest.param("p95(response_time) < 1 s", LOW, True, id="a quantile at any load"),
        pytest.param("error_rate < 1 %", LOW, True, id="a share at any load"),
        pytest.param("mean(cost) < 0.1 usd", LOW, True, id="a mean per case"),
        pytest.param("throughput > 50 rps", LOW, False, id="a rate at a lower step"),
        pytest.param("throughput > 50 rps", HIGHEST, True, id="a rate at the most users"),
        pytest.param("throughput > 50 rps", YOUNG, False, id="a rate in a step that has just begun"),
        pytest.param("error_rate < 1 %", YOUNG, True, id="a share in a step that has just begun"),
        pytest.param("goodput > 50 rps", LOW, False, id="goodput is a rate"),
        pytest.param("p95(response_time){phase=highest} < 1 s", LOW, False, id="highest, before it"),
        pytest.param("p95(response_time){phase=highest} < 1 s", HIGHEST, True, id="highest, in it"),
        pytest.param("error_rate{phase=10-users} < 1 %", LOW, True, id="a phase by its name"),
        pytest.param("error_rate{phase=50-users} < 1 %", LOW, False, id="another phase by its name"),
        pytest.param("count(response_time) > 1000", HIGHEST, False, id="a count adds up"),
        pytest.param("max(response_time) < 5 s", LOW, True, id="the largest, beyond its limit for good"),
        pytest.param("min(response_time) < 5 s", LOW, False, id="the smallest may still come"),
        pytest.param("max(response_time) > 5 s", LOW, False, id="the largest may still come"),
    ],
)
def test_a_window_decides(text: str, phase: LivePhase, decides: bool) -> None:
    found = on_a_window(parse_rule("r", text), phase)
    assert isinstance(found, Rule) is decides, found


def test_a_rate_is_measured_in_the_highest_phase_alone() -> None:
    found = on_a_window(parse_rule("r", "throughput > 50 rps"), HIGHEST)
    assert isinstance(found, Rule)
    assert found.selection.phase == HIGHEST.name


def _verdict(verdict: Criterion, name: str = "slow", value: float = 1240.0) -> CriterionVerdict:
    estimate = Estimate(value, value - 60, value + 60, 400, "p95", "ms")
    reason = f"p95 {value:.0f} ms [{value - 60:.0f}, {value + 60:.0f}] > critical 1000 ms: {verdict}"
    rule = "p95(response_time) < 500 ms, critical < 1000 ms"
    return CriterionVerdict(name, rule, "p95", verdict, estimate, "< 500 ms", "< 1000 ms", reason, "")


def _after(*verdicts: Criterion) -> tuple[LiveJudge, list[str]]:
    """A judge after these evaluations, one every 3 s from second 41 on, and all it told."""
    judge = LiveJudge([parse_rule("slow", "p95(response_time) < 500 ms, critical < 1000 ms")])
    told: list[str] = []
    for index, verdict in enumerate(verdicts):
        told += judge.take([_verdict(verdict)], 41.0 + 3 * index, 30.0)
    return judge, told


def test_a_rule_that_turns_critical_is_told_once_with_its_figures() -> None:
    _, told = _after(PASS, FAIL, FAIL, FAIL)
    assert told == [
        "00:44 criterion slow: p95 1240 ms [1180, 1300] > critical 1000 ms in the last 30 s",
    ]


def test_a_rule_that_recovers_is_told_once() -> None:
    _, told = _after(FAIL, NO_DATA, FAIL, WARN, PASS)
    assert [line[:40] for line in told] == [
        "00:41 criterion slow: p95 1240 ms [1180,",
        "00:50 criterion slow: no longer critical",
    ]


@pytest.mark.parametrize(
    ("verdicts", "ends"),
    [
        pytest.param((FAIL,), False, id="once is not enough"),
        pytest.param((FAIL, FAIL), True, id="twice in a row"),
        pytest.param((FAIL, WARN, FAIL), False, id="not in a row"),
        pytest.param((FAIL, NO_DATA, FAIL), False, id="no evidence in between"),
        pytest.param((WARN, WARN, WARN), False, id="never critical"),
    ],
)
def test_when_a_run_ends(verdicts: tuple[Criterion, ...], ends: bool) -> None:
    judge, _ = _after(*verdicts)
    assert (judge.now.critical is not None) is ends


def test_since_when_a_status_lasts() -> None:
    judge, _ = _after(PASS, FAIL, FAIL)
    (rule,) = judge.now.rules
    assert (rule.status, rule.since_s, rule.in_a_row, judge.now.at_s) == (FAIL, 44.0, 2, 47.0)
