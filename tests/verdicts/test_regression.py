"""Regression verdicts of runs whose change is known: each row says what was done to the candidate."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from harness.analysis import RunSeries, Share
from harness.errors import ExitCode, UserError
from harness.verdicts import MetricChange, Regression, RegressionWord, judge_regression
from tests.support.compared_runs import CARDIOLOGY, MEAN, P95, PARTS, TRIAGE, rules, run, values, without

W = RegressionWord


def compared(factors: Mapping[str, float] | None = None, runs: int = 5, **options: Any) -> Regression:
    bases = [run(number) for number in range(runs)]
    candidates = [run(50 + number, factors) for number in range(runs)]
    return judge_regression(bases, candidates, rules(), **options)


def row(found: Regression, name: str) -> MetricChange:
    return next(row for row in found.rows if row.name == name)


@pytest.mark.parametrize(
    ("factors", "word", "blocked"),
    [
        pytest.param({}, W.OK, set(), id="unchanged"),
        pytest.param(
            {"triage": 1.6, "decode": 1.2}, W.BLOCK, {P95, MEAN, TRIAGE}, id="a stage 60 % slower: +20 %"
        ),
        pytest.param({"specialist": 1.3}, W.BLOCK, {CARDIOLOGY}, id="one specialist alone"),
        pytest.param({"triage": 0.3, "synthesis": 0.6}, W.IMPROVED, set(), id="faster"),
        pytest.param(
            {"triage": 1.075, "synthesis": 1.075},
            W.INVESTIGATE,
            set(),
            id="all of it 7.5 % slower: to be looked into",
        ),
        pytest.param({"triage": 1.02, "synthesis": 1.02}, W.OK, set(), id="2 % slower"),
    ],
)
def test_the_word_follows_from_what_was_changed(
    factors: dict[str, float], word: W, blocked: set[str]
) -> None:
    found = compared(factors, runs=12)
    assert found.word is word, found.headline
    assert blocked <= {row.name for row in found.of(W.BLOCK)}
    if word is W.OK:
        assert not found.of(W.BLOCK, W.INVESTIGATE, W.MISSING)


def test_a_specialist_alone_blocks_on_its_own_row_and_the_case_tells_its_own_size() -> None:
    found = compared({"specialist": 1.3}, runs=12)
    assert "specialist-cardiology time +" in found.headline.partition(";")[0]
    assert row(found, P95).verdict is W.OK
    change = row(found, CARDIOLOGY).change
    assert change is not None
    assert change.value is not None
    assert change.low is not None
    assert change.low > 10
    assert change.value == pytest.approx(30, abs=4)


@pytest.mark.parametrize(
    ("factors", "component", "cause", "says"),
    [
        pytest.param(
            {"triage": 1.6, "decode": 1.22},
            "triage",
            "is slower",
            "+20 % is triage decode time; is slower: calls, tokens and debates per case are as before",
            id="a slower stage, by the provider's decode time",
        ),
        pytest.param(
            {"synthesis": 1.4},
            "synthesis",
            "is slower",
            "+26 % is synthesis time, not the provider's",
            id="a slower stage, by none of the provider's times",
        ),
        pytest.param(
            {"synthesis": 1.4, "decode": 1.28, "tokens": 1.3},
            "synthesis",
            "does more",
            "does more: output tokens +3",
            id="more tokens explain it",
        ),
        pytest.param(
            {"synthesis": 1.6, "decode": 1.4, "tokens": 1.1},
            "synthesis",
            "does more and is slower",
            "does more and is slower: output tokens +1",
            id="more tokens explain a part of it",
        ),
    ],
)
def test_attribution(factors: dict[str, float], component: str, cause: str, says: str) -> None:
    attribution = row(compared(factors), MEAN).attribution
    assert attribution is not None
    assert (attribution.component, attribution.cause) == (component, cause)
    assert says in attribution.text
    # Shares are of the base (300 ms), and add up to the change of the whole.
    stage = {"triage": 100, "synthesis": 195}[component]
    expected = 100 * stage * (factors[component] - 1) / 300
    assert sum(attribution.share_percent.values()) == pytest.approx(expected, abs=0.1)


def test_one_run_a_side_leaves_a_change_of_15_percent_open() -> None:
    """4 % between runs, known from nothing: 15 % is within what two runs of one service may differ by."""
    found = compared({"triage": 1.15, "synthesis": 1.15}, runs=1)
    assert row(found, MEAN).verdict is W.INCONCLUSIVE
    assert "needed" in row(found, MEAN).text
    assert found.word is W.INCONCLUSIVE
    assert (found.exit_code(), found.exit_code(strict=True)) == (ExitCode.OK, ExitCode.REGRESSION)


@pytest.mark.parametrize(
    ("word", "code", "strict"),
    [
        (W.BLOCK, ExitCode.REGRESSION, ExitCode.REGRESSION),
        (W.NOT_COMPARABLE, ExitCode.REGRESSION, ExitCode.REGRESSION),
        (W.INVALID, ExitCode.INVALID, ExitCode.INVALID),
        (W.INVESTIGATE, ExitCode.OK, ExitCode.REGRESSION),
        (W.INCONCLUSIVE, ExitCode.OK, ExitCode.REGRESSION),
        (W.OK, ExitCode.OK, ExitCode.OK),
        (W.IMPROVED, ExitCode.OK, ExitCode.OK),
        (W.NO_BASELINE, ExitCode.OK, ExitCode.OK),
    ],
)
def test_exit_codes(word: W, code: ExitCode, strict: ExitCode) -> None:
    found = Regression(word, "", (), (), ())
    assert (found.exit_code(), found.exit_code(strict=True)) == (code, strict)


def test_different_fingerprints_are_not_compared_and_each_part_is_named() -> None:
    other = {**PARTS, "provider": "simulated reference x3", "machine": "Linux x86_64, 8 CPUs"}
    found = judge_regression([run(1)], [run(2, fingerprint_parts=other)], rules())
    assert found.word is W.NOT_COMPARABLE
    assert not found.rows
    assert "provider (simulated reference against simulated reference x3)" in found.headline
    assert "machine (Linux x86_64, 2 CPUs against Linux x86_64, 8 CPUs)" in found.headline
    assert "--ignore-fingerprint provider --ignore-fingerprint machine" in found.headline


def test_parts_that_are_ignored_are_told() -> None:
    other = {**PARTS, "provider": "simulated reference x3"}
    found = judge_regression([run(1)], [run(2, fingerprint_parts=other)], rules(), ignored_parts=["provider"])
    assert found.rows
    assert found.ignored == ("provider",)


def test_runs_of_one_side_have_to_be_alike_too() -> None:
    other = {**PARTS, "machine": "Linux x86_64, 8 CPUs"}
    found = judge_regression([run(1), run(2, fingerprint_parts=other)], [run(3)], rules())
    assert found.word is W.NOT_COMPARABLE


def test_an_unknown_part_of_the_fingerprint_is_a_mistake() -> None:
    with pytest.raises(UserError, match="did you mean 'provider'"):
        compared(ignored_parts=["provder"])


def test_an_invalid_run_decides_nothing() -> None:
    found = compared(invalid={"run-50": "worker CPU: 97 % for 8 s"})
    assert (found.word, list(found.rows)) == (W.INVALID, [])
    assert found.headline == "INVALID: run run-50 decides nothing: worker CPU: 97 % for 8 s"


def test_a_metric_that_is_gone_fails_and_a_new_one_is_listed() -> None:
    base, candidate = run(1), without(run(2), "response_time{category=simple}")
    candidate = replace(candidate, series={**candidate.series, "cost{category=simple}": values(0.002, 9)})
    found = judge_regression([base], [candidate], rules())
    assert found.word is W.BLOCK
    assert row(found, P95).verdict is W.MISSING
    assert row(found, "mean(cost){category=simple}").verdict is W.NEW
    assert found.headline.partition(";")[0].endswith("response time, simple is missing")


@pytest.mark.parametrize(("n", "word"), [(300, W.MISSING), (3, W.OK)], ids=["frequent", "rare"])
def test_a_component_is_missing_only_where_it_should_have_been_seen(n: int, word: W) -> None:
    rare = values(50, 7, n=n)
    base = run(1)
    base = replace(
        base,
        series={
            **base.series,
            "response_time": values(300, 8),
            "component_time{component=specialist-x}": rare,
        },
    )
    candidate = run(2)
    candidate = replace(candidate, series={**candidate.series, "response_time": values(300, 9)})
    found = judge_regression([base], [candidate], rules())
    assert row(found, "mean(component_time){component=specialist-x}").verdict is word


@pytest.mark.parametrize(
    ("failed", "word"),
    [
        pytest.param(0, W.OK, id="none before and after"),
        pytest.param(2, W.OK, id="2 of 600: within the floor of half a point"),
        pytest.param(40, W.BLOCK, id="40 of 600, from none"),
    ],
)
def test_error_rate_from_zero(failed: int, word: W) -> None:
    def with_errors(found: RunSeries, k: int) -> RunSeries:
        return replace(found, series={**found.series, "error_rate": Share(k, 600)})

    found = judge_regression([with_errors(run(1), 0)], [with_errors(run(2), failed)], rules())
    assert row(found, "error_rate").verdict is word


def test_what_a_share_could_hide_is_told_in_points() -> None:
    base, candidate = run(1), run(2)
    series = {"error_rate": Share(0, 60)}
    found = judge_regression(
        [replace(base, series={**base.series, **series})],
        [replace(candidate, series={**candidate.series, **series})],
        rules(),
    )
    text = row(found, "error_rate").text
    assert text.startswith("OK (underpowered: could hide up to ")
    assert text.endswith(" points)")


def test_the_floor_keeps_a_large_change_of_little_time_from_blocking() -> None:
    found = compared({"overhead": 1.15}, runs=5)
    overhead = row(found, "mean(component_time){component=overhead,category=simple}")
    assert overhead.verdict is W.OK
    assert "within the floor of 1" in overhead.reason


def test_more_metrics_ask_for_more_evidence() -> None:
    """Benjamini and Hochberg: a metric's p-value is at least its own, and larger for what stands alone."""
    found = compared({"specialist": 1.3}, runs=12)
    assert all(row.p_value is None or 0 < row.p_value <= 1 for row in found.rows)
    assert row(found, CARDIOLOGY).p_value is not None


