"""Capacity of one run or several: the levels, how throughput scales, and what saturates first."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._capacity_model import Capacity, LoadLevel, Resource, Saturation
from harness.analysis._dataset import RequestDataset
from harness.analysis._generator_load import worker_phases
from harness.analysis._model import ComponentStep, LoadStep
from harness.analysis._samples import Samples
from harness.analysis._saturation import Evidence, ServiceLevels, what_saturates
from harness.runs import Cause, Outcome
from harness.stats import Estimate, Scalability, fit_scalability

if TYPE_CHECKING:
    import pandas as pd

USERS, ARRIVALS = "users", "arrivals/s"

#: Names of services that stand for the provider of the models; every other is the target or a part of it.
PROVIDERS = frozenset({"inference", "llm", "model", "ollama", "provider", "simulator", "tgi", "vllm"})
_QUEUE, _WAIT = "queue", "admission"
_LIMITED = ("429", "rate-limited", "rate limit")


def run_capacity(
    data: RequestDataset,
    steps: Sequence[LoadStep],
    by_step: Sequence[ComponentStep],
    resources: "pd.DataFrame",
) -> Capacity | None:
    """Of the load steps of a run folder; None where it has fewer than two."""
    if len(steps) < 2:
        return None
    unit = unit_of(steps)
    evidence = _evidence(data, steps, by_step, resources, unit)
    levels = load_levels(data.run.manifest.run_id, steps, unit)
    return _capacity(unit, levels, what_saturates(evidence, unit))


def steps_capacity(run_id: str, steps: Sequence[LoadStep], why_unknown: str) -> Capacity | None:
    """Of load steps alone, as of stock CSVs: what saturates cannot be told."""
    if len(steps) < 2:
        return None
    unit = unit_of(steps)
    return _capacity(unit, load_levels(run_id, steps, unit), Saturation(None, None, why_unknown))


def merged_capacity(parts: Sequence[Capacity]) -> Capacity:
    """Of several runs together: all their levels; the limit is that of the run that met it at the least load.

    Raises ValueError for none, and for units that differ.
    """
    units = {part.unit for part in parts}
    if len(units) != 1:
        raise ValueError(f"levels in {' and '.join(sorted(units)) or 'no unit'} are not of one scale")
    levels = [level for part in parts for level in part.levels]
    limits = [part.limit for part in parts]
    known = [limit for limit in limits if limit.resource is not None and limit.from_load is not None]
    # A run that measured its own generator says nothing of the service.
    service = [limit for limit in known if limit.resource is not Resource.GENERATOR_CPU]
    first = min(service or known, key=lambda limit: limit.from_load or 0.0, default=None)
    largest = max(parts, key=lambda part: max(level.load for level in part.levels))
    return _capacity(units.pop(), levels, first or largest.limit)


def unit_of(steps: Sequence[LoadStep]) -> str:
    """What the levels of load are in."""
    return ARRIVALS if steps and all(step.arrivals_per_s for step in steps) else USERS


def load_levels(run_id: str, steps: Sequence[LoadStep], unit: str) -> list[LoadLevel]:
    """The steps as levels of load, in the order of time."""
    return [
        LoadLevel(
            run_id=run_id,
            phase=step.phase,
            load=_load(step, unit),
            seconds=step.seconds,
            throughput=step.group.throughput,
            p95=step.group.response_time.get("p95"),
            error_rate=step.group.error_rate,
            in_flight=_in_flight(step.group.throughput, step.group.response_time.get("mean")),
        )
        for step in steps
    ]


def _load(step: LoadStep, unit: str) -> float:
    return float(step.arrivals_per_s or 0.0) if unit == ARRIVALS else float(step.users)


def _in_flight(throughput: Estimate, mean: Estimate | None) -> float | None:
    if throughput.value is None or mean is None or mean.value is None:
        return None
    return throughput.value * mean.value / 1000


def _capacity(unit: str, levels: Sequence[LoadLevel], limit: Saturation) -> Capacity:
    ordered = sorted(levels, key=lambda level: level.load)
    scaling, note = _scaling(ordered, unit)
    of = "users" if unit == USERS else "requests in flight"
    return Capacity(unit, ordered, scaling, of, note, limit)


def _scaling(levels: Sequence[LoadLevel], unit: str) -> tuple[Scalability | None, str]:
    """The fit, or why there is none. In an open loop the load of the law is what is in flight."""
    loads = [level.load if unit == USERS else level.in_flight for level in levels]
    points = [
        (load, level.throughput.value)
        for load, level in zip(loads, levels, strict=True)
        if load is not None and level.throughput.value
    ]
    if len(points) < len(levels):
        return None, f"no fit of the scalability law: {len(levels) - len(points)} levels answered nothing"
    try:
        return fit_scalability(*zip(*points, strict=True)), ""
    except ValueError as error:
        return None, f"no fit of the scalability law: {str(error).replace('a scalability fit', 'it')}"


def _evidence(
    data: RequestDataset,
    steps: Sequence[LoadStep],
    by_step: Sequence[ComponentStep],
    resources: "pd.DataFrame",
    unit: str,
) -> list[Evidence]:
    busy = _generator_busy(data)
    services = _services(data, resources)
    refused = _refused(data.samples, len(steps))
    found = []
    for index, step in enumerate(steps):
        mean = step.group.response_time.get("mean")
        counted = step.group.error_rate.n
        by_service, by_provider = refused[index]
        own = services.get(index, {})
        found.append(
            Evidence(
                load=_load(step, unit),
                throughput=step.group.throughput.value,
                response_ms=None if mean is None else mean.value,
                generator_busy=busy.get(index),
                targets={name: told for name, told in own.items() if name not in PROVIDERS},
                providers={name: told for name, told in own.items() if name in PROVIDERS},
                provider_queue_ms=_per_case(by_step, step.phase, _QUEUE),
                service_wait_ms=_per_case(by_step, step.phase, _WAIT),
                refused_by_service=by_service / counted if counted else 0.0,
                refused_by_provider=by_provider / counted if counted else 0.0,
            )
        )
    return found


def _per_case(by_step: Sequence[ComponentStep], phase: str, component: str) -> float | None:
    """The mean time of a component per successful request of a step, whatever its category."""
    own = [step.mean for step in by_step if step.phase == phase and step.component == component]
    n = sum(mean.n for mean in own)
    return sum((mean.value or 0.0) * mean.n for mean in own) / n if n else None


def _generator_busy(data: RequestDataset) -> dict[int, float]:
    """By step, how busy the busiest worker's event loop was, in percent."""
    found: dict[int, float] = {}
    for each in worker_phases(data):
        busy = each.busy_percent
        busy = busy[~np.isnan(busy)]
        if len(busy):
            found[each.index] = max(found.get(each.index, 0.0), float(busy.mean()))
    return found


