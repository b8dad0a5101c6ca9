"""The three figures that stand first in every report: simple cases, complex cases, throughput.

They are those that rules were judged on, and picked from the summary where no rule speaks of them.
"""

import re

from harness.analysis import Summary
from harness.stats import Estimate
from harness.verdicts import CriterionVerdict, Judgement


def case_criterion(judgement: Judgement, category: str) -> CriterionVerdict | None:
    """The rule that speaks for a category: the first on its response time, p95 before other statistics."""
    about = re.compile(rf"response_time\)\s*\{{[^}}]*\bcategory\s*=\s*[\"']?{re.escape(category)}\b")
    rules = [criterion for criterion in judgement.criteria if about.search(criterion.rule)]
    return min(rules, key=lambda criterion: not criterion.rule.lstrip().startswith("p95("), default=None)


def throughput_criterion(judgement: Judgement) -> CriterionVerdict | None:
    """The first rule on throughput."""
    about = re.compile(r"^\s*(rate\(\s*)?throughput\b")
    return next((criterion for criterion in judgement.criteria if about.search(criterion.rule)), None)


def case_figure(summary: Summary, judgement: Judgement, category: str) -> Estimate | None:
    """What the category's rule was judged on; its p95 response time where no rule speaks for it."""
    criterion = case_criterion(judgement, category)
    if criterion is not None and criterion.measured is not None:
        return criterion.measured
    group = summary.by_category.get(category)
    return group.response_time.get("p95") if group else None


def throughput_figure(summary: Summary, judgement: Judgement) -> Estimate | None:
    """What the throughput rule was judged on; the measured window's throughput where there is none."""
    criterion = throughput_criterion(judgement)
    if criterion is not None and criterion.measured is not None:
        return criterion.measured
    return summary.overall.throughput
