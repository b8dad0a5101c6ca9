"""Which levels of load meet their criteria, and the largest that does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis import Capacity, LoadStep, NotMeasured, Selection
from harness.stats import Estimate, slo_capacity
from harness.verdicts._criteria import judge_criteria
from harness.verdicts._model import CapacityVerdict, Criterion, Judgement, LevelVerdict
from harness.verdicts._rule import Rule


@dataclass(slots=True, frozen=True)
class _StepFigures:
    """One load step's figures as rules ask for them."""

    step: LoadStep

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        category = selection.category
        if selection != Selection(category=category):
            return NotMeasured("a load step has figures of whole requests, by category")
        group = self.step.group if category is None else self.step.by_category.get(category)
        if group is None:
            return NotMeasured(f"no request of category {category} in this step")
        whole = {"error_rate": group.error_rate, "success_rate": group.success_rate}
        times = {"response_time": group.response_time, "service_time": group.service_time}
        if quantity in times:
            return times[quantity].get(statistic, NotMeasured(f"no {statistic} of a load step was derived"))
        return whole.get(quantity, NotMeasured(f"no {quantity} of a load step was derived"))


def judge_levels(run_id: str, steps: Sequence[LoadStep], rules: Sequence[Rule]) -> list[LevelVerdict]:
    """Each step judged by the targets of the rules, as `load_rules` has them; none without a rule."""
    return [_judged(run_id, step, rules) for step in steps] if rules else []


def capacity_verdict(capacity: Capacity, levels: Sequence[LevelVerdict]) -> CapacityVerdict | None:
    """`slo_capacity` of the levels of a run or of several; None where no rule was asked of them."""
    if not levels:
        return None
    verdicts = {(level.run_id, level.phase): level for level in levels}
    ordered = [
        (level, verdicts[level.run_id, level.phase])
        for level in capacity.levels
        if (level.run_id, level.phase) in verdicts
    ]
    slo = slo_capacity([(level.load, verdict.meets) for level, verdict in ordered], unit=capacity.unit)
    at = [level.throughput for level, verdict in ordered if verdict.meets and level.load == slo.value]
    return CapacityVerdict(slo, at[0] if at else None, tuple(verdict for _, verdict in ordered))


def with_capacity(
    judgement: Judgement,
    run_id: str,
    capacity: Capacity | None,
    steps: Sequence[LoadStep],
    rules: Sequence[Rule],
) -> Judgement:
    """The judgement of a run with the capacity that its load steps show."""
    if capacity is None:
        return judgement
    return replace(judgement, capacity=capacity_verdict(capacity, judge_levels(run_id, steps, rules)))


def _judged(run_id: str, step: LoadStep, rules: Sequence[Rule]) -> LevelVerdict:
    """True where all intervals meet the targets, False where one misses its own, else None."""
    found = judge_criteria(rules, _StepFigures(step))
    applicable = [each for each in found if each.verdict is not Criterion.NOT_APPLICABLE]
    missed = tuple(each.name for each in found if each.verdict is Criterion.FAIL)
    undecided = tuple(
        each.name for each in applicable if each.verdict not in (Criterion.FAIL, Criterion.PASS)
    )
    meets = False if missed else (None if undecided or not applicable else True)
    return LevelVerdict(run_id, step.phase, meets, missed, undecided)
