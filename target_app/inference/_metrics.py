"""Prometheus metrics of the simulator: requests, tokens, decode slots, retries, and the process itself."""

from collections.abc import Mapping

import prometheus_client as prometheus
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.registry import Collector

from target_app.inference._slots import Slots

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST


class Metrics:
    """Counts what happened; the slots are read when the metrics are asked for.

    Models that are not served are counted as `unknown`, so that clients cannot add label values.
    """

    def __init__(self, slots: Mapping[str, Slots]) -> None:
        self._models = slots.keys()
        self._registry = CollectorRegistry()
        self._requests = prometheus.Counter(
            "inference_requests",
            "Requests by model and HTTP status.",
            ["model", "status"],
            registry=self._registry,
        )
        self._tokens = prometheus.Counter(
            "inference_tokens", "Tokens by model and kind.", ["model", "kind"], registry=self._registry
        )
        self._retries = prometheus.Counter(
            "inference_retries",
            "Requests that the client marked as a retry.",
            ["model"],
            registry=self._registry,
        )
        for model in slots:
            self._retries.labels(model)
        self._registry.register(_SlotCollector(slots))
        prometheus.ProcessCollector(registry=self._registry)
        self._children: dict[tuple[str, int], prometheus.Counter] = {}
        self._token_children = {
            model: tuple(self._tokens.labels(model, kind) for kind in ("prompt", "completion", "reasoning"))
            for model in slots
        }

    def count_request(self, model: str, status: int, *, retry: bool) -> None:
        """Count one answered request."""
        name = model if model in self._models else "unknown"
        child = self._children.get((name, status))
        if child is None:
            child = self._children[name, status] = self._requests.labels(name, str(status))
        child.inc()
        if retry:
            self._retries.labels(name).inc()

    def count_tokens(self, model: str, prompt: int, completion: int, reasoning: int) -> None:
        """Count the tokens of one completion; reasoning tokens are part of the completion's."""
        for child, tokens in zip(self._token_children[model], (prompt, completion, reasoning), strict=True):
            child.inc(tokens)

    def render(self) -> bytes:
        """The text exposition format."""
        return prometheus.generate_latest(self._registry)


class _SlotCollector(Collector):
    def __init__(self, slots: Mapping[str, Slots]) -> None:
        self._slots = slots

    def collect(self) -> list[GaugeMetricFamily]:
        total = GaugeMetricFamily("inference_decode_slots", "Decode slots of a model.", labels=["model"])
        used = GaugeMetricFamily("inference_decode_slots_in_use", "Slots that decode now.", labels=["model"])
        queue = GaugeMetricFamily(
            "inference_decode_slots_waiting", "Requests in line for a slot.", labels=["model"]
        )
        for model, slots in self._slots.items():
            total.add_metric([model], slots.capacity)
            used.add_metric([model], slots.in_use)
            queue.add_metric([model], slots.waiting)
        return [total, used, queue]
