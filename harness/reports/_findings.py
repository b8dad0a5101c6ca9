"""The sentence above each chart: what it shows, computed from the data it is drawn from."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from harness.analysis import (
    NOT_COMPARABLE,
    ComponentStep,
    ComponentTime,
    Group,
    LoadStep,
    SlowRequest,
    Summary,
    TimeSeries,
    TrendPoint,
)
from harness.reports._format import count, number, quantity, sentence_case
from harness.reports._load_units import load_unit, loads
from harness.stats import Estimate

TOTAL = "total"
FIRST_RUN = "no earlier run to compare with; the trend begins with the next"

OVERLAPPING = "The component times do not add up to the service's time, so none has a share of it"


def latency_finding(summary: Summary) -> str:
    """How far the categories lie apart, or where the middle and the tail of the only one lie."""
    medians = _values(summary.by_category, "p50")
    if len(medians) > 1:
        slow = max(medians, key=lambda label: medians[label])
        fast = min(medians, key=lambda label: medians[label])
        if medians[fast] > 0:
            ratio = medians[slow] / medians[fast]
            return f"{sentence_case(slow)} cases take {ratio:.1f}x as long as {fast} ones at the median"
    p50 = summary.overall.response_time.get("p50")
    p95 = summary.overall.response_time.get("p95")
    if p50 is None or p95 is None or p50.value is None or p95.value is None:
        return "No response time was measured"
    middle, tail = quantity(p50.value, "ms"), quantity(p95.value, "ms")
    return f"Half of the responses arrive within {middle}, 95 % within {tail}"


def tail_finding(summary: Summary) -> str:
    """Within what time 95 % of each category's requests arrive."""
    tails = _values(summary.by_category, "p95") or _values({"all": summary.overall}, "p95")
    if not tails:
        return "No 95th percentile was measured"
    parts = [
        f"{quantity(value, 'ms')}{'' if label == 'all' else f' ({label})'}" for label, value in tails.items()
    ]
    return f"95 % arrive within {', '.join(parts)}"


def component_finding(components: Sequence[ComponentTime]) -> str:
    """The component that takes most of the slowest category's time, and its share."""
    shares = [
        (item, item.share_percent) for item in components if item.additive and item.share_percent is not None
    ]
    if not shares:
        named = any(item.component != TOTAL for item in components)
        return OVERLAPPING if named else "The service sent no component times"
    total = Counter[str]()
    for item, _ in shares:
        mean = item.duration.get("mean")
        total[item.category] += int(1000 * (mean.value or 0)) if mean else 0
    slowest = max(total, key=lambda category: total[category])
    top, share = max((pair for pair in shares if pair[0].category == slowest), key=lambda pair: pair[1])
    kind = "" if slowest == "all" else f"{slowest} "
    return f"{number(round(share))} % of the time of a {kind}case goes into {top.component}"


def shift_finding(steps: Sequence[ComponentStep]) -> str:
    """What of a case grows most with load: of the category that grows most, the component that does."""
    levels, unit = loads(steps), load_unit(steps)
    least, most = min(levels), max(levels)
    if least == most:
        return "The load was the same in every step"
    by_step = {
        (step.category, step.component, load): step.mean.value or 0.0
        for step, load in zip(steps, levels, strict=True)
    }
    grown = Counter[str]()
    parts: dict[tuple[str, str], float] = {}
    for category, component in dict.fromkeys((step.category, step.component) for step in steps):
        ends = [by_step.get((category, component, users), 0.0) for users in (least, most)]
        parts[category, component] = ends[1] - ends[0]
        grown[category] += round(1000 * (ends[1] - ends[0]))
    category = max(grown, key=lambda name: grown[name])
    total = grown[category] / 1000
    kind = "" if category == "all" else f"{category} "
    if total < 1:
        return f"No case takes longer with {number(most)} {unit} than with {number(least)}"
    (_, component), more = max((p for p in parts.items() if p[0][0] == category), key=lambda pair: pair[1])
    return (
        f"From {number(least)} to {number(most)} {unit} a {kind}case takes {quantity(total, 'ms')} longer "
        f"in the service, {quantity(more, 'ms')} of it in {component}"
    )


def throughput_finding(steps: Sequence[LoadStep]) -> str:
    """Whether throughput still grew at the last step, from the first step and the best one."""
    points = _by_load(steps, [step.group.throughput for step in steps])
    if len(points) < 2:
        return "One load step, so no scaling can be seen"
    (least, first), (most, last), unit = points[0], points[-1], load_unit(steps)
    best_load, best = max(points, key=lambda point: point[1])
    if best > 1.05 * last and best_load != most:
        peak = f"Throughput peaks at {number(best)} req/s with {best_load} {unit}"
        return f"{peak} and is {number(last)} with {most}"
    word = "grows" if last > 1.05 * first else "stays flat"
    return f"Throughput {word}: {number(first)} req/s at {least} {unit}, {number(last)} at {most}"


