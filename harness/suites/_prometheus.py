"""A deployed service's own metrics in Prometheus, as figures that rules can be judged on.

Instant queries over a range: `sum by (le) (increase(NAME_bucket{...}[24h]))`. What users did in those
hours is not a load test: throughput says what was asked for, not what could be carried, so rules on it
do not apply; nor do those on phases, request names or models, which no series tells.
"""

import json
import math
import urllib.error
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.analysis import NotMeasured, Selection, quantile_of
from harness.config import PrometheusConfig, hide_credentials
from harness.errors import TargetUnreachableError, UserError
from harness.stats import Estimate, proportion
from harness.suites._buckets import Buckets, bucket_mean, bucket_quantile

#: Sends a GET and returns the body of an answer, whatever its status. Raises OSError.
Fetch = Callable[[str, float], bytes]
Sample = tuple[Mapping[str, str], float]

_TIMEOUT_S = 30.0
_NO_LOAD = "the traffic of a deployed service is what was asked for, not what it can carry"


@dataclass(slots=True)
class PrometheusApi:
    """The query endpoint of one Prometheus, or of anything that speaks its HTTP API."""

    url: str
    fetch: Fetch

    def query(self, expression: str) -> list[Sample]:
        """The samples of an instant query.

        Raises TargetUnreachableError when nothing answers, UserError for an answer that is an error or none
        of Prometheus.
        """
        address = f"{self.url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            body = self.fetch(address, _TIMEOUT_S)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise TargetUnreachableError(
                f"Prometheus does not answer at {_place(self.url)} ({reason})"
            ) from error
        return _samples(body, self.url)


def _samples(body: bytes, url: str) -> list[Sample]:
    try:
        document: dict[str, Any] = json.loads(body)
        if document["status"] != "success":
            raise UserError(
                f"Prometheus at {_place(url)} refused a query: {document.get('error', 'no reason given')}"
            )
        found = document["data"]["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(
            f"{_place(url)} does not speak Prometheus' query API; check `url` under [prometheus]"
        ) from error


def _place(url: str) -> str:
    return hide_credentials(url)


@dataclass(slots=True)
class PrometheusMeasurements:
    """The `Measurements` of a deployed service over the last `config.window_h` hours."""

    api: PrometheusApi
    config: PrometheusConfig
    _answers: dict[str, list[Sample]] = field(default_factory=dict)

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        """One figure; see `harness.analysis.Measurements`. Times are those that the service counts itself."""
        if reason := _inapplicable(quantity, selection):
            return NotMeasured(reason, applicable=False)
        if quantity in {"error_rate", "success_rate"}:
            return self._share(quantity, selection)
        name, labels = self._histogram(quantity, selection)
        buckets = self._buckets(name, labels)
        if not buckets.n:
            return self._nothing(f"{name}_bucket", labels)
        q = quantile_of(statistic)
        if q is not None:
            return bucket_quantile(buckets, q)
        if statistic == "mean":
            return bucket_mean(buckets)
        return NotMeasured(f"a histogram does not tell the {statistic}", applicable=False)

    def requests(self) -> int:
        """How many requests ended in the window."""
        return round(self._sum(self.config.requests, ()))

    def _share(self, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        name, labels = self.config.requests, self._category(selection)
        total = self._sum(name, labels)
        n = round(total)
        if n < 1:
            return self._nothing(name, labels)
        good = self._sum(name, (*labels, self.config.good))
        if quantity == "error_rate":
            degraded = self._sum(name, (*labels, self.config.degraded))
            return proportion(min(max(round(total - good - degraded), 0), n), n)
        return proportion(min(round(good), n), n)

    def _histogram(self, quantity: str, selection: Selection) -> tuple[str, tuple[str, ...]]:
        if quantity == "component_time":
            label = f"{self.config.component_label}={json.dumps(selection.component)}"
            return self.config.component_duration, (label,)
        return self.config.duration, self._category(selection)

    def _category(self, selection: Selection) -> tuple[str, ...]:
        if selection.category is None:
            return ()
        return (f"{self.config.category_label}={json.dumps(selection.category)}",)

    def _buckets(self, name: str, labels: Sequence[str]) -> Buckets:
        samples = self._ask(f"sum by (le) ({self._increase(f'{name}_bucket', labels)})")
        at_most = {float(found["le"]): count for found, count in samples if "le" in found}
        return Buckets.from_cumulative(at_most, self._sum(f"{name}_sum", labels))

    def _sum(self, name: str, labels: Sequence[str]) -> float:
        samples = self._ask(f"sum({self._increase(name, labels)})")
        value = samples[0][1] if samples else 0.0
        return 0.0 if math.isnan(value) else value

    def _increase(self, name: str, labels: Sequence[str]) -> str:
        chosen = ",".join(label for label in (self.config.selector, *labels) if label)
        return f"increase({name}{{{chosen}}}[{round(3600 * self.config.window_h)}s])"

    def _ask(self, expression: str) -> list[Sample]:
        if expression not in self._answers:
            self._answers[expression] = self.api.query(expression)
        return self._answers[expression]

    def _nothing(self, name: str, labels: Sequence[str]) -> NotMeasured:
        chosen = ",".join(label for label in (self.config.selector, *labels) if label)
        return NotMeasured(f"{name}{{{chosen}}} counted nothing in the last {self.config.window_h:g} h")


def _inapplicable(quantity: str, selection: Selection) -> str:
    if quantity in {"throughput", "goodput"}:
        return _NO_LOAD
    if quantity not in {"response_time", "service_time", "component_time", "error_rate", "success_rate"}:
        return f"Prometheus holds no {quantity.replace('_', ' ')} of a deployed service"
    for what in ("phase", "name", "model"):
        if getattr(selection, what) is not None:
            return f"a deployed service's series tell no {what}"
    if quantity == "component_time" and selection.category is not None:
        return "the histogram of components tells no category"
    return ""