def _services(data: RequestDataset, table: "pd.DataFrame") -> dict[int, dict[str, ServiceLevels]]:
    """By step and service, the means of what it told."""
    if not len(table):
        return {}
    piece = data.measured.locate(table["at"].to_numpy(dtype="datetime64[us]").astype(np.int64))
    names = table["service"].to_numpy(dtype=object)
    columns = {
        name: table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("cpu_percent", "in_flight", "queue")
    }
    found: dict[int, dict[str, ServiceLevels]] = {}
    for index, name in itertools.product(range(len(data.measured.pieces)), sorted(set(names))):
        rows = (piece == index) & (names == name)
        if rows.any():
            told = {column: _mean(values[rows]) for column, values in columns.items()}
            found.setdefault(index, {})[str(name)] = ServiceLevels(**told)
    return found


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _refused(samples: Samples, steps: int) -> list[tuple[int, int]]:
    """By step, how many requests the service refused, and how many failed as the provider refused calls."""
    failed = samples.where(samples.values("failed"))
    failed = failed.where(failed.values("piece") >= 0)
    if not len(failed):
        return [(0, 0)] * steps
    piece, outcome = failed.values("piece"), failed.codes("outcome")
    cause, error = failed.codes("cause"), failed.codes("error")
    words = failed.placed.columns.words
    limited = [code for code, text in enumerate(failed.labels("error")) if _is_limit(text)]
    provider = (cause == words["cause"].code(Cause.PROVIDER)) & np.isin(error, limited)
    service = (outcome == words["outcome"].code(Outcome.REJECTED)) & (
        cause == words["cause"].code(Cause.SERVICE)
    )
    counts = (np.bincount(piece[mask], minlength=steps).tolist() for mask in (service, provider))
    return list(zip(*counts, strict=True))


def _is_limit(text: str) -> bool:
    return any(word in text.lower() for word in _LIMITED)
