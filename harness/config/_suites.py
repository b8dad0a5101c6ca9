"""The tables of harness.toml about suites: what is run together, and where a deployed service is watched."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from harness.config._suggest import suggest
from harness.config._types import Amount, Count, Name, OptionValue, Seconds, Table, Text, Url

#: Keys of a step that say what it does; exactly one of them is given.
STEP_KINDS = ("run", "regression", "capacity", "plan", "review", "prometheus", "command")


class StepConfig(Table):
    """One part of a suite: `[[suites.NAME.steps]]`. Exactly one of the first seven keys is given.

    `run` and `regression` name a scenario, which is run as by `harness run` and `harness regression`;
    `options` go over its load, and `fresh_services` starts its services for this step alone.
    `capacity` and `plan` name an earlier step of the suite, whose run is looked at; `review` names a
    scenario, whose latest run is compared with one of a month before. `prometheus` lists criteria to judge
    on a deployed service. `command` is any program, `{suite}` in it the suite's folder; any exit code but 0
    is a failure. `expected_s` is how long a step lasts whose plan does not tell.
    """

    run: str | None = None
    regression: str | None = None
    capacity: str | None = None
    plan: str | None = None
    review: str | None = None
    prometheus: tuple[str, ...] | None = None
    command: tuple[Text, ...] | None = Field(default=None, min_length=1)
    name: Name | None = None
    options: dict[str, OptionValue] = Field(default_factory=dict)
    workers: Count | None = None
    fresh_services: bool = False
    runs: Annotated[int, Field(strict=True, ge=1)] = 1
    confirm: Count = 0
    cases_per_s: Amount = 40.0
    expected_s: Seconds | None = None

    @property
    def kind(self) -> str:
        """The one of `STEP_KINDS` that is given."""
        return next(kind for kind in STEP_KINDS if getattr(self, kind) is not None)

    @property
    def about(self) -> str:
        """What it is done to: a scenario, a step, criteria, a program."""
        value = getattr(self, self.kind)
        return value if isinstance(value, str) else " ".join(value)

    @property
    def label(self) -> str:
        """`name`, else what the step does and to what: `regression-cases`.

        >>> StepConfig(regression="cases").label, StepConfig(prometheus=()).label
        ('regression-cases', 'prometheus')
        """
        if self.name is not None:
            return self.name
        if self.kind == "run":
            return self.about
        return self.kind if self.kind in {"prometheus", "command"} else f"{self.kind}-{self.about}"

    @property
    def scenario(self) -> str | None:
        """The scenario that the step puts load with; None where it puts none."""
        return self.run or self.regression


class SuiteConfig(Table):
    """Several tests with one verdict: `[suites.NAME]`.

    A run whose measurement is invalid is repeated up to `repeat_invalid` times. `sign_off` adds the page
    that somebody signs before a release.
    """

    description: str = ""
    steps: tuple[StepConfig, ...] = Field(min_length=1)
    repeat_invalid: Count = 1
    sign_off: bool = False


class PrometheusConfig(Table):
    """Where a deployed service is watched, and what its series are called: `[prometheus]`.

    $HARNESS_PROMETHEUS_URL goes before `url`; without both the step is NOT CONFIGURED. `selector` is put
    into every query (`job="target"`). `requests` is the counter of requests, of which `good` and
    `degraded` select some; `duration` and `component_duration` are histograms in seconds, told apart by
    `category_label` and `component_label`.
    """

    url: Url | None = None
    window_h: Annotated[float, Field(strict=True, gt=0, le=24 * 366)] = 24.0
    selector: str = ""
    requests: Text = "target_cases_total"
    good: Text = 'outcome="ok"'
    degraded: Text = 'outcome="degraded"'
    duration: Text = "target_case_duration_seconds"
    category_label: Text = "complexity"
    component_duration: Text = "target_component_duration_seconds"
    component_label: Text = "component"


class PlanConfig(Table):
    """What `harness plan` cannot read from a run: `[plan]`.

    `calls` says for each role of a model, as `GET /info` names it, which components call it; `*` at the
    end of a name stands for anything. `processes` is how many processes of the service a run loads.
    """

    calls: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    processes: Annotated[int, Field(strict=True, ge=1)] = 1
    headroom_percent: Annotated[float, Field(strict=True, gt=0, le=100)] = 80.0


def fault_of_steps(steps: Sequence[StepConfig], scenarios: Iterable[str], criteria: Iterable[str]) -> str:
    """The first thing wrong with a suite's steps, as `steps.1: ...`; empty where nothing is."""
    runs: list[str] = []
    labels: set[str] = set()
    for number, step in enumerate(steps):
        place = f"steps.{number}"
        given = [kind for kind in STEP_KINDS if getattr(step, kind) is not None]
        if len(given) != 1:
            what = " and ".join(given) or "none of them"
            return f"{place}: a step has one of {', '.join(STEP_KINDS)}, not {what}"
        for kind, names, table in (
            ("scenario", [step.scenario, step.review], scenarios),
            ("step before it that runs a scenario", [step.capacity, step.plan], runs),
            ("criterion", step.prometheus or (), criteria),
        ):
            for name in names:
                if name is not None and name not in table:
                    return f"{place}.{step.kind}: no {kind} '{name}'; {suggest(name, table)}"
        if step.label in labels:
            return f"{place}: a second step '{step.label}'; give one of them another `name`"
        labels.add(step.label)
        if step.scenario is not None:
            runs.append(step.label)
    return ""
