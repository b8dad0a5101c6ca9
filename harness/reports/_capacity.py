"""The largest load of a run at which its criteria still held, from the load steps' own figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis import LoadStep, NotMeasured, Selection
from harness.errors import ConfigError
from harness.reports._format import number, sentence_case
from harness.stats import Estimate, slo_capacity
from harness.verdicts import Criterion, CriterionVerdict, Rule, judge_criteria, parse_rule

#: Quantities whose rules must hold at every load; a throughput is not reached with few users.
_AT_EVERY_LOAD = ("response_time", "service_time", "error_rate", "success_rate")


@dataclass(slots=True, frozen=True)
class _StepFigures:
    """One load step's figures as rules ask for them."""

    step: LoadStep

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        category = selection.category
        group = self.step.group if category is None else self.step.by_category.get(category)
        if group is None:
            return NotMeasured(f"no request of category {category} in this step")
        match quantity:
            case "error_rate":
                return group.error_rate
            case "success_rate":
                return group.success_rate
        times = group.response_time if quantity == "response_time" else group.service_time
        return times.get(statistic, NotMeasured(f"no {statistic} was derived"))


def capacity(steps: Sequence[LoadStep], criteria: Sequence[CriterionVerdict]) -> Estimate | None:
    """`slo_capacity` of the steps, by the targets of the rules on response times and failures.

    None where the run has one step, no such rule, or a load that occurs in two steps.
    """
    rules = [rule for criterion in criteria if (rule := _rule(criterion)) is not None]
    if len(steps) < 2 or not rules or len({step.users for step in steps}) < len(steps):
        return None
    return slo_capacity([(step.users, _holds(step, rules)) for step in steps])


def capacity_words(found: Estimate) -> tuple[str, ...]:
    """The capacity in a sentence, and what else there is to know of it.

    >>> capacity_words(slo_capacity([(10, True), (20, True), (40, False)]))
    ('Capacity at the criteria: 20 users; with 40 they no longer hold',)
    >>> capacity_words(slo_capacity([(10, True), (20, True)]))
    ('Capacity at the criteria: 20 users or more; no step went beyond it',)
    >>> capacity_words(slo_capacity([(10, False)]))
    ('Capacity at the criteria: under 10 users',)
    >>> capacity_words(slo_capacity([(10, None)]))
    ('Capacity at the criteria: unknown, as no step has the evidence to decide',)
    """
    match found.value, found.high:
        case None, None:
            said = "unknown, as no step has the evidence to decide"
        case None, high:
            said = f"under {number(high)} users"
        case value, None:
            said = f"{number(value)} users or more; no step went beyond it"
        case value, high:
            said = f"{number(value)} users; with {number(high)} they no longer hold"
    # The sentence says already that no level failed or none could be decided.
    notes = (sentence_case(note) for note in found.warnings if not note.startswith("no level"))
    rest = notes if found.value is not None or found.high is not None else ()
    return (f"Capacity at the criteria: {said}", *rest)


def _rule(criterion: CriterionVerdict) -> Rule | None:
    """The rule without its critical level; None where it is not about whole requests at every load."""
    try:
        rule = parse_rule(criterion.name, criterion.rule)
    except ConfigError:
        return None
    where = rule.selection
    if rule.quantity not in _AT_EVERY_LOAD or where.component or where.name or where.model:
        return None
    return replace(rule, critical=None)


def _holds(step: LoadStep, rules: Sequence[Rule]) -> bool | None:
    """True where all intervals meet the targets, False where one misses its own, else None."""
    verdicts = {found.verdict for found in judge_criteria(rules, _StepFigures(step))}
    if Criterion.FAIL in verdicts:
        return False
    return True if verdicts == {Criterion.PASS} else None