def scaling_finding(steps: Sequence[LoadStep]) -> str:
    """How p95 changes from the first load step to the last."""
    points = _by_load(steps, [step.group.response_time.get("p95") for step in steps])
    if len(points) < 2:
        return "One load step, so no latency growth can be seen"
    (least, first), (most, last), unit = points[0], points[-1], load_unit(steps)
    if 0.95 * first <= last <= 1.05 * first:
        return (
            f"p95 response time stays about the same: {quantity(first, 'ms')} at {least} {unit}, "
            f"{quantity(last, 'ms')} at {most}"
        )
    return (
        f"p95 response time {'rises' if last > first else 'falls'} from {quantity(first, 'ms')} "
        f"at {least} {unit} to {quantity(last, 'ms')} at {most}"
    )


def _by_load(steps: Sequence[LoadStep], figures: Sequence[Estimate | None]) -> list[tuple[str, float]]:
    """The load of each step in figures, with what was measured in it, where anything was."""
    return [
        (number(load), figure.value)
        for load, figure in zip(loads(steps), figures, strict=True)
        if figure is not None and figure.value is not None
    ]


def series_finding(series: TimeSeries) -> str:
    """The highest throughput and the worst second of the run, warm-up and ramps included."""
    peak = max((value for value in series.throughput_per_s if value is not None), default=None)
    seconds = [(value, at) for value, at in zip(series.p95_ms, series.at_s, strict=True) if value is not None]
    if peak is None or not seconds:
        return "Nothing was measured per second"
    worst, at = max(seconds)
    return (
        f"Throughput peaked at {number(peak)} req/s; "
        f"the slowest second, at {number(at)} s, had a p95 of {quantity(worst, 'ms')}"
    )


def error_finding(summary: Summary) -> str:
    """How many requests failed over the whole run, and in which way most of them did."""
    errors, requests = summary.totals.errors, summary.totals.requests
    if not errors or not requests:
        return f"None of {count(requests, 'request')} failed"
    share = quantity(100 * errors / requests, "%")
    finding = f"{errors:,} of {count(requests, 'request')} failed ({share})"
    if summary.errors:
        top = max(summary.errors, key=lambda error: error.count)
        cause = f", cause {top.cause}" if top.cause else ""
        finding += f"; most often {top.outcome.replace('_', ' ')}{cause}"
    return finding


def trend_finding(summary: Summary, trend: Sequence[TrendPoint], verdict: str) -> str:
    """The largest move of any category's p95 against the run before, as a plain percentage.

    This is what the points show, not a regression verdict: it carries no evidence. `verdict` is
    this run's: an invalid run is not compared.
    """
    if verdict in NOT_COMPARABLE:
        return f"this run is {verdict}, so it is not compared with earlier ones"
    moves: dict[str, float] = {}
    for label, group in (summary.by_category or {"all": summary.overall}).items():
        earlier = [p for p in trend if p.category == label and p.run_id != summary.run_id and p.p95.value]
        now = group.response_time.get("p95")
        if earlier and now is not None and now.value is not None:
            previous = max(earlier, key=lambda point: point.started_at).p95.value
            moves[label] = 100 * (now.value / previous - 1) if previous else 0.0
    if not moves:
        return FIRST_RUN
    label = max(moves, key=lambda key: abs(moves[key]))
    who = "p95 response time" if label == "all" else f"p95 response time of {label} cases"
    if abs(moves[label]) < 1:
        return f"{who} is within 1 % of the previous run"
    return f"{who} is {abs(moves[label]):.0f} % {'above' if moves[label] > 0 else 'below'} the previous run"


def slowest_finding(slowest: Sequence[SlowRequest], additive: Collection[str]) -> str:
    """How slow the slowest request was, and the component that held it longest."""
    if not slowest:
        return "No request was recorded"
    top = slowest[0]
    finding = f"The slowest request took {quantity(top.response_time_ms, 'ms')}"
    parts = {name: value for name, value in top.components_ms.items() if name in additive}
    if parts and top.response_time_ms > 0:
        name = max(parts, key=lambda key: parts[key])
        finding += f", {number(round(100 * parts[name] / top.response_time_ms))} % of it in {name}"
    return finding


def _values(groups: Mapping[str, Group], statistic: str) -> dict[str, float]:
    found = {label: group.response_time.get(statistic) for label, group in groups.items()}
    return {label: e.value for label, e in found.items() if e is not None and e.value is not None}
