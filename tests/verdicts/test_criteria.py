"""Estimates against rules: a table of boundaries, and the words that a verdict comes with."""

from dataclasses import dataclass

import pytest

from harness.analysis import NotMeasured, Selection
from harness.stats import Estimate
from harness.verdicts import CriterionVerdict, judge_criteria, parse_rule

P95 = "p95(response_time){category=simple} < 500 ms, critical < 1000 ms"
P95_TARGET_ONLY = "p95(response_time) < 500 ms"
THROUGHPUT = "throughput > 50 req/s, critical > 20 req/s"


@dataclass
class Fixed:
    """Measurements that hold one figure."""

    found: Estimate | NotMeasured

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        return self.found


def judged(rule: str, found: Estimate | NotMeasured) -> CriterionVerdict:
    (verdict,) = judge_criteria([parse_rule("rule", rule)], Fixed(found))
    return verdict


def ms(value: float, low: float | None, high: float | None, n: int = 400) -> Estimate:
    return Estimate(value, low, high, n, "p95", "ms")


def per_s(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 1000, "rate", "req/s")


@pytest.mark.parametrize(
    ("rule", "found", "verdict"),
    [
        pytest.param(P95, ms(400, 380, 420), "PASS", id="all below the target"),
        pytest.param(P95, ms(490, 480, 499.999), "PASS", id="just below the target"),
        pytest.param(P95, ms(490, 480, 500), "WARN", id="touches the target, which is not below it"),
        pytest.param(P95, ms(500, 500, 500), "WARN", id="on the target"),
        pytest.param(P95, ms(480, 450, 530), "WARN", id="straddles the target, value within"),
        pytest.param(P95, ms(520, 490, 530), "WARN", id="straddles the target, value beyond"),
        pytest.param(P95, ms(812, 774, 861), "WARN", id="between"),
        pytest.param(P95, ms(990, 900, 1000), "WARN", id="up to the critical level"),
        pytest.param(P95, ms(1050, 999.999, 1100), "WARN", id="straddles the critical level"),
        pytest.param(P95, ms(700, 400, 1200), "WARN", id="straddles both"),
        pytest.param(
            P95, ms(1050, 1000, 1100), "FAIL", id="from the critical level on, which is not below it"
        ),
        pytest.param(P95, ms(1200, 1100, 1300), "FAIL", id="all beyond critical"),
        pytest.param(P95_TARGET_ONLY, ms(480, 450, 499), "PASS", id="no critical level: within"),
        pytest.param(P95_TARGET_ONLY, ms(490, 450, 501), "WARN", id="no critical level: straddles"),
        pytest.param(P95_TARGET_ONLY, ms(520, 501, 530), "FAIL", id="no critical level: beyond the target"),
        pytest.param("p95(response_time) <= 500 ms", ms(500, 500, 500), "PASS", id="<= holds on the level"),
        pytest.param(
            "p95(response_time) <= 500 ms", ms(501, 500.1, 502), "FAIL", id="<= fails above the level"
        ),
        pytest.param(THROUGHPUT, per_s(60, 55, 65), "PASS", id="all above the target"),
        pytest.param(THROUGHPUT, per_s(55, 50, 60), "WARN", id="throughput from the target on"),
        pytest.param(THROUGHPUT, per_s(30, 25, 35), "WARN", id="throughput between"),
        pytest.param(THROUGHPUT, per_s(20, 18, 22), "WARN", id="throughput straddles critical"),
        pytest.param(THROUGHPUT, per_s(18, 16, 20), "FAIL", id="throughput up to critical"),
        pytest.param(THROUGHPUT, per_s(10, 5, 15), "FAIL", id="all below critical"),
        pytest.param("throughput >= 50 req/s", per_s(50, 50, 50), "PASS", id=">= holds on the level"),
        pytest.param(P95, ms(400, 380, None, 40), "NO DATA", id="unbounded above"),
        pytest.param(
            P95, ms(2000, 1900, None, 40), "NO DATA", id="unbounded, even if all known of it is bad"
        ),
        pytest.param(P95, Estimate(None, None, None, 0, "p95", "ms"), "NO DATA", id="no value"),
        pytest.param(P95, NotMeasured("no request"), "NO DATA", id="not measured"),
        pytest.param(P95, NotMeasured("CSVs", applicable=False), "NOT APPLICABLE", id="cannot be measured"),
    ],
)
def test_boundaries(rule: str, found: Estimate | NotMeasured, verdict: str) -> None:
    assert judged(rule, found).verdict == verdict


