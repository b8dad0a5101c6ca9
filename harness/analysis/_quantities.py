"""The words that rules and reports may use: statistics, quantities, and what each is measured in."""

import enum
import re
from dataclasses import dataclass

from harness.analysis._model import Selection

_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")

#: Statistics with a fixed name; besides them `p50`, `p99.9` and so on.
STATISTICS = ("count", "max", "mean", "min", "rate", "stdev")

#: What a group of requests is described by in summary.json and in reports.
REPORTED = ("mean", "min", "p50", "p90", "p95", "p99", "p99.9", "max")


class Kind(enum.StrEnum):
    """How a quantity is measured.

    A value per request, a share of them, events per second; of the run as a whole a load, or how it went
    over time.
    """

    VALUE = "value"
    SHARE = "share"
    RATE = "rate"
    LOAD = "load"
    COURSE = "course"


@dataclass(slots=True, frozen=True)
class Quantity:
    """`column` is where a value per request is kept; `words` is how people read it.

    `selectors` are those that a rule may have: None for those of requests.
    """

    name: str
    kind: Kind
    unit: str
    words: str
    column: str = ""
    selectors: tuple[str, ...] | None = None


_ALL = (
    Quantity("response_time", Kind.VALUE, "ms", "response time", "response_ms"),
    Quantity("service_time", Kind.VALUE, "ms", "service time", "service_ms"),
    Quantity("component_time", Kind.VALUE, "ms", "time in component", "duration_ms"),
    Quantity("time_to_first_byte", Kind.VALUE, "ms", "time to first byte", "first_byte_ms"),
    Quantity("time_to_first_token", Kind.VALUE, "ms", "time to first token", "first_token_ms"),
    Quantity("cost", Kind.VALUE, "USD", "cost per case", "cost_usd"),
    Quantity("input_tokens", Kind.VALUE, "", "input tokens per case", "input_tokens"),
    Quantity("output_tokens", Kind.VALUE, "", "output tokens per case", "output_tokens"),
    Quantity("llm_calls", Kind.VALUE, "", "model calls per case", "llm_calls"),
    Quantity("error_rate", Kind.SHARE, "%", "error rate"),
    Quantity("success_rate", Kind.SHARE, "%", "success rate"),
    Quantity("throughput", Kind.RATE, "req/s", "throughput"),
    Quantity("goodput", Kind.RATE, "req/s", "goodput"),
    Quantity("slo_capacity", Kind.LOAD, "", "capacity at the criteria", selectors=()),
    Quantity("response_time_drift", Kind.COURSE, "%", "drift of p95 response time", selectors=("category",)),
    Quantity("error_rate_drift", Kind.COURSE, "points", "drift of the error rate", selectors=()),
    Quantity("memory_drift", Kind.COURSE, "%", "drift of memory", selectors=("service",)),
    Quantity("recovery_time", Kind.COURSE, "s", "recovery time", selectors=()),
)

#: Every quantity by its name.
QUANTITIES = {quantity.name: quantity for quantity in _ALL}

PER_CASE = ("cost", "input_tokens", "output_tokens", "llm_calls")


def quantile_of(statistic: str) -> float | None:
    """0.95 for `p95`; None for a statistic that is not a quantile between 0 and 1.

    >>> quantile_of("p99.9"), quantile_of("mean"), quantile_of("p0")
    (0.999, None, None)
    """
    match = _QUANTILE.fullmatch(statistic)
    if match is None or float(match[1]) == 0:
        return None
    return round(float(match[1]) / 100, 12)


def describe(selection: Selection) -> str:
    """What a selection leaves, in words; empty for all requests.

    >>> describe(Selection(category="simple", phase="highest"))
    'category simple, phase highest'
    """
    parts = ("component", "category", "name", "model", "phase", "service")
    chosen = ((part, getattr(selection, part)) for part in parts)
    return ", ".join(f"{part} {value}" for part, value in chosen if value is not None)
