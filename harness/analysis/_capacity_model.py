"""What is known of how much load a service carries: levels, how throughput scales, what saturates first."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats import Estimate, Scalability


class Resource(enum.StrEnum):
    """What can be at its limit."""

    GENERATOR_CPU = "generator CPU"
    PROVIDER_RATE_LIMIT = "provider rate limit"
    PROVIDER_SLOTS = "provider decode slots"
    TARGET_CPU = "target CPU"
    TARGET_CONCURRENCY = "target concurrency limit"


@dataclass(slots=True, frozen=True)
class LoadLevel:
    """One level of load and what came out of it. `in_flight` is throughput x mean response time.

    `load` is in the unit of the capacity; `p95` (response time, ms) is None where the source has none.
    """

    run_id: str
    phase: str
    load: float
    seconds: float
    throughput: Estimate
    p95: Estimate | None
    error_rate: Estimate
    in_flight: float | None


@dataclass(slots=True, frozen=True)
class Saturation:
    """What is at its limit, from which load on, and what was seen that says so.

    `resource` is None where nothing is, or where what was recorded does not tell; `words` says which.
    `evidence` has a sentence per observation, `also` the resources that reached their limit later.
    """

    resource: Resource | None
    from_load: float | None
    words: str
    evidence: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(slots=True, frozen=True)
class Capacity:
    """Levels by rising load, in `unit` (`users` or `arrivals/s`).

    `scaling` is of the throughput against `scaling_of` (users, or requests in flight in an open
    loop); None where it cannot be fitted, for the reason in `scaling_note`.
    """

    unit: str
    levels: Sequence[LoadLevel]
    scaling: Scalability | None
    scaling_of: str
    scaling_note: str
    limit: Saturation