@pytest.mark.parametrize(
    ("rule", "found", "reason"),
    [
        (P95, ms(312, 300, 331), "p95 312 ms [300, 331] < target 500 ms: PASS"),
        (P95, ms(812, 774, 861), "p95 812 ms [774, 861] > target 500 ms, < critical 1000 ms: WARN"),
        (P95, ms(480, 450, 530), "p95 480 ms [450, 530] straddles target 500 ms, < critical 1000 ms: WARN"),
        (
            P95,
            ms(1050, 990, 1100),
            "p95 1050 ms [990, 1100] > target 500 ms, straddles critical 1000 ms: WARN",
        ),
        (P95, ms(1234.5, 1100, 1300), "p95 1234 ms [1100, 1300] > critical 1000 ms: FAIL"),
        (P95, ms(1050, 1000, 1100), "p95 1050 ms [1000, 1100] >= critical 1000 ms: FAIL"),
        (P95, ms(499.5, 480, 499.96), "p95 499.5 ms [480, 499.96] < target 500 ms: PASS"),
        (P95_TARGET_ONLY, ms(520, 501, 530), "p95 520 ms [501, 530] > target 500 ms: FAIL"),
        (
            THROUGHPUT,
            per_s(30, 25, 35),
            "throughput 30 req/s [25, 35] < target 50 req/s, > critical 20 req/s: WARN",
        ),
        (
            P95,
            Estimate(400, 380, None, 40, "p95", "ms", ("n too small: 40 < 72",)),
            "p95 400 ms [380, …], n too small: 40 < 72: NO DATA",
        ),
        (
            P95,
            NotMeasured("no request was sent"),
            "p95 response time (category simple): no request was sent: NO DATA",
        ),
        (
            P95,
            NotMeasured("stock CSVs hold none", applicable=False),
            "p95 response time (category simple): stock CSVs hold none: NOT APPLICABLE",
        ),
    ],
)
def test_reasons(rule: str, found: Estimate | NotMeasured, reason: str) -> None:
    assert judged(rule, found).reason == reason


@pytest.mark.parametrize(
    ("rule", "found", "remedy"),
    [
        pytest.param(P95, ms(312, 300, 331), "", id="nothing to mend"),
        # the interval reaches 50 up, the target is 20 away: (50 / 20)^2 = 6.25 times as many, and 5 % more
        pytest.param(
            P95, ms(480, 450, 530),
            "the interval is too wide to decide: about 2600 samples instead of 400 could", id="more samples",
        ),
        pytest.param(
            P95, ms(499.9, 450, 530), "the interval is too wide to decide: a longer measurement could",
            id="too close to tell",
        ),
        pytest.param(
            P95, ms(400, 380, None, 40),
            "measure longer or with more load: 72 samples are needed, 40 were measured", id="too few samples",
        ),
        # 72 / 50 of 2000 are 2880, and 5 % more
        pytest.param(
            P95, Estimate(400, 380, None, 2000, "p95", "ms", ("effective n too small: 50 < 72",), 50),
            "2000 samples that follow each other are worth 50 independent ones, 72 are needed: measure "
            "longer (about 3000 samples), or load it so that one request delays the next less",
            id="too few independent samples",
        ),
        pytest.param(
            P95, Estimate(400, None, None, 2000, "Locust's rounded percentile", "ms"),
            "this source gives no interval for it: judge a run folder", id="a source without intervals",
        ),
        pytest.param(
            "error_rate < 1 %", Estimate(9, 8, 10, 1000, "share", "%"),
            "see the errors: which outcome, whose cause", id="errors",
        ),
        pytest.param(
            P95, NotMeasured("none"),
            "make the scenario send what the rule is about, or take the rule out of its criteria",
            id="absent",
        ),
    ],
)  # fmt: skip
def test_remedies(rule: str, found: Estimate | NotMeasured, remedy: str) -> None:
    assert judged(rule, found).remedy == remedy


def test_levels_are_given_as_words_in_the_rules_unit() -> None:
    verdict = judged("p95(response_time) < 0.5 s, critical < 1.25 s", ms(1, 1, 1))
    assert (verdict.target, verdict.critical) == ("< 500 ms", "< 1250 ms")
    assert judged("error_rate < 0.5 %", Estimate(0, 0, 0.1, 9, "", "%")).target == "< 0.5 %"
    assert judged(P95_TARGET_ONLY, ms(1, 1, 1)).critical is None


def test_one_verdict_per_rule_in_their_order() -> None:
    rules = [parse_rule(name, P95) for name in ("b", "a", "c")]
    assert [verdict.name for verdict in judge_criteria(rules, Fixed(ms(1, 1, 1)))] == ["b", "a", "c"]
