"""Pure stages and phases: how load is planned over time, and how a run is cut into stretches."""

from harness.schedule._arrivals import Arrivals, ArrivalStream, unit_arrivals
from harness.schedule._feedback import Feedback, StepOutcome
from harness.schedule._phases import Phase, PhaseKind, PhaseTracker
from harness.schedule._steps import Stage, Steps, Target, concurrency_steps, parse_levels

__all__ = [
    "ArrivalStream",
    "Arrivals",
    "Feedback",
    "Phase",
    "PhaseKind",
    "PhaseTracker",
    "Stage",
    "StepOutcome",
    "Steps",
    "Target",
    "concurrency_steps",
    "parse_levels",
    "unit_arrivals",
]
