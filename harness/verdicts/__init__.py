"""Rules and a run in, verdicts with reasons out: validity, success criteria, the exit code."""

from harness.verdicts._capacity import capacity_verdict, judge_levels, with_capacity
from harness.verdicts._capacity_rules import searched_capacity, with_capacity_rules
from harness.verdicts._change_model import (
    Attribution,
    Limits,
    MetricChange,
    Regression,
    RegressionWord,
    RunReference,
)
from harness.verdicts._combine import first_code, with_regression
from harness.verdicts._course_rules import with_course_rules
from harness.verdicts._criteria import judge_criteria
from harness.verdicts._judge import judge, response_time_limits
from harness.verdicts._limits import BUSY_PERCENT, BUSY_SECONDS, LATE_SHARE, allowed_delay_ms
from harness.verdicts._load_rules import judge_load, load_rules
from harness.verdicts._model import (
    CapacityVerdict,
    Criterion,
    CriterionVerdict,
    Judgement,
    LevelVerdict,
    Validity,
    ValidityCheck,
)
from harness.verdicts._regression import change_words, difference_words, judge_regression, no_baseline
from harness.verdicts._regression_rules import MetricPattern, RegressionRules, parse_metric_pattern
from harness.verdicts._relief import relief
from harness.verdicts._rule import Rule, parse_rule
from harness.verdicts._validity import judge_validity, overall_validity

__all__ = [
    "BUSY_PERCENT",
    "BUSY_SECONDS",
    "LATE_SHARE",
    "Attribution",
    "CapacityVerdict",
    "Criterion",
    "CriterionVerdict",
    "Judgement",
    "LevelVerdict",
    "Limits",
    "MetricChange",
    "MetricPattern",
    "Regression",
    "RegressionRules",
    "RegressionWord",
    "Rule",
    "RunReference",
    "Validity",
    "ValidityCheck",
    "allowed_delay_ms",
    "capacity_verdict",
    "change_words",
    "difference_words",
    "first_code",
    "judge",
    "judge_criteria",
    "judge_levels",
    "judge_load",
    "judge_regression",
    "judge_validity",
    "load_rules",
    "no_baseline",
    "overall_validity",
    "parse_metric_pattern",
    "parse_rule",
    "relief",
    "response_time_limits",
    "searched_capacity",
    "with_capacity",
    "with_capacity_rules",
    "with_course_rules",
    "with_regression",
]
