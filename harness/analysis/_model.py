"""What analysis hands on: plain frozen records, every figure an `Estimate`.

Verdicts, reports and summary.json are built from these alone. Nothing here computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.analysis._capacity_model import Capacity
from harness.analysis._endurance_model import DriftFigure, Recovery
from harness.stats import ChangePoint, Estimate


@dataclass(slots=True, frozen=True)
class Selection:
    """Which requests a figure is about; None means all.

    `phase` is a phase's name, or `highest` for the hold phase with the most users. `service` is of
    what services tell of themselves, and selects no requests.
    """

    category: str | None = None
    phase: str | None = None
    name: str | None = None
    model: str | None = None
    component: str | None = None
    service: str | None = None


@dataclass(slots=True, frozen=True)
class NotMeasured:
    """Why a figure cannot be given.

    `applicable` is False where this source can never hold it (categories in stock CSVs), True
    where it could have been measured and was not.
    """

    reason: str
    applicable: bool = True


class Measurements(Protocol):
    """Anything that rules can be judged on: a run folder's samples, or stock CSV tables."""

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        """One figure.

        `statistic`: `mean`, `min`, `max`, `stdev`, `p50` ... `p99.9`, `rate`, `count`.
        `quantity`: `response_time`, `service_time` (ms), `component_time` (ms, needs
        `selection.component`), `throughput` (requests/s), `error_rate`, `success_rate` (percent),
        `goodput` (requests/s), `cost` (USD per case), `input_tokens`, `output_tokens`,
        `llm_calls` (per case). Throughput and the rates take the statistic `rate`.
        """
        ...


@dataclass(slots=True, frozen=True)
class Window:
    """The measured window: pieces of hold phases, and what was left out of the run and why."""

    pieces: tuple["WindowPiece", ...]
    excluded: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return sum(piece.end_s - piece.start_s for piece in self.pieces)


@dataclass(slots=True, frozen=True)
class WindowPiece:
    """One measured piece of a hold phase, in seconds from the start of the run."""

    phase: str
    users: int
    start_s: float
    end_s: float


@dataclass(slots=True, frozen=True)
class Group:
    """Figures of one group of requests inside the measured window.

    `label` is what it is a group by: a category, a name, a phase, or `all`. Times in ms.
    """

    label: str
    requests: int
    outcomes: Mapping[str, int]
    response_time: Mapping[str, Estimate]
    service_time: Mapping[str, Estimate]
    throughput: Estimate
    error_rate: Estimate
    success_rate: Estimate
    per_case: Mapping[str, Estimate]


@dataclass(slots=True, frozen=True)
class ComponentTime:
    """Time in one component of the service, over the successful requests of a category.

    `share_percent` is the component's mean over the mean of `total` (of the service time, where the
    service tells no total); None for components that do not add up (`specialist-*`, `queue`,
    `prefill`, `decode`, and those of other services that overlap).
    """

    category: str
    component: str
    additive: bool
    duration: Mapping[str, Estimate]
    share_percent: float | None


@dataclass(slots=True, frozen=True)
class ComponentStep:
    """Time in one component of the service in a load step, over the successful requests of a category.

    `users` and `arrivals_per_s` are those of the `LoadStep`.
    In `mean` a request without the component counts as 0, so that the means of the additive ones add
    up to the time inside the service; `p95` is of the requests in which it occurred.
    """

    phase: str
    users: int
    category: str
    component: str
    mean: Estimate
    p95: Estimate | None = None
    additive: bool = True
    arrivals_per_s: float | None = None


@dataclass(slots=True, frozen=True)
class LoadStep:
    """One hold phase: what load went in and what came out.

    `arrivals_per_s` is what was asked for in an open loop, None in a closed one. `errors_by_cause` counts
    the failed requests by `service`, `provider`, `network`, `generator` and `answer`.
    """

    phase: str
    users: int
    seconds: float
    group: Group
    by_category: Mapping[str, Group]
    arrivals_per_s: float | None = None
    errors_by_cause: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class ErrorGroup:
    """Requests that failed in the same way; counted over the whole run, not the window alone."""

    name: str
    outcome: str
    cause: str
    error: str
    count: int


@dataclass(slots=True, frozen=True)
class Histogram:
    """Counts of response times between `edges` (ms, one more than counts), per label."""

    edges_ms: Sequence[float]
    counts: Mapping[str, Sequence[int]]


@dataclass(slots=True, frozen=True)
class TimeSeries:
    """Per second of the run: aligned lists, None where nothing was measured."""

    at_s: Sequence[float]
    users: Sequence[int | None]
    throughput_per_s: Sequence[float | None]
    errors_per_s: Sequence[float | None]
    p50_ms: Sequence[float | None]
    p95_ms: Sequence[float | None]


