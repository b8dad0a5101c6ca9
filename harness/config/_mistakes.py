"""A mistake in a table as one line: the dotted place, and the nearest known name for a mistyped one."""

import reprlib
from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.config._config import Config
from harness.config._derived import DerivedConfig, RequestsOf
from harness.config._monitoring import MonitoringConfig
from harness.config._regression import RegressionConfig, RegressionRule
from harness.config._scenarios import ScenarioConfig, ServiceConfig
from harness.config._suggest import suggest
from harness.config._suites import PlanConfig, PrometheusConfig, StepConfig, SuiteConfig
from harness.config._types import Table


def first_line(error: ValidationError) -> str:
    """The first mistake, and how many more there are."""
    # A mistyped key is often the reason why another one is missing.
    details = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _explain(details[0]) + more


def _explain(detail: ErrorDetails) -> str:
    loc = [str(part) for part in detail["loc"]]
    if loc[-1] == "[key]":
        return f"{'.'.join(loc[:-1])}: a name here is made of a-z, 0-9, - and _"
    place = ".".join(loc)
    match detail["type"]:
        case "extra_forbidden":
            return f"{place}: unknown key; {suggest(loc[-1], _known_keys(loc[:-1]))}"
        case "missing":
            return f"{place}: missing"
        case _:
            message = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{place}: {message}, not {reprlib.repr(detail['input'])}"


def _known_keys(table: list[str]) -> Iterable[str]:
    tables: dict[tuple[str, ...], type[Table]] = {
        ("services", "*"): ServiceConfig,
        ("scenarios", "*"): ScenarioConfig,
        ("scenarios", "*", "derived", "*"): DerivedConfig,
        ("scenarios", "*", "derived", "*", "of"): RequestsOf,
        ("scenarios", "*", "derived", "*", "to"): RequestsOf,
        ("regression",): RegressionConfig,
        ("regression", "rules", "*"): RegressionRule,
        ("suites", "*"): SuiteConfig,
        ("suites", "*", "steps", "*"): StepConfig,
        ("prometheus",): PrometheusConfig,
        ("plan",): PlanConfig,
        ("monitoring",): MonitoringConfig,
    }
    for place, model in tables.items():
        if len(place) == len(table) and all(a in ("*", b) for a, b in zip(place, table, strict=True)):
            return model.model_fields
    return set(Config.model_fields) - {"source"}
