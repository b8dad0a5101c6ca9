"""Success criteria: a rule and an estimate in, a verdict with its reason out.

The whole 95 % interval decides. PASS: all of it meets the target. FAIL: none of it meets the critical
level (the target, where a rule has no critical level). WARN: anything between, which includes an
interval that straddles either level. A figure without a bounded interval decides nothing.
"""

import math
from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt

from harness.analysis import QUANTITIES, Kind, Measurements, NotMeasured, needed_samples
from harness.stats import Estimate
from harness.verdicts._model import Criterion, CriterionVerdict
from harness.verdicts._rule import Rule
from harness.verdicts._words import level, with_interval

_HOLDS: dict[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

_TOO_SLOW = (
    "see the components for where the time goes and the load steps for where it begins; "
    "or lower the load, or change the level in harness.toml"
)
_CURES = {
    "throughput": "see the load steps: where it no longer grows with users, the service is saturated",
    "goodput": "see the errors and the response times: a request counts only when it is right and in time",
    "error_rate": "see the errors: which outcome, whose cause",
    "success_rate": "see the errors and the degraded answers: which outcome, whose cause",
    "slo_capacity": "see the capacity for which criterion it is that gives way, and what saturates first",
    "recovery_time": "see the time series after the peak, and what saturates first",
}


def judge_criteria(rules: Iterable[Rule], measurements: Measurements) -> list[CriterionVerdict]:
    """One verdict per rule, in the order of the rules."""
    return [_judge(rule, measurements) for rule in rules]


def compare_with_levels(rule: Rule, low: float, high: float) -> Criterion:
    """PASS, WARN or FAIL of an interval.

    >>> from harness.verdicts import parse_rule
    >>> rule = parse_rule("r", "error_rate < 1 %, critical < 5 %")
    >>> [str(compare_with_levels(rule, *ends)) for ends in ((0.1, 0.9), (0.5, 1.5), (5.0, 9.0))]
    ['PASS', 'WARN', 'FAIL']
    """
    critical = rule.target if rule.critical is None else rule.critical
    if _position(rule, rule.target, low, high) is True:
        return Criterion.PASS
    return Criterion.FAIL if _position(rule, critical, low, high) is False else Criterion.WARN


def _judge(rule: Rule, measurements: Measurements) -> CriterionVerdict:
    if QUANTITIES[rule.quantity].kind is Kind.LOAD:  # of all load steps together, see `with_capacity_rules`
        return judge_estimate(rule, NotMeasured("no load was tried that tells a capacity"))
    if QUANTITIES[rule.quantity].kind is Kind.COURSE:  # of the run over time, see `with_course_rules`
        return judge_estimate(rule, NotMeasured("it is of a whole run, from its requests one by one"))
    return judge_estimate(rule, measurements.estimate(rule.statistic, rule.quantity, rule.selection))


def judge_estimate(rule: Rule, found: Estimate | NotMeasured) -> CriterionVerdict:
    """The verdict of a rule on the figure that it asks for."""
    if isinstance(found, NotMeasured):
        return _unmeasured(rule, found)
    if found.value is None or found.low is None or found.high is None:
        return _undecidable(rule, found)
    verdict = compare_with_levels(rule, found.low, found.high)
    levels = [rule.target] if rule.critical is None else [rule.target, rule.critical]
    relations = _relations(rule, verdict, found.low, found.high)
    reason = f"{rule.label} {with_interval(found, levels)} {relations}: {verdict}"
    return criterion_verdict(rule, verdict, found, reason, _remedy(rule, verdict, found))


def _unmeasured(rule: Rule, found: NotMeasured) -> CriterionVerdict:
    if not found.applicable:
        remedy = "judge a run folder, which holds every request" if rule.selection.category else ""
        reason = f"{rule.title}: {found.reason}: {Criterion.NOT_APPLICABLE}"
        return criterion_verdict(rule, Criterion.NOT_APPLICABLE, None, reason, remedy)
    reason = f"{rule.title}: {found.reason}: {Criterion.NO_DATA}"
    remedy = "make the scenario send what the rule is about, or take the rule out of its criteria"
    return criterion_verdict(rule, Criterion.NO_DATA, None, reason, remedy)


def _undecidable(rule: Rule, found: Estimate) -> CriterionVerdict:
    why = "; ".join(found.warnings) or "no interval"
    if QUANTITIES[rule.quantity].kind is Kind.LOAD:
        reason = f"{rule.title}: {why}: {Criterion.NO_DATA}"
        return criterion_verdict(
            rule, Criterion.NO_DATA, found, reason, "try higher loads, or hold each longer"
        )
    measured = with_interval(found) if found.value is not None else "not measured"
    reason = f"{rule.label} {measured}, {why}: {Criterion.NO_DATA}"
    return criterion_verdict(rule, Criterion.NO_DATA, found, reason, _how_to_bound(rule, found))


def _how_to_bound(rule: Rule, found: Estimate) -> str:
    """What gives a figure the interval that it lacks."""
    needed = needed_samples(rule.statistic)
    if found.n < needed:
        return f"measure longer or with more load: {needed} samples are needed, {found.n} were measured"
    worth = found.n_effective
    if worth is None or worth >= needed:
        return "this source gives no interval for it: judge a run folder"
    enough = math.ceil(float(f"{1.05 * found.n * needed / max(worth, 1):.2g}"))
    return (
        f"{found.n} samples that follow each other are worth {worth} independent ones, {needed} are needed: "
        f"measure longer (about {enough} samples), or load it so that one request delays the next less"
    )


def criterion_verdict(
    rule: Rule, verdict: Criterion, measured: Estimate | None, reason: str, remedy: str
) -> CriterionVerdict:
    """A verdict with the rule's levels in words."""
    critical = None if rule.critical is None else f"{rule.compare} {level(rule.critical, rule.unit)}"
    target = f"{rule.compare} {level(rule.target, rule.unit)}"
    return CriterionVerdict(
        rule.name, rule.text, rule.title, verdict, measured, target, critical, reason, remedy
    )


def _position(rule: Rule, at: float, low: float, high: float) -> bool | None:
    """Whether all of an interval meets a level (True), none of it (False), or a part (None)."""
    holds = _HOLDS[rule.compare]
    meets = (holds(low, at), holds(high, at))
    return None if meets[0] != meets[1] else meets[0]


def _relations(rule: Rule, verdict: Criterion, low: float, high: float) -> str:
    """`> target 500 ms, < critical 1000 ms`: what decided, in the order of the levels."""
    target = _relation(rule, "target", rule.target, low, high)
    if rule.critical is None or verdict is Criterion.PASS:
        return target
    critical = _relation(rule, "critical", rule.critical, low, high)
    return critical if verdict is Criterion.FAIL else f"{target}, {critical}"


def _relation(rule: Rule, word: str, at: float, low: float, high: float) -> str:
    position = _position(rule, at, low, high)
    levelled = f"{word} {level(at, rule.unit)}"
    if position is None:
        return f"straddles {levelled}"
    if position:
        return f"{rule.compare} {levelled}"
    # What does not meet "< 500" is >= 500; it is written so only where an end lies on the level.
    beyond = ">" if rule.lower_is_better else "<"
    return f"{beyond}{'=' if at in (low, high) else ''} {levelled}"


def _remedy(rule: Rule, verdict: Criterion, found: Estimate) -> str:
    if verdict is Criterion.PASS or found.low is None or found.high is None:
        return ""
    if _position(rule, rule.target, found.low, found.high) is None and verdict is Criterion.WARN:
        more = _samples_to_decide(rule, found)
        enough = f"about {more} samples instead of {found.n}" if more else "a longer measurement"
        return f"the interval is too wide to decide: {enough} could"
    return _CURES.get(rule.quantity, _TOO_SLOW if QUANTITIES[rule.quantity].unit == "ms" else "")


def _samples_to_decide(rule: Rule, found: Estimate) -> int | None:
    """The n at which the interval, shrinking with the root of n, would no longer reach the target.

    None where that would be more than a hundred times as many, or where n is not a number of samples.
    """
    value, low, high = found.value, found.low, found.high
    if value is None or low is None or high is None or QUANTITIES[rule.quantity].kind is Kind.RATE:
        return None
    reach = high - value if rule.target > value else value - low
    distance = abs(rule.target - value)
    if distance == 0 or reach / distance > 10:
        return None
    exact = found.n * (reach / distance) ** 2
    return math.ceil(float(f"{exact * 1.05:.2g}"))
