"""What of a run is kept to compare it with others: samples per quantity, and the metrics made of them.

A series is the samples of one quantity over one selection of requests; several metrics (p50, p95,
mean, ...) are made of one series. The same record comes from a run folder, at full size, and from
benchmarks/baseline.json, at a few hundred points. Nothing here decides whether a change matters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.analysis._model import Selection
from harness.analysis._quantities import QUANTITIES
from harness.stats import Distribution

#: Statistics that are compared of each quantity; shares and throughput have the statistic `rate`.
COMPARED = {
    "response_time": ("p50", "p95", "p99", "mean"),
    "component_time": ("mean", "p95"),
    "call_time": ("p50", "mean"),
    "cost": ("mean",),
    "llm_calls": ("mean",),
    "input_tokens": ("mean",),
    "output_tokens": ("mean",),
    "debate_rate": ("rate",),
    "throughput": ("rate",),
    "error_rate": ("rate",),
    "success_rate": ("rate",),
}

#: How much the service does for a case, as opposed to how long it takes.
WORK = ("llm_calls", "input_tokens", "output_tokens", "debate_rate")

#: The provider's own times, which are told per case.
PROVIDER_PARTS = ("queue", "prefill", "decode")

UNITS = {
    "response_time": "ms",
    "component_time": "ms",
    "call_time": "µs",
    "cost": "USD",
    "debate_rate": "%",
    "error_rate": "%",
    "success_rate": "%",
    "throughput": "req/s",
}

_LOWER_IS_WORSE = frozenset({"throughput", "success_rate"})
_SELECTORS = ("component", "category", "phase")
_KEY = re.compile(r"(?P<quantity>\w+)(?:\{(?P<selectors>[^{}]*)\})?")


@dataclass(slots=True, frozen=True)
class Share:
    """`k` of `n` requests."""

    k: int
    n: int


@dataclass(slots=True, frozen=True)
class Counts:
    """Events in successive stretches of `batch_s` seconds."""

    counts: tuple[int, ...]
    batch_s: int

    def in_batches_of(self, batch_s: int) -> "Counts":
        """The same in longer stretches, of which each is a multiple; an unfinished one is left out.

        >>> Counts((1, 2, 3, 4, 5), 1).in_batches_of(2)
        Counts(counts=(3, 7), batch_s=2)
        """
        size = batch_s // self.batch_s
        whole = len(self.counts) // size * size
        return Counts(tuple(sum(self.counts[i : i + size]) for i in range(0, whole, size)), batch_s)


@dataclass(slots=True, frozen=True)
class Values:
    """Samples, and by statistic how many independent ones they are worth for it.

    Requests that hang together in time are worth less than their number, and less so for a tail
    than for the mean.
    """

    distribution: Distribution
    worth: Mapping[str, int]

    def for_statistic(self, statistic: str) -> Distribution:
        """The samples, to be compared by one statistic."""
        worth = self.worth.get(statistic, self.distribution.n_effective)
        return replace(self.distribution, n_effective=worth)


Series = Values | Share | Counts


@dataclass(slots=True, frozen=True)
class Contribution:
    """Where the time of the requests around one figure goes, ms; the parts add up to `total_ms`.

    For a quantile q the requests are those whose response time lies around it: the mean of a part
    over them is what it contributes to the quantile (Tasche 2000, "Risk contributions and
    performance measurement"). `outside` is what the service does not tell of: network and waiting
    before it. `provider` are the provider's times in the same requests; they lie inside the parts
    and, with calls in parallel, add up to more than the time that passed.
    """

    n: int
    total_ms: float
    parts_ms: Mapping[str, float]
    provider_ms: Mapping[str, float]


@dataclass(slots=True, frozen=True)
class RunSeries:
    """One run, ready to be compared. `series` and `contributions` are keyed by names as in rules.

    `host` is where the service was, the same for every port of the generator's own machine; empty where
    that is not known.
    """

    run_id: str
    scenario: str
    started_at: str
    git_commit: str
    provider: str
    fingerprint_parts: Mapping[str, str]
    series: Mapping[str, Series]
    contributions: Mapping[str, Contribution] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    host: str = ""


@dataclass(slots=True, frozen=True)
class Metric:
    """One figure that is compared.

    >>> Metric("p95", "response_time", Selection(category="simple")).name
    'p95(response_time){category=simple}'
    >>> Metric("rate", "throughput", Selection(phase="highest")).name
    'throughput{phase=highest}'
    """

    statistic: str
    quantity: str
    selection: Selection = field(default_factory=Selection)

    @property
    def name(self) -> str:
        series = series_name(self.quantity, self.selection)
        if self.statistic == "rate":
            return series
        return f"{self.statistic}({self.quantity}){series[len(self.quantity) :]}"

    @property
    def title(self) -> str:
        """The metric in few words.

        >>> Metric("p95", "response_time", Selection(category="simple")).title
        'p95 response time, simple'
        >>> Metric("mean", "component_time", Selection(component="triage")).title
        'mean triage time'
        >>> Metric("rate", "throughput", Selection(phase="highest")).title
        'throughput, highest load'
        """
        chosen = self.selection
        if self.is_component:
            what = f"{self.statistic} {chosen.component} time"
        elif self.quantity == "call_time":
            what = f"{self.statistic} {chosen.component}"
        elif self.quantity == "debate_rate":
            what = "debate rate"
        else:
            words = QUANTITIES[self.quantity].words
            what = words if self.statistic == "rate" or self.is_work else f"{self.statistic} {words}"
        where = [chosen.category, "highest load" if chosen.phase == "highest" else chosen.phase]
        return ", ".join([what, *(word for word in where if word)])

    @property
    def series(self) -> str:
        return series_name(self.quantity, self.selection)

    @property
    def unit(self) -> str:
        return UNITS.get(self.quantity, "")

    @property
    def lower_is_worse(self) -> bool:
        return self.quantity in _LOWER_IS_WORSE

    @property
    def is_component(self) -> bool:
        return self.quantity == "component_time"

    @property
    def rank(self) -> int:
        """What a reader looks at first: 0 whole requests, 1 components, 2 the provider's times in them."""
        if not self.is_component:
            return 0
        return 2 if self.selection.component in PROVIDER_PARTS else 1

    @property
    def is_work(self) -> bool:
        """Whether it tells how much is done rather than how fast."""
        return self.quantity in WORK or self.quantity == "cost"


def series_name(quantity: str, selection: Selection) -> str:
    """
    >>> series_name("component_time", Selection(category="simple", component="triage"))
    'component_time{component=triage,category=simple}'
    """
    chosen = ((name, getattr(selection, name)) for name in _SELECTORS)
    inner = ",".join(f"{name}={value}" for name, value in chosen if value is not None)
    return f"{quantity}{{{inner}}}" if inner else quantity


def metrics_of(names: Iterable[str]) -> list[Metric]:
    """The metrics of some series: whole requests first, then work, then components; unknown ones left out."""
    found = []
    for name in sorted(set(names)):
        match = _KEY.fullmatch(name)
        if match is None or match["quantity"] not in COMPARED:
            continue
        pairs = (pair.partition("=") for pair in (match["selectors"] or "").split(",") if pair)
        chosen = {key: value for key, _, value in pairs if key in _SELECTORS}
        quantity = match["quantity"]
        found += [Metric(statistic, quantity, Selection(**chosen)) for statistic in COMPARED[quantity]]
    quantities = list(COMPARED)
    quantities.append(quantities.pop(quantities.index("component_time")))
    return sorted(found, key=lambda metric: quantities.index(metric.quantity))


def series_to_json(series: Series) -> dict[str, Any]:
    """A record of a few numbers; points with four significant digits."""
    match series:
        case Share():
            return {"k": series.k, "n": series.n}
        case Counts():
            return {"batch_s": series.batch_s, "counts": list(series.counts)}
        case Values():
            record = series.distribution.to_json()
            points = [_short(point) for point in record["points"]]
            return {**record, "worth": dict(series.worth), "points": points}


def series_from_json(record: Mapping[str, Any]) -> Series:
    """What `series_to_json` gave. ValueError, in one line, for anything else."""
    try:
        if "points" in record:
            distribution = Distribution.from_json(record)
            worth = {str(name): int(n) for name, n in record["worth"].items()}
            if any(not 1 <= n <= distribution.n for n in worth.values()):
                raise ValueError(f"{distribution.n} samples cannot be worth {worth}")
            return Values(distribution, worth)
        if "counts" in record:
            counts, batch_s = tuple(int(count) for count in record["counts"]), int(record["batch_s"])
            if batch_s < 1 or any(count < 0 for count in counts):
                raise ValueError(f"counts in batches of {batch_s} s")
            return Counts(counts, batch_s)
        share = Share(int(record["k"]), int(record["n"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a series: {type(error).__name__} {error}") from error
    if not 0 <= share.k <= share.n:
        raise ValueError(f"not a series: {share.k} of {share.n}")
    return share


def run_to_json(run: RunSeries) -> dict[str, Any]:
    """A run as benchmarks/baseline.json keeps it; keys in a fixed order."""
    return {
        "run_id": run.run_id,
        "scenario": run.scenario,
        "started_at": run.started_at,
        "git_commit": run.git_commit,
        "provider": run.provider,
        **({"host": run.host} if run.host else {}),
        "fingerprint": dict(sorted(run.fingerprint_parts.items())),
        "series": {name: series_to_json(run.series[name]) for name in sorted(run.series)},
        "contributions": {
            name: {
                "n": found.n,
                "total_ms": _short(found.total_ms),
                "parts_ms": {part: _short(ms) for part, ms in found.parts_ms.items()},
                "provider_ms": {part: _short(ms) for part, ms in found.provider_ms.items()},
            }
            for name, found in sorted(run.contributions.items())
        },
    }


def run_from_json(record: Mapping[str, Any]) -> RunSeries:
    """What `run_to_json` gave. ValueError, in one line, for anything else."""
    try:
        texts = [str(record[key]) for key in ("run_id", "scenario", "started_at", "git_commit", "provider")]
        parts = {str(name): str(value) for name, value in record["fingerprint"].items()}
        series = {str(name): series_from_json(found) for name, found in record["series"].items()}
        contributions = {
            str(name): Contribution(
                int(found["n"]),
                float(found["total_ms"]),
                {str(part): float(ms) for part, ms in found["parts_ms"].items()},
                {str(part): float(ms) for part, ms in found["provider_ms"].items()},
            )
            for name, found in record.get("contributions", {}).items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a run: {type(error).__name__} {error}") from error
    host = str(record.get("host", ""))
    run_id, scenario, started_at, git_commit, provider = texts
    return RunSeries(
        run_id, scenario, started_at, git_commit, provider, parts, series, contributions, host=host
    )


def differing_parts(
    bases: Sequence[RunSeries], candidates: Sequence[RunSeries]
) -> dict[str, tuple[str, str]]:
    """Parts of the fingerprint in which any two runs differ: name to the values of both sides."""
    runs = [*bases, *candidates]
    names = dict.fromkeys(name for run in runs for name in run.fingerprint_parts)
    found = {}
    for name in names:
        sides = [
            list(dict.fromkeys(run.fingerprint_parts.get(name, "unknown") for run in side))
            for side in (bases, candidates)
        ]
        if len({*sides[0], *sides[1]}) > 1:
            found[name] = (" / ".join(sides[0]), " / ".join(sides[1]))
    return found


def _short(value: float) -> float | int:
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded
