"""Rules and a run in, verdicts with reasons out: validity, success criteria, the exit code."""

from harness.verdicts._criteria import judge_criteria
from harness.verdicts._judge import judge, response_time_limits
from harness.verdicts._model import Criterion, CriterionVerdict, Judgement, Validity, ValidityCheck
from harness.verdicts._rule import Rule, parse_rule
from harness.verdicts._validity import judge_validity, overall_validity

__all__ = [
    "Criterion",
    "CriterionVerdict",
    "Judgement",
    "Rule",
    "Validity",
    "ValidityCheck",
    "judge",
    "judge_criteria",
    "judge_validity",
    "overall_validity",
    "parse_rule",
    "response_time_limits",
]
