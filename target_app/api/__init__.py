"""The HTTP side: routes, problem+json, and the gate that admits and measures every case."""

from target_app.api._admission import Admission
from target_app.api._gate import CaseGate
from target_app.api._problems import PROBLEM_MEDIA_TYPE, Problem, add_problem_handlers
from target_app.api._routes import router
from target_app.api._service import Service

__all__ = [
    "PROBLEM_MEDIA_TYPE",
    "Admission",
    "CaseGate",
    "Problem",
    "Service",
    "add_problem_handlers",
    "router",
]
