"""Prometheus metrics of the service.

With several workers, prometheus_client keeps the values in files that all of them share
(PROMETHEUS_MULTIPROC_DIR, set by `python -m target_app --workers N`), so that /metrics adds up whichever
worker answers.
"""

import os
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from target_app.provider import CallRecord
from target_app.trace import CaseTrace

MULTIPROC_DIR = "PROMETHEUS_MULTIPROC_DIR"
# The creation time of every series, which nothing here reads, would double the output.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no annotations
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)


@dataclass(slots=True, frozen=True)
class Levels:
    """What a process holds at one moment."""

    queued: int
    connections_open: int
    connections_in_use: int
    connections_opened: int
    """Since the process started."""
    tasks: int


class Metrics:
    """One registry with its instruments; one per app."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._opened = 0
        self._models: dict[str, _ModelMetrics] = {}
        self.cases = Counter(
            "target_cases",
            "POST /api/cases requests",
            ["complexity", "outcome", "status"],
            registry=registry,
        )
        self._components = _histogram(
            registry, "component_duration", "Time per component of a case", "component"
        )
        self._durations = _histogram(registry, "case_duration", "Time per case", "complexity")
        self.in_flight = _gauge(registry, "cases_in_flight", "Cases being worked on")
        self.queued = _gauge(registry, "cases_queued", "Cases waiting for a place")
        self.tasks = _gauge(registry, "asyncio_tasks", "Tasks of the event loop")
        self.connections = _gauge(
            registry, "provider_connections", "Connections to the provider, open or in use", "state"
        )
        self.opened = Counter(
            "target_provider_connections_opened", "Connections to the provider ever opened", registry=registry
        )
        self._calls = _CallInstruments(registry)
        if MULTIPROC_DIR not in os.environ:
            ProcessCollector(registry=registry)
            GCCollector(registry=registry)

    def observe_call(self, call: CallRecord) -> None:
        """Count one attempt."""
        model = self._models.get(call.model)
        if model is None:
            model = self._models[call.model] = self._calls.of(call.model)
        model.observe(call)

    def observe_case(self, trace: CaseTrace, status: str) -> None:
        """Count one request.

        `status` is that of HTTP, or `disconnected` or `cancelled` if no answer was sent, which is then the
        outcome, too.
        """
        timings = trace.close()
        answered = status.isdecimal()
        self.cases.labels(
            trace.complexity, trace.outcome if answered else status, status if answered else "none"
        ).inc()
        for span in trace.spans:
            self._components.labels(span.name).observe(span.duration_ms / 1000)
        if trace.spans:
            self._components.labels("overhead").observe(timings.overhead_ms / 1000)
            self._components.labels("total").observe(timings.total_ms / 1000)
            self._durations.labels(trace.complexity).observe(timings.total_ms / 1000)

    def set_levels(self, levels: Levels) -> None:
        """Set what a process knows only when it looks."""
        self.queued.set(levels.queued)
        self.tasks.set(levels.tasks)
        self.connections.labels("open").set(levels.connections_open)
        self.connections.labels("in_use").set(levels.connections_in_use)
        self.opened.inc(levels.connections_opened - self._opened)
        self._opened = levels.connections_opened

    def exposition(self) -> bytes:
        """The text format, summed over workers."""
        if MULTIPROC_DIR not in os.environ:
            return generate_latest(self._registry)
        summed = CollectorRegistry()
        MultiProcessCollector(summed)  # type: ignore[no-untyped-call]  # the library has no annotations
        return generate_latest(summed)

    def close(self) -> None:
        """Take this worker's gauges out of the sum."""
        if MULTIPROC_DIR in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]  # as above


class _CallInstruments:
    """What is counted per model; `of` looks the labels up once, since five calls make a case."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "target_model_calls", "Calls to the provider", ["model", "status"], registry=registry
        )
        self.tokens = Counter(
            "target_tokens", "Tokens by direction", ["model", "direction"], registry=registry
        )
        self.retries = Counter(
            "target_retries", "Calls that repeat a failed one", ["model"], registry=registry
        )
        self.duration = _histogram(registry, "model_call_duration", "Time per completed call", "model")
        self.first_token = _histogram(
            registry, "model_first_token", "Time to the first token of an answer, of streamed calls", "model"
        )
        self.phases = _histogram(
            registry, "model_phase", "Time per completed call as the provider reports it", "model", "phase"
        )

    def of(self, model: str) -> "_ModelMetrics":
        return _ModelMetrics(self, model)


class _ModelMetrics:
    def __init__(self, instruments: _CallInstruments, model: str) -> None:
        self._calls = instruments.calls
        self._model = model
        self._ok = instruments.calls.labels(model, "200")
        self._retries = instruments.retries.labels(model)
        self._input = instruments.tokens.labels(model, "input")
        self._output = instruments.tokens.labels(model, "output")
        self._duration = instruments.duration.labels(model)
        self._first_token = instruments.first_token.labels(model)
        self._queue = instruments.phases.labels(model, "queue")
        self._prefill = instruments.phases.labels(model, "prefill")
        self._decode = instruments.phases.labels(model, "decode")

    def observe(self, call: CallRecord) -> None:
        if call.attempt:
            self._retries.inc()
        if not call.ok:
            self._calls.labels(self._model, call.status).inc()
            return
        self._ok.inc()
        self._input.inc(call.input_tokens or 0)
        self._output.inc(call.output_tokens or 0)
        self._duration.observe(call.latency_ms / 1000)
        for histogram, value_ms in (
            (self._first_token, call.first_token_ms),
            (self._queue, call.queue_ms),
            (self._prefill, call.prefill_ms),
            (self._decode, call.decode_ms),
        ):
            if value_ms is not None:
                histogram.observe(value_ms / 1000)


def _histogram(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Histogram:
    return Histogram(f"target_{name}_seconds", help_text, labels, buckets=BUCKETS_S, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Gauge:
    return Gauge(f"target_{name}", help_text, labels, multiprocess_mode="livesum", registry=registry)
