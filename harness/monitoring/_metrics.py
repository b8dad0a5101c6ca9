"""A run at one moment, as Prometheus metrics in base units: seconds, shares of 1, US dollars.

All names begin with `harness_`; docs/monitoring.md has them all. What the metrics are made of is passed
in as it was at one moment, so that they may be made in another thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import prometheus_client
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from harness.monitoring._live_judge import LiveVerdict, LiveVerdicts
from harness.monitoring._metric_counts import CountsNow, WorkerFigures
from harness.monitoring._metric_text import histogram_text
from harness.schedule import Phase
from harness.verdicts import Criterion, Rule

#: Canonical units of rules, as base units, and what one of them is in those.
_BASE_UNITS = {
    "ms": ("seconds", 0.001),
    "%": ("ratio", 0.01),
    "req/s": ("requests_per_second", 1.0),
    "USD": ("usd", 1.0),
}
#: Before the first evaluation.
PENDING = "pending"
_STATUSES = (*(status.lower().replace(" ", "_") for status in Criterion), PENDING)


@dataclass(slots=True, frozen=True)
class WorkerNow:
    """What the master knows of one load generator beside its figures."""

    index: int
    lost: bool = False
    clock_offset_s: float | None = None


@dataclass(slots=True, frozen=True)
class RunNow:
    """The run that lasts. `described` are labels that do not change while it does."""

    described: Mapping[str, str]
    users: int
    phase: Phase | None
    samples_missing: int
    workers: Sequence[WorkerNow]
    rules: Sequence[Rule]
    verdicts: LiveVerdicts


@dataclass(slots=True, frozen=True)
class LoadNow:
    """Everything that is exported. `ended` counts earlier runs of the process by exit code."""

    at_us: int
    counts: CountsNow
    run: RunNow | None = None
    ended: Mapping[int, int] = field(default_factory=dict)


def exposition(now: LoadNow, *others: Collector) -> bytes:
    """The metrics of one moment as Prometheus reads them, and those of other collectors behind them.

    All families are there, those without a series included.
    """
    counts = now.counts
    histograms = (
        histogram_text(name, words, labels, getattr(counts, field_name))
        for name, words, labels, field_name in _HISTOGRAMS
    )
    rest = prometheus_client.generate_latest(_Families(now, others))
    return "".join(histograms).encode() + rest


#: Name, what it is, labels, and where `CountsNow` has it.
_HISTOGRAMS = (
    (
        "harness_response_time_seconds",
        "From the intended start to the last byte, of requests that ended.",
        ("name", "category", "outcome"),
        "response",
    ),
    ("harness_service_time_seconds", "From sending to the last byte.", ("category",), "service"),
    (
        "harness_first_token_seconds",
        "From sending to the first token, of streamed answers.",
        ("category", "model"),
        "first_token",
    ),
    (
        "harness_component_time_seconds",
        "Time in a component, as the service tells it in Server-Timing.",
        ("component",),
        "component",
    ),
)


class _Families(Collector):
    """All but the histograms."""

    def __init__(self, now: LoadNow, others: Sequence[Collector]) -> None:
        self._now = now
        self._others = others

    def collect(self) -> Iterator[Metric]:
        counts, run = self._now.counts, self._now.run
        yield from _totals(counts)
        yield from _run(run, self._now.ended)
        yield from _arrivals(counts, run)
        yield from _workers(counts, run, self._now.at_us)
        yield from _criteria(run)
        for other in self._others:
            yield from other.collect()


def _totals(counts: CountsNow) -> Iterator[Metric]:
    yield _counter(
        "harness_requests_incomplete",
        "Requests that were still in flight when their run ended.",
        [],
        {(): counts.incomplete},
    )
    yield _counter(
        "harness_series_folded",
        "Rows counted as `other`, because the metric had enough series.",
        ["metric"],
        {(metric,): rows for metric, rows in counts.folded.items()},
    )
    totals = counts.totals
    yield _counter(
        "harness_tokens",
        "Tokens as answers tell them.",
        ["category", "direction"],
        {
            (*labels, direction): value
            for direction in ("input", "output")
            for labels, value in totals[f"{direction}_tokens"].items()
        },
    )
    for name, words, column in (
        ("harness_model_calls", "Calls of a model that answers tell of.", "llm_calls"),
        ("harness_retries", "Repeated calls of a model that answers tell of.", "retries"),
        ("harness_cost_usd", "Cost as answers tell it.", "cost_usd"),
    ):
        yield _counter(name, words, ["category"], totals[column])


def _run(run: RunNow | None, ended: Mapping[int, int]) -> Iterator[Metric]:
    yield _gauge("harness_run_active", "1 while a run lasts.", [], {(): float(run is not None)})
    yield _counter(
        "harness_runs_ended",
        "Runs of this process that ended, by their exit code.",
        ["exit_code"],
        {(str(code),): count for code, count in ended.items()},
    )
    phase = run.phase if run is not None else None
    planned = float(phase.users) if phase is not None else 0.0
    yield _gauge(
        "harness_users", "Users that exist now.", [], {(): float(run.users) if run is not None else 0.0}
    )
    yield _gauge("harness_users_planned", "Users that the phase asks for.", [], {(): planned})
    described = run.described if run is not None else {}
    yield _gauge(
        "harness_run_info",
        "What is run, against what.",
        list(described),
        {tuple(described.values()): 1.0} if described else {},
    )
    labels = ["phase", "kind"]
    here = (phase.name, phase.kind.value) if phase is not None else None
    yield _gauge("harness_phase_info", "The phase that lasts.", labels, {here: 1.0} if here else {})
    yield _gauge(
        "harness_phase_start_time_seconds",
        "When the phase began, seconds since 1970.",
        labels,
        {here: phase.start_us / 1e6} if here and phase is not None else {},
    )
    missing = run.samples_missing if run is not None else 0
    yield _gauge("harness_samples_missing", "Rows of the run that did not arrive.", [], {(): float(missing)})


def _arrivals(counts: CountsNow, run: RunNow | None) -> Iterator[Metric]:
    phase = run.phase if run is not None else None
    requested = phase.arrivals_per_s if phase is not None else None
    yield _gauge(
        "harness_arrivals_requested_per_second",
        "The rate that the phase asks for; 0 in a closed loop and in a ramp.",
        [],
        {(): requested or 0.0},
    )
    for name, words, column in (
        ("harness_arrivals_due", "Arrivals whose time has come; 0 in a closed loop.", "arrivals_due"),
        ("harness_arrivals_late", "Arrivals started more than 5 ms after their time.", "late"),
        ("harness_arrivals_dropped", "Arrivals not started: too many were in flight.", "dropped"),
        ("harness_worker_heartbeats", "Heartbeats of the event loop that were due.", "heartbeats"),
        (
            "harness_worker_heartbeats_late",
            "Heartbeats that came more than 20 ms late.",
            "heartbeats_late",
        ),
    ):
        known = ((index, figures.added_up[column]) for index, figures in _of_run(counts, run))
        yield _counter(name, words, ["worker"], {(str(index),): value for index, value in known})


def _workers(counts: CountsNow, run: RunNow | None, at_us: int) -> Iterator[Metric]:
    pick: Callable[[WorkerFigures], float | None]
    for name, words, pick in (
        ("harness_worker_cpu_ratio", "CPU of the process, 1 is one CPU; mean of 10 s.", lambda w: w.cpu),
        (
            "harness_worker_loop_busy_ratio",
            "Share of time the event loop was busy; of 10 s.",
            lambda w: w.busy,
        ),
        (
            "harness_worker_machine_cpu_ratio",
            "CPU of its machine, 1 is all CPUs; of 10 s.",
            lambda w: w.machine,
        ),
        ("harness_worker_loop_lag_max_seconds", "Largest lag of the event loop in 10 s.", lambda w: w.lag_s),
        (
            "harness_worker_schedule_delay_max_seconds",
            "Largest delay of a start behind its schedule in 10 s.",
            lambda w: w.delay_s,
        ),
        ("harness_worker_in_flight", "Requests in flight.", lambda w: float(w.in_flight)),
        ("harness_worker_users", "Users of the worker.", lambda w: float(w.users)),
        (
            "harness_worker_silent_seconds",
            "Time since the last second that the worker told of; they report every 3 s.",
            lambda w: max(at_us - w.at_us, 0) / 1e6,
        ),
    ):
        known = ((index, pick(figures)) for index, figures in _of_run(counts, run))
        yield _gauge(
            name, words, ["worker"], {(str(index),): value for index, value in known if value is not None}
        )
    workers = run.workers if run is not None else ()
    yield _gauge(
        "harness_worker_up",
        "0 for a worker that was lost.",
        ["worker"],
        {(str(worker.index),): float(not worker.lost) for worker in workers},
    )
    yield _gauge(
        "harness_worker_clock_offset_seconds",
        "How far the worker's clock is ahead of the master's.",
        ["worker"],
        {(str(w.index),): w.clock_offset_s for w in workers if w.clock_offset_s is not None},
    )


def _of_run(counts: CountsNow, run: RunNow | None) -> Iterator[tuple[int, WorkerFigures]]:
    """The workers of this run that have reported, and are not lost."""
    for worker in run.workers if run is not None else ():
        if not worker.lost and worker.index in counts.workers:
            yield worker.index, counts.workers[worker.index]


def _criteria(run: RunNow | None) -> Iterator[Metric]:
    about = ["criterion", "statistic", "quantity", "category", "component", "unit"]
    threshold = GaugeMetricFamily(
        "harness_criterion_threshold", "Levels of a rule; not to be crossed.", labels=[*about, "level"]
    )
    value = GaugeMetricFamily("harness_criterion_value", "The rule's figure over its window.", labels=about)
    status = GaugeMetricFamily(
        "harness_criterion_status",
        "1 for what the rule is in the last seconds, else 0.",
        labels=["criterion", "status"],
    )
    verdicts = {verdict.name: verdict for verdict in run.verdicts.rules} if run is not None else {}
    for rule in run.rules if run is not None else ():
        unit, scale = _BASE_UNITS.get(rule.unit, (rule.unit, 1.0))
        chosen = rule.selection
        labels = [
            *(rule.name, rule.statistic, rule.quantity),
            *(chosen.category or "", chosen.component or "", unit),
        ]
        threshold.add_metric([*labels, "target"], rule.target * scale)
        if rule.critical is not None:
            threshold.add_metric([*labels, "critical"], rule.critical * scale)
        verdict = verdicts.get(rule.name)
        if verdict is not None and verdict.estimate is not None and verdict.estimate.value is not None:
            value.add_metric(labels, verdict.estimate.value * scale)
        for word in _STATUSES:
            status.add_metric([rule.name, word], float(word == _status(verdict)))
    yield from (threshold, value, status)


def _status(verdict: LiveVerdict | None) -> str:
    return PENDING if verdict is None else verdict.status.lower().replace(" ", "_")


def _counter(
    name: str, words: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=labels)
    for chosen, value in values.items():
        family.add_metric(chosen, value)
    return family


def _gauge(
    name: str, words: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for chosen, value in values.items():
        family.add_metric(chosen, value)
    return family
