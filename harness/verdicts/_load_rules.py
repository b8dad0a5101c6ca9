"""The rules that a load must meet to count as carried: what a capacity, or the search for one, is about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.analysis import Measurements
from harness.verdicts._criteria import judge_criteria
from harness.verdicts._model import Criterion, CriterionVerdict
from harness.verdicts._rule import Rule, parse_rule

#: Quantities whose rules must hold at every load; a throughput is not reached with few users.
_AT_EVERY_LOAD = ("response_time", "service_time", "error_rate", "success_rate")


def load_rules(load_criteria: Mapping[str, str], criteria: Mapping[str, str]) -> list[Rule]:
    """A scenario's `load_criteria`, else those of its criteria that are about whole requests at any load.

    Both map names to rules as written. A load is carried when it meets the targets: the critical
    levels are left out. Raises ConfigError for a rule that cannot be read.

    >>> criteria = {"p95": "p95(response_time) < 1 s, critical < 2 s", "rate": "throughput > 5 /s"}
    >>> rules = load_rules({}, criteria)
    >>> [(rule.name, rule.target, rule.critical) for rule in rules]
    [('p95', 1000.0, None)]
    """
    if load_criteria:
        rules = [parse_rule(name, text) for name, text in load_criteria.items()]
    else:
        rules = [rule for name, text in criteria.items() if _at_every_load(rule := parse_rule(name, text))]
    return [replace(rule, critical=None) for rule in rules]


def judge_load(rules: Sequence[Rule], measurements: Measurements) -> dict[str, Criterion]:
    """What each rule says of one load. It may fail where as a criterion it would have no data.

    Under a load that is too much, response times depend on each other, and the upper end of a
    quantile's interval is unknown; the lower end alone shows that the target is missed.
    """
    verdicts = judge_criteria(rules, measurements)
    return {rule.name: _on_load(rule, found) for rule, found in zip(rules, verdicts, strict=True)}


def _on_load(rule: Rule, found: CriterionVerdict) -> Criterion:
    measured = found.measured
    if found.verdict is not Criterion.NO_DATA or measured is None:
        return found.verdict
    best = measured.low if rule.lower_is_better else measured.high
    if best is None:
        return Criterion.NO_DATA
    missed = best >= rule.target if rule.lower_is_better else best <= rule.target
    return Criterion.FAIL if missed else Criterion.NO_DATA


def _at_every_load(rule: Rule) -> bool:
    where = rule.selection
    parts = (where.phase, where.component, where.name, where.model)
    return rule.quantity in _AT_EVERY_LOAD and not any(parts)
