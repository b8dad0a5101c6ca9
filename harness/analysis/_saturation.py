"""What saturates first: rules over what was seen at each level of load. Pure.

A resource is at its limit at a level where its own signs say so:

- *generator CPU*: the event loop of a worker is busy for 90 % of the level or more (busy is the time in
  which it ran or waited for a CPU). What it measures is then its own waiting, and the run is invalid.
- *provider rate limit*: 1 % of the requests or more fail because the provider refuses calls (429).
- *provider decode slots*: calls wait at the provider: its time in the queue (`queue` of `Server-Timing`) grew
  by 10 % of the response time or more and at least doubled, or a call or more stands in line on average.
- *target CPU*: the service uses 90 % of a CPU or more.
- *target concurrency limit*: a request or more waits for a place in the service on average, or 1 % of the
  requests are refused by it, while its CPU is not at its limit.

A limit counts from the lowest level from which on it is reached at two in three levels, the highest
included. The one that is reached at the lowest load is named. Of several at one level the first of the list
above is: what waits further down the line fills what is above it, never the other way round.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis._capacity_model import Resource, Saturation

BUSY_PERCENT = 90.0
REFUSED_SHARE = 0.01
QUEUE_SHARE = 0.1
LEAST_IN_LINE = 1.0
#: Of the levels from the first on, how many must show the limit too.
_MOST_LEVELS = 2 / 3
#: Throughput that grows by less than half of what the load does has bent.
_BENT = 0.5


@dataclass(slots=True, frozen=True)
class ServiceLevels:
    """Means of what a service told in one level; None for what it did not tell."""

    cpu_percent: float | None = None
    in_flight: float | None = None
    queue: float | None = None


@dataclass(slots=True, frozen=True)
class Evidence:
    """What was seen at one level of load; None for what was not recorded.

    `provider_queue_ms` is per case, `service_wait_ms` the wait for a place in the service.
    `refused_by_service` and `refused_by_provider` are shares of the requests.
    """

    load: float
    throughput: float | None
    response_ms: float | None
    generator_busy: float | None = None
    targets: Mapping[str, ServiceLevels] = field(default_factory=dict)
    providers: Mapping[str, ServiceLevels] = field(default_factory=dict)
    provider_queue_ms: float | None = None
    service_wait_ms: float | None = None
    refused_by_service: float = 0.0
    refused_by_provider: float = 0.0


def what_saturates(levels: Sequence[Evidence], unit: str = "users") -> Saturation:
    """The resource that is at its limit first, with the evidence; see the module."""
    ordered = sorted(levels, key=lambda level: level.load)
    if not ordered:
        return Saturation(None, None, "no load level was measured")
    found: list[tuple[int, int, Resource, list[str]]] = []
    for rank, (resource, signs) in enumerate(_SIGNS.items()):
        seen = [signs(ordered[0], level) for level in ordered]
        first = _onset([bool(words) for words in seen])
        if first is not None:
            found.append((first, rank, resource, [*_first_and_last(ordered, seen, first, unit)]))
    found.sort(key=lambda each: each[:2])
    if not found:
        return _nothing(ordered, unit)
    first, _, resource, evidence = found[0]
    load = ordered[first].load
    invalid = "; the run measures its own generator" if resource is Resource.GENERATOR_CPU else ""
    also = tuple(f"{other} from {ordered[at].load:g} {unit}" for at, _, other, _ in found[1:])
    return Saturation(resource, load, f"{resource}, from {load:g} {unit} on{invalid}", tuple(evidence), also)


def _onset(reached: Sequence[bool]) -> int | None:
    """The first level from which on a limit is reached; None where the highest does not reach it."""
    if not reached[-1]:
        return None
    for first, is_reached in enumerate(reached):
        rest = reached[first:]
        if is_reached and sum(rest) >= _MOST_LEVELS * len(rest):
            return first
    return None


def _first_and_last(
    levels: Sequence[Evidence], seen: Sequence[Sequence[str]], first: int, unit: str
) -> Sequence[str]:
    places = dict.fromkeys((first, len(levels) - 1))
    return [f"at {levels[place].load:g} {unit}: {'; '.join(seen[place])}" for place in places]


def _generator(lowest: Evidence, level: Evidence) -> list[str]:  # noqa: ARG001 - one signature
    busy = level.generator_busy
    if busy is None or busy < BUSY_PERCENT:
        return []
    return [f"the busiest worker's event loop was busy for {busy:.0f} % of the time"]


def _rate_limit(lowest: Evidence, level: Evidence) -> list[str]:  # noqa: ARG001
    if level.refused_by_provider < REFUSED_SHARE:
        return []
    return [
        f"{100 * level.refused_by_provider:.1f} % of the requests failed because the provider refused calls"
    ]


def _slots(lowest: Evidence, level: Evidence) -> list[str]:
    words = []
    now, before, whole = level.provider_queue_ms, lowest.provider_queue_ms, level.response_ms
    if now is not None and whole:
        grown = level is not lowest and before is not None and now >= 2 * before
        # Even the lowest level may be beyond it: then there is nothing to compare with.
        longer = now - (before or 0.0) if grown else now
        if (grown and longer >= QUEUE_SHARE * whole) or now >= 0.5 * whole:
            words.append(
                f"{now:.0f} ms of a case are waiting at the provider, {before or 0.0:.0f} at the least load"
            )
    for name, service in level.providers.items():
        if service.queue is not None and service.queue >= LEAST_IN_LINE:
            slots = f", {service.in_flight:.0f} at work" if service.in_flight is not None else ""
            words.append(f"{service.queue:.1f} calls in line at {name} on average{slots}")
    return words


def _target_cpu(lowest: Evidence, level: Evidence) -> list[str]:  # noqa: ARG001
    return [
        f"{name} used {service.cpu_percent:.0f} % of a CPU"
        for name, service in level.targets.items()
        if service.cpu_percent is not None and service.cpu_percent >= BUSY_PERCENT
    ]


def _concurrency(lowest: Evidence, level: Evidence) -> list[str]:
    if _target_cpu(lowest, level):
        return []
    words = []
    for name, service in level.targets.items():
        if service.queue is not None and service.queue >= LEAST_IN_LINE:
            places = f" while {service.in_flight:.0f} were worked on" if service.in_flight is not None else ""
            cpu = f", its CPU at {service.cpu_percent:.0f} %" if service.cpu_percent is not None else ""
            words.append(f"{service.queue:.1f} requests waited for a place in {name} on average{places}{cpu}")
    if level.refused_by_service >= REFUSED_SHARE:
        words.append(f"{100 * level.refused_by_service:.1f} % of the requests were refused by the service")
    waited, whole = level.service_wait_ms, level.response_ms
    if waited is not None and whole and waited >= QUEUE_SHARE * whole:
        words.append(f"{waited:.0f} ms of a case are waiting for a place in the service")
    return words


#: What is asked of each level, in the order in which ties are broken.
_SIGNS: Mapping[Resource, Callable[[Evidence, Evidence], list[str]]] = {
    Resource.GENERATOR_CPU: _generator,
    Resource.PROVIDER_RATE_LIMIT: _rate_limit,
    Resource.PROVIDER_SLOTS: _slots,
    Resource.TARGET_CPU: _target_cpu,
    Resource.TARGET_CONCURRENCY: _concurrency,
}


def _nothing(levels: Sequence[Evidence], unit: str) -> Saturation:
    top = levels[-1]
    unknown = [
        words
        for words, is_known in (
            ("the services' CPU and queues (no /metrics was read)", bool(top.targets or top.providers)),
            ("waiting at the provider (no `queue` in Server-Timing)", top.provider_queue_ms is not None),
            ("the generator's CPU", top.generator_busy is not None),
        )
        if not is_known
    ]
    missing = (f"not recorded: {', '.join(unknown)}",) if unknown else ()
    bent = _bends_at(levels)
    if bent is None:
        words = f"nothing up to {top.load:g} {unit}, where throughput still grew"
        return Saturation(None, None, words, missing)
    words = (
        f"not known: throughput stopped growing at {bent:g} {unit}, and nothing that was recorded was full"
    )
    return Saturation(None, bent, words, missing)


def _bends_at(levels: Sequence[Evidence]) -> float | None:
    """The load from which on throughput no longer grows with it, as far as the last step tells."""
    known = [(level.load, level.throughput) for level in levels if level.throughput]
    if len(known) < 2:
        return None
    (load, rate), (more, reached) = known[-2], known[-1]
    if load <= 0 or rate is None or reached is None or more <= load:
        return None
    return more if reached / rate - 1 < _BENT * (more / load - 1) else None