def test_the_comparison_is_the_same_every_time() -> None:
    assert compared({"triage": 1.2}).rows == compared({"triage": 1.2}).rows


@pytest.mark.parametrize(
    ("told", "word"),
    [(True, W.OK), (False, W.MISSING)],
    ids=["debates that no longer follow", "debates that are no longer told of"],
)
def test_a_stage_that_is_not_needed_any_more_is_not_missing(told: bool, word: W) -> None:
    debates = {"debate_rate{category=simple}": Share(300, 600)}
    times = {"component_time{component=debate,category=simple}": values(50, 7, n=300)}
    base, candidate = run(1), run(2)
    base = replace(base, series={**base.series, **debates, **times})
    if told:
        none = {"debate_rate{category=simple}": Share(0, 600)}
        candidate = replace(candidate, series={**candidate.series, **none})
    found = judge_regression([base], [candidate], rules())
    assert row(found, "mean(component_time){component=debate,category=simple}").verdict is word


@pytest.mark.parametrize(
    ("base", "candidate", "notes"),
    [
        pytest.param("a.example", "a.example", (), id="the same"),
        pytest.param("a.example", "", (), id="one not known"),
        pytest.param(
            "a.example",
            "this machine",
            ("the service was at different hosts: base a.example, candidate this machine",),
            id="another",
        ),
    ],
)
def test_different_hosts_are_told_and_compared_all_the_same(
    base: str, candidate: str, notes: tuple[str, ...]
) -> None:
    found = judge_regression([run(1, host=base)], [run(2, host=candidate)], rules())
    assert found.notes == notes
    assert found.rows