@dataclass(slots=True, frozen=True)
class SlowRequest:
    """One of the slowest requests, with its components where the service told them.

    `trace_id` is empty where none was sent; `trace_url` is where the trace can be seen, if that is known.
    """

    case_id: str
    category: str
    name: str
    phase: str
    response_time_ms: float
    outcome: str
    components_ms: Mapping[str, float]
    trace_id: str = ""
    trace_url: str | None = None


@dataclass(slots=True, frozen=True)
class TrendPoint:
    """p95 response time of one category in one earlier run of the same scenario."""

    run_id: str
    started_at: str
    category: str
    p95: Estimate
    verdict: str


@dataclass(slots=True, frozen=True)
class TrendChange:
    """A new level of a category's p95 response time; `run_id` is the first run that has it."""

    category: str
    run_id: str
    started_at: str
    change: ChangePoint


@dataclass(slots=True, frozen=True)
class WarmUpCheck:
    """Whether the samples say that the service warmed up for longer than was left out.

    `configured_s` is the scenario's warm-up, `lasted_s` when the response times of the first measured
    phase came to rest, both from the start of the run; None where they were at rest from the first
    measured sample on, or where it cannot be told. `before` is the mean of all samples of the phase,
    `after` of those from then on.
    """

    phase: str
    configured_s: float
    lasted_s: float | None
    n: int
    before: Estimate
    after: Estimate
    method: str

    @property
    def is_fine(self) -> bool:
        """Whether nothing of the warm-up is seen in the figures."""
        return self.lasted_s is None


@dataclass(slots=True, frozen=True)
class ServiceResources:
    """What one service used and held in a measured phase, as it told itself once a second.

    `figures`: `cpu_mean` and `cpu_max` in percent of one CPU, `memory_max` in bytes, `in_flight_max`
    and `queue_max` in requests; what the service does not tell is absent.
    """

    phase: str
    service: str
    figures: Mapping[str, Estimate]


@dataclass(slots=True, frozen=True)
class DerivedFigure:
    """A figure that the scenario makes from others of the same run; `reason` says why there is none.

    `formula` is how: a statistic of some requests (`of`), over that of others (`to`) where it is a ratio,
    and over the number that it is divided by. A ratio has no unit.
    """

    name: str
    title: str
    formula: str
    figure: Estimate | None
    of: Estimate | None
    to: Estimate | None
    reason: str = ""


@dataclass(slots=True, frozen=True)
class ModelFigures:
    """Calls of one model under one request name, where requests tell their model.

    `response_time` has `mean`, `stdev`, `min`, `max`, `p50`, `p95`, `p99`; `time_to_first_token` the same,
    empty where nothing was streamed. `inter_token` is the mean time between a stream's tokens, per call;
    `tokens_per_s` the mean speed of its calls after the first token. `cost_per_thousand` is of 1000 calls.
    """

    model: str
    name: str
    requests: int
    response_time: Mapping[str, Estimate]
    error_rate: Estimate
    time_to_first_token: Mapping[str, Estimate]
    inter_token: Estimate | None
    tokens_per_s: Estimate | None
    output_tokens: Estimate | None
    cost_per_thousand: Estimate | None


@dataclass(slots=True, frozen=True)
class Totals:
    """Counts over the whole run, warm-up and drain included: what must agree with other counters."""

    requests: int
    errors: int
    degraded: int
    incomplete: int
    outcomes: Mapping[str, int]


@dataclass(slots=True, frozen=True)
class Summary:
    """Everything derived from one run. `exact` is False where percentiles are Locust's rounded ones."""

    run_id: str
    scenario: str
    source: str
    exact: bool
    provider: str
    started_at: str
    duration_s: float
    window: Window
    totals: Totals
    overall: Group
    by_category: Mapping[str, Group]
    by_name: Mapping[str, Group]
    components: Sequence[ComponentTime]
    steps: Sequence[LoadStep]
    errors: Sequence[ErrorGroup]
    histogram: Histogram | None
    series: TimeSeries | None
    slowest: Sequence[SlowRequest]
    notes: tuple[str, ...]
    resources: Sequence[ServiceResources] = ()
    component_steps: Sequence[ComponentStep] = ()
    capacity: Capacity | None = None
    warm_up: WarmUpCheck | None = None
    trend_changes: Sequence[TrendChange] = ()
    derived: Sequence[DerivedFigure] = ()
    models: Sequence[ModelFigures] = ()
    drifts: Sequence[DriftFigure] = ()
    recovery: Recovery | None = None
