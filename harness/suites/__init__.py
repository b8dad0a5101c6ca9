"""Several tests with one verdict: the steps of a suite, their record, and what is made of it.

Knows nothing of how a step is carried out: `harness.cli` hands that in, since a step is one of its commands.
"""

from harness.suites._carried import carried_by, model_shares
from harness.suites._combine import NOT_CONFIGURED, concluded, first_of, word_of
from harness.suites._estimate import Load, StepEstimate, SuiteEstimate, estimate_suite, overridden
from harness.suites._folder import (
    SUITE_FILE,
    digest_of,
    git_commit,
    make_folder,
    new_record,
    read_record,
    save,
    suite_folders,
    suite_records,
)
from harness.suites._lengths import planned_seconds
from harness.suites._limits import ModelLimits, ProviderLimits, read_limits
from harness.suites._plan import CapacityPlan, Carried, PerCase, TierLimit, plan_capacity
from harness.suites._prometheus import PrometheusApi, PrometheusMeasurements
from harness.suites._record import CriterionRecord, StepRecord, StepState, SuiteRecord, SuiteState
from harness.suites._report import suite_view, write_suite_reports
from harness.suites._results import read_summary, result_of_criteria, result_of_run
from harness.suites._review import Consumer, Review, estimate_of, optimisation_review, relative_change
from harness.suites._runner import StepResult, run_steps
from harness.suites._tables import as_details, capacity_table, plan_table, review_table

__all__ = [
    "NOT_CONFIGURED",
    "SUITE_FILE",
    "CapacityPlan",
    "Carried",
    "Consumer",
    "CriterionRecord",
    "Load",
    "ModelLimits",
    "PerCase",
    "PrometheusApi",
    "PrometheusMeasurements",
    "ProviderLimits",
    "Review",
    "StepEstimate",
    "StepRecord",
    "StepResult",
    "StepState",
    "SuiteEstimate",
    "SuiteRecord",
    "SuiteState",
    "TierLimit",
    "as_details",
    "capacity_table",
    "carried_by",
    "concluded",
    "digest_of",
    "estimate_of",
    "estimate_suite",
    "first_of",
    "git_commit",
    "make_folder",
    "model_shares",
    "new_record",
    "optimisation_review",
    "overridden",
    "plan_capacity",
    "plan_table",
    "planned_seconds",
    "read_limits",
    "read_record",
    "read_summary",
    "relative_change",
    "result_of_criteria",
    "result_of_run",
    "review_table",
    "run_steps",
    "save",
    "suite_folders",
    "suite_records",
    "suite_view",
    "word_of",
    "write_suite_reports",
]
