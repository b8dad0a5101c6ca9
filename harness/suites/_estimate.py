"""How long a suite will take and what it may cost, before it starts. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.config import StepConfig, SuiteConfig

#: A run takes this long beside its load: Locust's start, the drain, verdicts and reports.
RUN_OVERHEAD_S = 12.0
#: Services that are started and waited for.
SERVICES_S = 6.0
#: A program that nobody said the length of.
COMMAND_S = 60.0
#: A step that puts no load reads what is there.
READING_S = 5.0


@dataclass(slots=True, frozen=True)
class Load:
    """The planned load of one scenario: how long it lasts and what it may cost at most.

    `seconds` is None where the plan does not tell (a search that ends when it has found). `cost_usd` is 0
    for simulated models and None for live ones without a cap. `source` says where the length is from.
    """

    seconds: float | None
    cost_usd: float | None = 0.0
    source: str = ""


@dataclass(slots=True, frozen=True)
class StepEstimate:
    """One step: `seconds` with starting and reporting; None where it cannot be told."""

    name: str
    seconds: float | None
    cost_usd: float | None
    source: str


@dataclass(slots=True, frozen=True)
class SuiteEstimate:
    """All steps. `seconds` and `cost_usd` add up what is known."""

    steps: tuple[StepEstimate, ...]

    @property
    def seconds(self) -> float:
        return sum(step.seconds or 0.0 for step in self.steps)

    @property
    def cost_usd(self) -> float:
        return sum(step.cost_usd or 0.0 for step in self.steps)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Steps whose length cannot be told."""
        return tuple(step.name for step in self.steps if step.seconds is None)

    @property
    def uncapped(self) -> tuple[str, ...]:
        """Steps that call live models without a cap on cost."""
        return tuple(step.name for step in self.steps if step.cost_usd is None)


def estimate_suite(
    suite: SuiteConfig, load_of: Callable[[StepConfig], Load], finished: Sequence[str] = ()
) -> SuiteEstimate:
    """The estimate of what is left of a suite; `load_of` tells the load of a step that makes some.

    >>> suite = SuiteConfig.model_validate({"steps": [{"run": "a"}, {"review": "a"}]})
    >>> estimate_suite(suite, lambda step: Load(60.0)).seconds
    77.0
    """
    left = [step for step in suite.steps if step.label not in finished]
    return SuiteEstimate(tuple(_step(step, load_of) for step in left))


def _step(step: StepConfig, load_of: Callable[[StepConfig], Load]) -> StepEstimate:
    if step.scenario is None:
        if step.kind == "command":
            return StepEstimate(step.label, step.expected_s or COMMAND_S, 0.0, "as expected")
        return StepEstimate(step.label, READING_S, 0.0, "")
    load = load_of(step)
    runs = step.runs
    overhead = RUN_OVERHEAD_S + (SERVICES_S if step.fresh_services else 0.0)
    lasts = load.seconds if load.seconds is not None else step.expected_s
    seconds = None if lasts is None else runs * (lasts + overhead)
    cost = None if load.cost_usd is None else runs * load.cost_usd
    return StepEstimate(step.label, seconds, cost, load.source or ("as expected" if step.expected_s else ""))


def overridden(load: Mapping[str, object], options: Mapping[str, object]) -> dict[str, object]:
    """A scenario's load with a step's options over it.

    >>> overridden({"levels": [10], "hold_s": 30}, {"hold_s": 5})
    {'levels': [10], 'hold_s': 5}
    """
    return {**load, **options}
