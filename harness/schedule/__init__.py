"""Pure stages and phases: how load is planned over time, and how a run is cut into stretches."""

from harness.schedule._alone_then_mixed import ALONE_THEN_MIXED, alone_then_mixed
from harness.schedule._arrivals import Arrivals, ArrivalStream, unit_arrivals
from harness.schedule._breakpoint import BREAKPOINT, SearchPlan, search_plan
from harness.schedule._budget import Budget, Quota
from harness.schedule._catalogue import SHAPES
from harness.schedule._counts import REQUEST_COUNT, CountedLevel, counted_steps, parse_counts
from harness.schedule._course import Course
from harness.schedule._feedback import Feedback, StepOutcome
from harness.schedule._guard import exceeds_error_rate, wilson_low
from harness.schedule._loads import (
    CONCURRENCY_STEPS,
    SOAK,
    SPIKE,
    STRESS_RAMP,
    WAVE,
    soak,
    spike,
    stress_ramp,
    wave,
)
from harness.schedule._phases import Phase, PhaseKind, PhaseTracker
from harness.schedule._search import Probe, Search
from harness.schedule._spec import ARRIVALS_PER_S, LOAD_UNIT, SPAWN_RATE_PER_S, ShapeOption, ShapeSpec
from harness.schedule._steps import Stage, Steps, Target, concurrency_steps, parse_levels
from harness.schedule._tokens import as_tokens

__all__ = [
    "ALONE_THEN_MIXED",
    "ARRIVALS_PER_S",
    "BREAKPOINT",
    "CONCURRENCY_STEPS",
    "LOAD_UNIT",
    "REQUEST_COUNT",
    "SHAPES",
    "SOAK",
    "SPAWN_RATE_PER_S",
    "SPIKE",
    "STRESS_RAMP",
    "WAVE",
    "ArrivalStream",
    "Arrivals",
    "Budget",
    "CountedLevel",
    "Course",
    "Feedback",
    "Phase",
    "PhaseKind",
    "PhaseTracker",
    "Probe",
    "Quota",
    "Search",
    "SearchPlan",
    "ShapeOption",
    "ShapeSpec",
    "Stage",
    "StepOutcome",
    "Steps",
    "Target",
    "alone_then_mixed",
    "as_tokens",
    "concurrency_steps",
    "counted_steps",
    "exceeds_error_rate",
    "parse_counts",
    "parse_levels",
    "search_plan",
    "soak",
    "spike",
    "stress_ramp",
    "unit_arrivals",
    "wave",
    "wilson_low",
]
