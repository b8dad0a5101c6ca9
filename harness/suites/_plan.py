"""Capacity planning: from what one run measured to what a wanted rate of cases needs. Pure.

What is assumed: processes of the service do not share anything but the provider, so that n of them carry n
times what one does; the mix of cases stays as it was; calls of a case go to models in the shares given, and
tokens in the same. What is not taken into account: a provider that is slower under more load.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.stats import Estimate
from harness.suites._limits import ModelLimits, ProviderLimits

#: What is planned with of each process's capacity, so that one that fails or a busy minute is borne.
HEADROOM = 0.8


@dataclass(slots=True, frozen=True)
class PerCase:
    """What one case asks of the provider, as means over the run."""

    calls: float
    input_tokens: float
    output_tokens: float
    cost_usd: float

    @property
    def tokens(self) -> float:
        return self.input_tokens + self.output_tokens


@dataclass(slots=True, frozen=True)
class Carried:
    """What a run showed that its service carries within the criteria, in cases/s.

    `limited` is False where no load level failed: the capacity may then be larger. `processes` is how many
    processes of the service there were.
    """

    run: str
    cases_per_s: Estimate
    processes: int
    limited: bool
    how: str


@dataclass(slots=True, frozen=True)
class TierLimit:
    """The rate of cases that a tier allows, and which of its limits comes first.

    `sustained_per_s` takes limits per day in, spread over 24 h; `burst_per_s` is within a minute's limits.
    None where nothing is published. `models` names the models of the run that the tier has no limits of.
    """

    tier: str
    burst_per_s: float | None
    binding: str
    sustained_per_s: float | None
    sustained_binding: str
    unknown_models: tuple[str, ...]

    def carries(self, cases_per_s: float) -> bool | None:
        """Whether the tier allows that rate all day; None where it cannot be told."""
        if self.sustained_per_s is None or self.unknown_models:
            return False if self.sustained_per_s is not None and self.sustained_per_s < cases_per_s else None
        return self.sustained_per_s >= cases_per_s


@dataclass(slots=True, frozen=True)
class CapacityPlan:
    """What a rate of cases needs. `processes` is planned with the low end of what one carries."""

    cases_per_s: float
    carried: Carried
    per_process: Estimate
    processes: Estimate
    per_case: PerCase
    shares: Mapping[str, float]
    provider: str
    source: str
    tiers: Sequence[TierLimit]
    cost_per_hour_usd: float
    headroom: float
    sentence: str
    notes: tuple[str, ...]


def plan_capacity(
    cases_per_s: float,
    carried: Carried,
    per_case: PerCase,
    shares: Mapping[str, float],
    limits: ProviderLimits,
    headroom: float = HEADROOM,
) -> CapacityPlan:
    """The plan for a rate. `shares` is of the calls of a case by model, adding up to 1.

    Raises ValueError for a rate that is not above 0 or a capacity without a value.
    """
    if not cases_per_s > 0:
        raise ValueError(f"a rate of cases is above 0, not {cases_per_s:g}")
    one = _per_process(carried)
    processes = _processes(cases_per_s, one, headroom)
    tiers = [_tier(tier, per_case, shares, limits.limits) for tier in limits.tiers]
    cost = per_case.cost_usd * cases_per_s * 3600
    return CapacityPlan(
        cases_per_s,
        carried,
        one,
        processes,
        per_case,
        dict(shares),
        limits.provider,
        f"{limits.source}, seen {limits.seen}",
        tiers,
        cost,
        headroom,
        _sentence(cases_per_s, processes, tiers, limits.provider, per_case.calls),
        _notes(carried, headroom, shares),
    )


def _per_process(carried: Carried) -> Estimate:
    found, n = carried.cases_per_s, carried.processes
    if found.value is None or found.value <= 0:
        raise ValueError("the run shows no load that met the criteria")
    value, low, high = (None if end is None else end / n for end in (found.value, found.low, found.high))
    method = f"{found.method}, over {n} processes" if n > 1 else found.method
    return Estimate(value, low, high, found.n, method, "cases/s", found.warnings)


def _processes(cases_per_s: float, one: Estimate, headroom: float) -> Estimate:
    def needed(per_process: float | None) -> float | None:
        return math.ceil(cases_per_s / (per_process * headroom) - 1e-9) if per_process else None

    # What is carried at least decides how many are needed at most.
    value = needed(one.low or one.value)
    method = f"rate / (capacity of a process x {headroom:g}), rounded up; planned with the capacity's low end"
    return Estimate(value, needed(one.high or one.value), value, one.n, method, "processes")


def _tier(
    tier: str, per_case: PerCase, shares: Mapping[str, float], limits: Sequence[ModelLimits]
) -> TierLimit:
    own = {limit.model: limit for limit in limits if limit.tier == tier}
    minute: list[tuple[float, str]] = []
    day: list[tuple[float, str]] = []
    for model, share in shares.items():
        if model not in own or share <= 0:
            continue
        limit, calls, tokens = own[model], per_case.calls * share, per_case.tokens * share
        for found, allowed, used, seconds, word in (
            (minute, limit.rpm, calls, 60, "requests a minute"),
            (minute, limit.tpm, tokens, 60, "tokens a minute"),
            (day, limit.rpd, calls, 86_400, "requests a day"),
            (day, limit.tpd, tokens, 86_400, "tokens a day"),
        ):
            if allowed is not None and used > 0:
                found.append((allowed / used / seconds, f"{allowed:,.0f} {word} of {model}"))
    burst = min(minute, default=(None, ""))
    sustained = min([*minute, *day], default=(None, ""))
    unknown = tuple(model for model, share in shares.items() if model not in own and share > 0)
    return TierLimit(tier, burst[0], burst[1], sustained[0], sustained[1], unknown)


def _sentence(
    cases_per_s: float, processes: Estimate, tiers: Sequence[TierLimit], provider: str, calls: float
) -> str:
    n = int(processes.value or 0)
    service = f"at {cases_per_s:g} cases/s you need {n} target process{'' if n == 1 else 'es'}"
    if not calls:
        return f"{service}; the run tells of no model calls, so nothing is said of {provider}"
    known = [tier for tier in tiers if tier.sustained_per_s is not None]
    if not known:
        return f"{service}; {provider}'s limits for these models are not published"
    largest = max(known, key=lambda tier: tier.sustained_per_s or 0.0)
    name, at = f"{provider}'s tier '{largest.tier}'", f"{_rate(largest.sustained_per_s or 0.0)} cases/s"
    if largest.carries(cases_per_s):
        return f"{service}, and {name} carries it (its limit is {at})"
    return f"{service}, and {name} is the limit at {at} ({largest.sustained_binding})"


def _rate(cases_per_s: float) -> str:
    """
    >>> _rate(0.01234), _rate(41.7)
    ('0.0123', '41.7')
    """
    return f"{cases_per_s:.3g}"


def _notes(carried: Carried, headroom: float, shares: Mapping[str, float]) -> tuple[str, ...]:
    notes = [
        f"each process is planned to {headroom:.0%} of what it carries, to bear a failed one or a busy minute"
    ]
    if not carried.limited:
        notes.append("no load level failed in the run: a process may carry more, and fewer may do")
    if len(shares) > 1:
        split = ", ".join(f"{model} {share:.0%}" for model, share in shares.items())
        notes.append(f"calls by model: {split}; tokens are taken to be split alike")
    notes.append("what a provider does beyond its limits (429, waiting) is not in the plan")
    return tuple(notes)
