"""A rule on the capacity: judged by the load steps of a run, or by what a search found."""

import pytest

from harness.errors import ExitCode
from harness.runs import Manifest, ProbeRecord, ScenarioRecord, SearchRecord
from harness.stats import slo_capacity
from harness.verdicts import (
    CapacityVerdict,
    Criterion,
    Judgement,
    Validity,
    judge_criteria,
    parse_rule,
    searched_capacity,
    with_capacity_rules,
)

RULE = parse_rule("carries", "slo_capacity >= 40, critical >= 20")


class NothingMeasured:
    """A run without figures; a rule on capacity asks for none."""

    def estimate(self, statistic: str, quantity: str, selection: object) -> object:
        raise AssertionError("a capacity is not a figure of requests")


def judgement(capacity: CapacityVerdict | None = None) -> Judgement:
    criteria = judge_criteria([RULE], NothingMeasured())  # type: ignore[arg-type]  # asks nothing
    return Judgement(Validity.VALID, [], criteria, ExitCode.CRITERIA, "", capacity)


def manifest(search: SearchRecord | None = None) -> Manifest:
    return Manifest(run_id="r", scenario=ScenarioRecord(name="s"), search=search)


def record(met: float | None, missed: float | None) -> SearchRecord:
    probe = ProbeRecord(load=1, measured_s=1, meets=True, criteria={})
    return SearchRecord(unit="users", met=met, missed=missed, words="", probes=[probe, probe])


@pytest.mark.parametrize(
    ("met", "missed", "verdict", "code"),
    [
        pytest.param(42.0, 45.0, Criterion.PASS, ExitCode.OK, id="more than enough"),
        pytest.param(40.0, 42.0, Criterion.PASS, ExitCode.OK, id="just enough"),
        pytest.param(38.0, 41.0, Criterion.WARN, ExitCode.OK, id="between what met and what missed"),
        pytest.param(30.0, 32.0, Criterion.WARN, ExitCode.OK, id="above critical only"),
        pytest.param(10.0, 12.0, Criterion.FAIL, ExitCode.CRITERIA, id="too little"),
        pytest.param(None, 1.0, Criterion.FAIL, ExitCode.CRITERIA, id="no load met"),
        pytest.param(50.0, None, Criterion.PASS, ExitCode.OK, id="none missed, and that is enough"),
        pytest.param(30.0, None, Criterion.NO_DATA, ExitCode.CRITERIA, id="none missed, but too low"),
        pytest.param(None, None, Criterion.NO_DATA, ExitCode.CRITERIA, id="none tried"),
    ],
)
def test_by_a_search(met: float | None, missed: float | None, verdict: Criterion, code: ExitCode) -> None:
    judged = with_capacity_rules(judgement(), [RULE], manifest(record(met, missed)))
    assert (judged.criteria[0].verdict, judged.exit_code) == (verdict, code)
    assert judged.capacity is not None
    assert (judged.capacity.slo.value, judged.capacity.slo.high) == (met, missed)


def test_by_the_steps_of_a_run() -> None:
    found = CapacityVerdict(slo_capacity([(20, True), (50, True), (80, False)]), None, ())
    judged = with_capacity_rules(judgement(found), [RULE], manifest())
    assert judged.criteria[0].verdict is Criterion.PASS
    assert judged.headline.startswith("PASS: 1 of 1 criteria met")


def test_without_any_load_step_there_is_no_data() -> None:
    judged = with_capacity_rules(judgement(), [RULE], manifest())
    assert judged.criteria[0].verdict is Criterion.NO_DATA
    assert "no load was tried" in judged.criteria[0].reason


def test_the_search_wins_over_levels_that_were_tried_twice() -> None:
    by_steps = CapacityVerdict(slo_capacity([(20, True), (30, False), (30, True), (40, True)]), None, ())
    judged = with_capacity_rules(judgement(by_steps), [RULE], manifest(record(40.0, 42.0)))
    assert judged.capacity is not None
    assert judged.capacity.slo == searched_capacity(record(40.0, 42.0))
