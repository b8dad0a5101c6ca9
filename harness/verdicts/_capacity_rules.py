"""Rules on the capacity itself: `slo_capacity >= 40`, in users or arrivals/s, as the load was given."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis import QUANTITIES, Kind, NotMeasured
from harness.runs import Manifest, SearchRecord
from harness.stats import Estimate
from harness.verdicts._criteria import judge_estimate
from harness.verdicts._judge import judged_again
from harness.verdicts._model import CapacityVerdict, CriterionVerdict, Judgement
from harness.verdicts._rule import Rule


def with_capacity_rules(
    judgement: Judgement, rules: Sequence[Rule], manifest: Manifest, *, strict: bool = False
) -> Judgement:
    """The judgement with its rules on capacity judged by the capacity that it found.

    Where the load was searched for, the capacity is what the search found.
    """
    if manifest.search is not None:
        slo = searched_capacity(manifest.search)
        found = replace(judgement.capacity or CapacityVerdict(slo, None, ()), slo=slo)
        judgement = replace(judgement, capacity=found)
    if judgement.capacity is None:
        return judgement
    slo = judgement.capacity.slo
    wanted = {rule.name: rule for rule in rules if QUANTITIES[rule.quantity].kind is Kind.LOAD}
    if not wanted:
        return judgement
    criteria = [_judged(wanted.get(each.name), each, slo) for each in judgement.criteria]
    return judged_again(judgement, criteria, manifest, strict=strict)


def searched_capacity(search: SearchRecord) -> Estimate:
    """From the largest load that met the criteria to the smallest that did not."""
    notes = () if search.missed is not None else ("no load missed: capacity may be larger",)
    method = "largest load that met all criteria in a search; high is the smallest that did not"
    return Estimate(search.met, search.met, search.missed, len(search.probes), method, search.unit, notes)


def _judged(rule: Rule | None, before: CriterionVerdict, slo: Estimate) -> CriterionVerdict:
    return before if rule is None else judge_estimate(rule, _bounded(slo, rule))


def _bounded(slo: Estimate, rule: Rule) -> Estimate | NotMeasured:
    """The capacity as an interval that a rule can be judged on.

    Where no load met, it lies between nothing and the smallest that missed. Where none missed, it is
    at least the largest that met, which may be all that a rule asks.
    """
    if slo.value is None and slo.high is None:
        return NotMeasured("no load could be decided")
    if slo.value is None:
        return replace(slo, value=0.0, low=0.0)
    if slo.high is None and not rule.lower_is_better and slo.value >= rule.target:
        return replace(slo, high=slo.value)
    return slo
