"""A whole judgement: from a run folder to the exit code and the sentence that says why."""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Dataset
from harness.errors import ExitCode
from harness.runs import TargetRecord
from harness.verdicts import Judgement, Validity, judge, parse_rule, response_time_limits
from tests.support.recorded_runs import health, one_hold, request, write_run

#: 400 requests of 100 ms within 20 s, on a healthy generator.
REQUESTS = [request(0.05 * index, 100) for index in range(400)]
HEALTH = [health(second + 0.5) for second in range(20)]

PASS = "mean(response_time){category=simple} < 500 ms"
WARN = "mean(response_time){category=simple} < 50 ms, critical < 500 ms"
FAIL = "mean(response_time){category=simple} < 10 ms, critical < 50 ms"
NO_DATA = "mean(response_time){category=complex} < 500 ms"


def judged(folder: Path, *texts: str, strict: bool = False, **changes: Any) -> Judgement:
    parts: dict[str, Any] = {"requests": REQUESTS, "generator": HEALTH, "phases": one_hold(20)} | changes
    run = write_run(folder, **parts)
    rules = [parse_rule(f"rule_{index}", text) for index, text in enumerate(texts, 1)]
    return judge(run, Dataset.from_run(run), rules, strict=strict)


@pytest.mark.parametrize(
    ("texts", "code", "headline"),
    [
        pytest.param([], 0, "NOT JUDGED: no criteria are named", id="no rules"),
        pytest.param([PASS, PASS], 0, "PASS: 2 of 2 criteria met", id="pass"),
        pytest.param(
            [PASS, WARN], 0, "WARN: 1 of 2 criteria met; not clearly within target: rule_2", id="warn"
        ),
        pytest.param(
            [FAIL, PASS, WARN],
            1,
            "FAIL: 1 of 3 criteria met; failed: rule_1; not clearly within target: rule_3",
            id="fail",
        ),
        pytest.param(
            [PASS, NO_DATA],
            1,
            "NO DATA: 1 of 2 criteria met; no data for: rule_2",
            id="no data fails the run",
        ),
        pytest.param(
            [NO_DATA, FAIL], 1, "FAIL: 0 of 2 criteria met; failed: rule_2; no data for: rule_1", id="both"
        ),
    ],
)
def test_exit_code_and_headline(tmp_path: Path, texts: list[str], code: int, headline: str) -> None:
    judgement = judged(tmp_path, *texts)
    assert (int(judgement.exit_code), judgement.headline) == (code, headline)
    assert judgement.validity is Validity.VALID


def test_strict_makes_a_warning_fail(tmp_path: Path) -> None:
    assert judged(tmp_path, WARN, strict=True).exit_code is ExitCode.CRITERIA


@pytest.mark.parametrize("texts", [[PASS], [FAIL], [NO_DATA], []], ids=["pass", "fail", "no data", "none"])
def test_an_invalid_run_never_passes(tmp_path: Path, texts: list[str]) -> None:
    judgement = judged(tmp_path, *texts, samples_missing=1)
    assert judgement.validity is Validity.INVALID
    assert judgement.exit_code is ExitCode.INVALID
    assert judgement.headline.startswith("INVALID: samples: 1 recorded requests never reached the master")


def test_an_interrupted_run_says_so_before_all_else(tmp_path: Path) -> None:
    judgement = judged(tmp_path, FAIL, PASS, interrupted=True, samples_missing=1)
    assert judgement.exit_code is ExitCode.INTERRUPTED
    assert judgement.headline == (
        "INTERRUPTED: figures are of what was measured until then; 1 of 2 criteria met"
    )


def test_without_a_generators_record_criteria_are_judged_and_validity_is_unchecked(tmp_path: Path) -> None:
    judgement = judged(tmp_path, PASS, generator=[])
    assert (judgement.validity, judgement.exit_code) == (Validity.UNCHECKED, ExitCode.OK)


@pytest.mark.parametrize(
    ("target", "suffix"),
    [
        (TargetRecord(provider_mode="simulated", profile="reference"), " · SIMULATED (reference)"),
        (
            TargetRecord(provider_mode="live", models={"a": "m-1", "b": "m-2", "c": "m-1"}),
            " · LIVE (m-1, m-2)",
        ),
        (TargetRecord(), ""),
    ],
)
def test_the_headline_says_simulated_or_live(tmp_path: Path, target: TargetRecord, suffix: str) -> None:
    assert judged(tmp_path, PASS, target=target).headline == f"PASS: 1 of 1 criteria met{suffix}"


def test_goodput_counts_under_the_response_time_targets_of_the_same_scenario(tmp_path: Path) -> None:
    slow = [request(0.05 * index, 100 if index % 4 else 900) for index in range(400)]
    texts = ["mean(response_time){category=simple} < 500 ms", "goodput > 1 req/s"]
    (_, goodput) = judged(tmp_path, *texts, requests=slow).criteria
    assert goodput.measured is not None
    # 300 of 400 are within 500 ms; the last ends within the 20 s
    assert goodput.measured.value == pytest.approx(15.0, abs=0.11)


def test_response_time_limits_are_the_strictest_targets() -> None:
    texts = [
        "p95(response_time){category=simple} < 500 ms, critical < 900 ms",
        "mean(response_time){category=simple} < 0.3 s",
        "p95(response_time) < 2 s",
        "p95(service_time) < 1 ms",
        "count(response_time) > 5",
        "max(response_time){category=simple} < 1 ms",
        "min(response_time) < 1 ms",
        "stdev(response_time) < 1 ms",
        "p95(response_time){phase=highest} < 1 ms",
        "p95(response_time){category=simple, name=/a} < 1 ms",
        "p95(response_time){category=complex, model=large} < 1 ms",
        "error_rate < 1 %",
    ]
    rules = [parse_rule(str(index), text) for index, text in enumerate(texts)]
    assert response_time_limits(rules) == {"simple": 300.0, None: 2000.0}


def test_a_service_that_hangs_from_the_first_second_fails(tmp_path: Path) -> None:
    # All five users wait for an answer since before the measured window.
    hanging = [request(0.1, None) for _ in range(5)]
    rule = "error_rate < 10 %, critical < 50 %"
    judgement = judged(tmp_path, rule, PASS, requests=hanging, warm_up_s=5.0)
    assert judgement.validity is Validity.VALID
    assert [str(criterion.verdict) for criterion in judgement.criteria] == ["FAIL", "NO DATA"]
    assert judgement.exit_code is ExitCode.CRITERIA


def test_requests_that_the_end_of_the_run_cut_short_are_no_errors(tmp_path: Path) -> None:
    cut = [request(18, 1000, outcome="incomplete") for _ in range(50)]
    judgement = judged(tmp_path, "error_rate < 2 %", requests=[*REQUESTS, *cut])
    assert judgement.headline == "PASS: 1 of 1 criteria met"


def test_a_service_that_takes_long_is_not_blamed_for_what_it_was_still_doing(tmp_path: Path) -> None:
    # 8 s is what it takes: 7 s say nothing, 9 s do.
    slow = [request(0.02 * index, 8000) for index in range(300)]
    for pending_ms, verdict in ((7000, "PASS"), (9000, "FAIL")):
        rows = [*slow, *(request(9, pending_ms, outcome="incomplete") for _ in range(50))]
        judgement = judged(tmp_path / verdict, "error_rate < 2 %", requests=rows)
        assert [str(criterion.verdict) for criterion in judgement.criteria] == [verdict]
