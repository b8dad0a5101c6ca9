"""Rules and a run in, verdicts with reasons out: validity, success criteria, the exit code."""

from harness.verdicts._change_model import (
    Attribution,
    Limits,
    MetricChange,
    Regression,
    RegressionWord,
    RunReference,
)
from harness.verdicts._combine import first_code, with_regression
from harness.verdicts._criteria import judge_criteria
from harness.verdicts._judge import judge, response_time_limits
from harness.verdicts._limits import BUSY_PERCENT, BUSY_SECONDS, LATE_SHARE, allowed_delay_ms
from harness.verdicts._model import Criterion, CriterionVerdict, Judgement, Validity, ValidityCheck
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
    "Criterion",
    "CriterionVerdict",
    "Judgement",
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
    "change_words",
    "difference_words",
    "first_code",
    "judge",
    "judge_criteria",
    "judge_regression",
    "judge_validity",
    "no_baseline",
    "overall_validity",
    "parse_metric_pattern",
    "parse_rule",
    "relief",
    "response_time_limits",
    "with_regression",
]
