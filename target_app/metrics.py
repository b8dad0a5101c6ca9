"""Prometheus metrics of the service.

With several workers, prometheus_client keeps the values in files that all of them share
(PROMETHEUS_MULTIPROC_DIR, set by `python -m target_app --workers N`), so that /metrics adds up whichever
worker answers.
"""

import os

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


class Metrics:
    """One registry with its instruments; one per app."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.cases = Counter(
            "target_cases", "POST /api/cases requests answered", ["complexity", "status"], registry=registry
        )
        self.in_flight = Gauge(
            "target_cases_in_flight", "Cases being worked on", multiprocess_mode="livesum", registry=registry
        )
        self.components = Histogram(
            "target_component_duration_seconds",
            "Time per component of a case",
            ["component"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.call_duration = Histogram(
            "target_model_call_duration_seconds",
            "Time per completed call to the provider",
            ["model"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.calls = Counter(
            "target_model_calls", "Calls to the provider", ["model", "status"], registry=registry
        )
        self.tokens = Counter(
            "target_tokens", "Tokens by direction", ["model", "direction"], registry=registry
        )
        self.retries = Counter(
            "target_retries", "Calls that repeat a failed one", ["model"], registry=registry
        )
        if MULTIPROC_DIR not in os.environ:
            ProcessCollector(registry=registry)
            GCCollector(registry=registry)

    def observe_call(self, call: CallRecord) -> None:
        """Count one attempt."""
        self.calls.labels(call.model, call.status).inc()
        if call.attempt:
            self.retries.labels(call.model).inc()
        if call.ok:
            self.call_duration.labels(call.model).observe(call.latency_ms / 1000)
            self.tokens.labels(call.model, "input").inc(call.input_tokens or 0)
            self.tokens.labels(call.model, "output").inc(call.output_tokens or 0)

    def observe_case(self, trace: CaseTrace, status: str) -> None:
        """Count one request; `status` is that of HTTP, or `disconnected` or `cancelled` if none was sent."""
        timings = trace.close()
        self.cases.labels(trace.complexity, status).inc()
        for span in trace.spans:
            self.components.labels(span.name).observe(span.duration_ms / 1000)
        if trace.spans:
            self.components.labels("overhead").observe(timings.overhead_ms / 1000)
            self.components.labels("total").observe(timings.total_ms / 1000)

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
