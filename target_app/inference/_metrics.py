"""Prometheus metrics of the simulator: requests, tokens, queue, decode slots, faults, and the process itself.

Counting happens on the path of every completion, so it is plain dictionaries; the families are made when the
metrics are asked for.
"""

import bisect
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

import prometheus_client as prometheus
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from target_app.inference._slots import Slots

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST
QUEUE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics(Collector):
    """Counts what happened; the slots are read when the metrics are asked for.

    Models that are not served are counted as `unknown`, so that clients cannot add label values.
    """

    def __init__(self, slots: Mapping[str, Slots]) -> None:
        self._slots = slots
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._tokens: Counter[tuple[str, ...]] = Counter(
            dict.fromkeys(itertools.product(slots, ("prompt", "completion", "reasoning")), 0)
        )
        self._retries: Counter[tuple[str, ...]] = Counter({(model,): 0 for model in slots})
        self._limited: Counter[tuple[str, ...]] = Counter()
        self._faults: Counter[tuple[str, ...]] = Counter()
        self._queued = {model: [0] * (len(QUEUE_BUCKETS_S) + 1) for model in slots}
        self._queued_s = dict.fromkeys(slots, 0.0)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        prometheus.ProcessCollector(registry=self._registry)

    def count_request(self, model: str, status: str, *, retry: bool) -> None:
        """Count one request by its HTTP status, or `cut` or `disconnected` for an incomplete answer."""
        name = model if model in self._slots else "unknown"
        self._requests[name, status] += 1
        if retry:
            self._retries[(name,)] += 1

    def count_tokens(self, model: str, prompt: int, completion: int, reasoning: int) -> None:
        """Count the tokens of one completion; reasoning tokens are part of the completion's."""
        self._tokens[model, "prompt"] += prompt
        self._tokens[model, "completion"] += completion
        self._tokens[model, "reasoning"] += reasoning

    def count_fault(self, model: str, kind: str) -> None:
        """Count one injected fault."""
        self._faults[model, kind] += 1

    def count_limited(self, model: str, limit: str) -> None:
        """Count one request that a rate limit refused."""
        self._limited[model, limit] += 1

    def observe_queue(self, model: str, seconds: float) -> None:
        """Add one completion's wait before its prompt was read."""
        self._queued[model][bisect.bisect_left(QUEUE_BUCKETS_S, seconds)] += 1
        self._queued_s[model] += seconds

    def render(self) -> bytes:
        """The text exposition format."""
        return prometheus.generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families, for the registry."""
        yield _counter(
            "inference_requests",
            "Requests by model and HTTP status; cut and disconnected: the answer was not complete.",
            ["model", "status"],
            self._requests,
        )
        yield _counter("inference_tokens", "Tokens by model and kind.", ["model", "kind"], self._tokens)
        yield _counter(
            "inference_retries", "Requests that the client marked as a retry.", ["model"], self._retries
        )
        yield _counter(
            "inference_rate_limited",
            "Requests refused by a rate limit: rpm, rpd, tpm, tpd, or request-size (413).",
            ["model", "limit"],
            self._limited,
        )
        yield _counter("inference_faults", "Injected faults by kind.", ["model", "kind"], self._faults)
        yield self._queue_histogram()
        yield from self._slot_gauges()

    def _queue_histogram(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "inference_queue_seconds",
            "Wait before the prompt was read: the profile's queue and the wait for a decode slot.",
            labels=["model"],
        )
        edges = [*map(str, QUEUE_BUCKETS_S), "+Inf"]
        for model, counts in self._queued.items():
            buckets = list(zip(edges, itertools.accumulate(counts), strict=True))
            family.add_metric([model], buckets, self._queued_s[model])
        return family

    def _slot_gauges(self) -> Iterator[GaugeMetricFamily]:
        for name, words, field in (
            ("inference_decode_slots", "Decode slots of a model.", "capacity"),
            ("inference_decode_slots_in_use", "Slots that decode now.", "in_use"),
            ("inference_decode_slots_waiting", "Requests in line for a slot.", "waiting"),
        ):
            family = GaugeMetricFamily(name, words, labels=["model"])
            for model, slots in self._slots.items():
                family.add_metric([model], getattr(slots, field))
            yield family


def _counter(
    name: str, words: str, labels: list[str], counts: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=labels)
    for values, count in counts.items():
        family.add_metric(list(values), count)
    return family
