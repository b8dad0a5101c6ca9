"""Rules on how a run went over time: `memory_drift < 10 %`, `recovery_time < 30 s`.

A drift is judged by its own test, as a regression is: where chance explains it, it has not missed its
target; where not, the change itself is compared. Its interval alone would let a leak off with a WARN, and
a noisy steady run not pass.
"""

from collections.abc import Sequence

from harness.analysis import DRIFT_QUANTITIES, QUANTITIES, DriftFigure, Kind, NotMeasured, Recovery, Summary
from harness.runs import Manifest, RunSource
from harness.verdicts._criteria import compare_with_levels, criterion_verdict, judge_estimate
from harness.verdicts._judge import judged_again
from harness.verdicts._model import Criterion, CriterionVerdict, Judgement
from harness.verdicts._rule import Rule
from harness.verdicts._words import level, plain, with_interval

_WORST_FIRST = (Criterion.FAIL, Criterion.NO_DATA, Criterion.WARN, Criterion.PASS)
_MOVES = ("grows", "falls")

_CREEPS = (
    "see the drift and the time series for when it began; a longer hold tells a leak from a cache that fills"
)
_LONGER = "hold one load for five minutes or longer, as the shape soak does"
_TELL = "give the service a metrics_url in harness.toml that tells process_resident_memory_bytes"


def with_course_rules(
    judgement: Judgement, rules: Sequence[Rule], summary: Summary, manifest: Manifest, *, strict: bool = False
) -> Judgement:
    """The judgement with its rules on drift and recovery judged by what the summary found of them."""
    wanted = {rule.name: rule for rule in rules if QUANTITIES[rule.quantity].kind is Kind.COURSE}
    if not wanted:
        return judgement
    criteria = [
        each if (rule := wanted.get(each.name)) is None else _judged(rule, summary)
        for each in judgement.criteria
    ]
    return judged_again(judgement, criteria, manifest, strict=strict)


def _judged(rule: Rule, summary: Summary) -> CriterionVerdict:
    if summary.source == RunSource.LOCUST_CSV:
        no_requests = NotMeasured("stock Locust CSVs hold no single requests", applicable=False)
        return judge_estimate(rule, no_requests)
    if rule.quantity == "recovery_time":
        return _recovery(rule, summary.recovery)
    if not summary.drifts:
        return _no_data(rule, "no hold was long enough to test", _LONGER)
    wanted = rule.selection.category or rule.selection.service
    of_quantity = [each for each in summary.drifts if each.quantity == DRIFT_QUANTITIES[rule.quantity]]
    figures = [each for each in of_quantity if wanted in (None, each.of)]
    if not figures:
        known = ", ".join(each.of for each in of_quantity)
        what = f"{known} were tested only" if known else "nothing was told of it"
        return _no_data(rule, what, _TELL if rule.quantity == "memory_drift" else "")
    return min((_drift(rule, figure) for figure in figures), key=lambda found: _badness(rule, found))


def _no_data(rule: Rule, why: str, remedy: str) -> CriterionVerdict:
    return criterion_verdict(
        rule, Criterion.NO_DATA, None, f"{rule.title}: {why}: {Criterion.NO_DATA}", remedy
    )


def _badness(rule: Rule, found: CriterionVerdict) -> tuple[int, float]:
    """The worst verdict first, and of two alike the larger change for the worse."""
    value = (found.measured.value if found.measured else None) or 0.0
    return _WORST_FIRST.index(found.verdict), -value if rule.lower_is_better else value


def _drift(rule: Rule, figure: DriftFigure) -> CriterionVerdict:
    of = "" if figure.of == "all" else f" of {figure.of}"
    change = figure.change
    if figure.verdict not in (*_MOVES, "steady") or change is None or change.value is None:
        reason = f"{rule.label}{of}: {figure.reason or figure.verdict}: {Criterion.NO_DATA}"
        return criterion_verdict(rule, Criterion.NO_DATA, None, reason, _LONGER)
    verdict = compare_with_levels(rule, change.value, change.value)
    moves = figure.verdict in _MOVES
    if not moves and verdict is not Criterion.PASS:
        verdict = Criterion.WARN
    levels = [rule.target] if rule.critical is None else [rule.target, rule.critical]
    over = f"over {plain(figure.seconds / 60)} min"
    reason = f"{rule.label}{of} {with_interval(change, levels)} {over}, {figure.verdict}"
    chance = "" if figure.p_value is None else f" (p {figure.p_value:.2g})"
    hides = "" if moves else _could_hide(rule, figure)
    remedy = "" if verdict is Criterion.PASS else _CREEPS if moves else "hold the load longer"
    reason = f"{reason}{chance}{hides}, {_levels_words(rule)}: {verdict}"
    return criterion_verdict(rule, verdict, change, reason, remedy)


def _levels_words(rule: Rule) -> str:
    critical = "" if rule.critical is None else f", critical {rule.compare} {level(rule.critical, rule.unit)}"
    return f"target {rule.compare} {level(rule.target, rule.unit)}{critical}"


def _could_hide(rule: Rule, figure: DriftFigure) -> str:
    """What a steady figure may be all the same, where that is beyond the target."""
    change = figure.change
    end = None if change is None else change.high if rule.lower_is_better else change.low
    if end is None or compare_with_levels(rule, end, end) is Criterion.PASS:
        return ""
    return f", could hide up to {level(float(plain(end)), rule.unit)}"


def _recovery(rule: Rule, recovery: Recovery | None) -> CriterionVerdict:
    """By the interval, as other figures are; where it has no upper end, that is later than was watched."""
    if recovery is None:
        return _no_data(rule, "no peak between two holds of one load", "use the shape spike")
    time = recovery.time
    if time is None or time.low is None:
        return _no_data(rule, recovery.reason, "hold the loads before and after the peak longer")
    if time.value is not None and time.high is not None:
        return judge_estimate(rule, time)
    watched, worst = recovery.watched_s, rule.target if rule.critical is None else rule.critical
    words = f"not back within {plain(watched)} s"
    if time.value is not None:
        words = f"{plain(time.value)} s, and perhaps {words}"
    if watched < worst:
        why = f"{words}, and {level(worst, rule.unit)} are asked"
        return _no_data(rule, why, "hold the load after the peak longer (spike_recovery_s)")
    verdict = compare_with_levels(rule, time.low, max(watched, time.low))
    reason = f"{rule.label}: {words}, {_levels_words(rule)}: {verdict}"
    return criterion_verdict(rule, verdict, time, reason, "see the time series after the peak")
