"""Where optimising pays: the largest consumers of time per category, and what each would give. Pure.

Works on the run's summary.json and on what the history keeps of the earlier run, whose folder may be gone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis import HistoryRow
from harness.stats import Estimate

#: How many consumers of a category are shown.
TOP = 5
_Z = 1.959963984540054


@dataclass(slots=True, frozen=True)
class Consumer:
    """One component of one category.

    `share` is of the mean time of a case, in %. `gain_halved` is what the mean would fall by, in %, were the
    component twice as fast, `gain_gone` were it free: Amdahl's law (1967) for parts that come one
    after the other. `change` is against the earlier run, in %; None where that has no such component.
    """

    category: str
    component: str
    mean: Estimate
    share: Estimate
    gain_halved: Estimate
    gain_gone: Estimate
    change: Estimate | None


@dataclass(slots=True, frozen=True)
class Review:
    """The consumers, by category and falling share; and the change of each category's mean time."""

    run: str
    before: str
    consumers: tuple[Consumer, ...]
    categories: Mapping[str, Estimate]
    notes: tuple[str, ...]


def optimisation_review(now: Mapping[str, Any], before: HistoryRow | None, top: int = TOP) -> Review:
    """The review of one run, against an earlier one where there is one.

    Only additive components are looked at: a saving in one of several that run at the same time shortens
    nothing by itself.
    """
    found = []
    for (category, component), entry in _components(now).items():
        if entry["share_percent"] is None:
            continue
        mean, share = _mean(entry), _share(entry)
        was = None if before is None else before.component_mean(category, component)
        change = None if was is None else relative_change(mean, was)
        found.append(
            Consumer(category, component, mean, share, _gain(share, 2.0), _gain(share, math.inf), change)
        )
    found.sort(key=lambda each: (each.category, -(each.share.value or 0.0)))
    kept = [
        each for category in dict.fromkeys(c.category for c in found) for each in _first(found, category, top)
    ]
    notes = (
        ()
        if before is not None
        else ("no run of this scenario from about a month ago: changes are not known",)
    )
    run, earlier = str(now["run"]["id"]), "" if before is None else before.run_id
    return Review(run, earlier, tuple(kept), _categories(now, before), notes)


def _first(found: Sequence[Consumer], category: str, top: int) -> list[Consumer]:
    return [each for each in found if each.category == category][:top]


def relative_change(now: Estimate, before: Estimate) -> Estimate | None:
    """The change from one mean to another in %, with the interval of the ratio of two independent means.

    On the logarithm, by the delta method: intervals are taken for normal ones. None where one has no
    bounded interval or is not above 0.

    >>> e = relative_change(Estimate(110, 108, 112, 50, "mean"), Estimate(100, 98, 102, 50, "mean"))
    >>> round(e.value, 1), round(e.low, 1), round(e.high, 1)
    (10.0, 7.1, 13.0)
    """
    spread = 0.0
    for each in (now, before):
        if each.value is None or each.low is None or each.high is None or each.low <= 0:
            return None
        spread += ((each.high - each.low) / 2 / each.value) ** 2
    assert now.value is not None  # noqa: S101 - the loop has looked
    assert before.value is not None  # noqa: S101 - as above
    log, half = math.log(now.value / before.value), math.sqrt(spread)
    value, low, high = (100 * math.expm1(end) for end in (log, log - half, log + half))
    return Estimate(
        value, low, high, min(now.n, before.n), "ratio of means; 95 % interval by the delta method", "%"
    )


def _components(document: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (entry["category"], entry["component"]): entry
        for entry in document.get("components", ())
        if entry["additive"] and entry["component"] != "total" and "mean" in entry["duration"]
    }


def _categories(now: Mapping[str, Any], before: HistoryRow | None) -> dict[str, Estimate]:
    found = {}
    for category, group in now["groups"]["by_category"].items():
        mean = group.get("response_time", {}).get("mean")
        was = None if before is None else before.mean(category)
        if mean and was and (change := relative_change(estimate_of(mean), was)) is not None:
            found[category] = change
    return found


def _share(entry: Mapping[str, Any]) -> Estimate:
    """The share with the relative interval of the component's mean: the whole varies far less."""
    mean, share = _mean(entry), float(entry["share_percent"])
    method = "mean / mean of the whole; 95 % interval of the component's mean"
    if not mean.value or mean.low is None or mean.high is None:
        return Estimate(share, None, None, mean.n, method, "%")
    low, high = share * mean.low / mean.value, min(share * mean.high / mean.value, 100.0)
    return Estimate(share, low, high, mean.n, method, "%")


def _gain(share: Estimate, speed_up: float) -> Estimate:
    """What is saved of the whole, in %, when a part of it is so many times as fast."""
    factor = 1 - 1 / speed_up
    value, low, high = (None if end is None else factor * end for end in (share.value, share.low, share.high))
    return Estimate(value, low, high, share.n, f"Amdahl's law on the share: x {factor:g}", "%")


def _mean(entry: Mapping[str, Any]) -> Estimate:
    return estimate_of(entry["duration"]["mean"])


def estimate_of(record: Mapping[str, Any]) -> Estimate:
    """An estimate as it stands in summary.json."""
    return Estimate(
        record["value"],
        record["low"],
        record["high"],
        record["n"],
        record["method"],
        record.get("unit", ""),
        tuple(record.get("warnings", ())),
    )
