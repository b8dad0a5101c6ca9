"""Where a change of a response time comes from: which component, and more work or slower work."""

from collections.abc import Mapping, Sequence

from harness.analysis import OUTSIDE, WORK, Contribution, Metric, RunSeries
from harness.verdicts._change_model import Attribution, MetricChange
from harness.verdicts._words import plain

MORE, SLOWER, BOTH = "does more", "is slower", "does more and is slower"

_WORDS = {
    "llm_calls": "model calls",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "debate_rate": "debate rate",
}

#: A component is named where it has this share of the change, and a second one only then.
_WORTH_NAMING = 0.25

#: Of the change of all stages that call the provider, what its own times explain: hardly any, most.
_NOT_THEIRS = 0.35
_THEIRS = 0.65

#: More work explains the change alone from this share of it on.
_EXPLAINS = 0.7


def attribute(
    row: MetricChange,
    rows: Sequence[MetricChange],
    bases: Sequence[RunSeries],
    candidates: Sequence[RunSeries],
) -> Attribution | None:
    """Why the response time of `row` changed; None where the runs tell of no components.

    `rows` are all metrics of the comparison: those of the work per case tell more work from slower
    work.
    """
    before, after = (_pooled(row.metric, runs) for runs in (bases, candidates))
    change = None if row.change is None else row.change.value
    if before is None or after is None or not change or before.total_ms <= 0:
        return None
    shares = {
        name: 100 * (after.parts_ms.get(name, 0.0) - before.parts_ms.get(name, 0.0)) / before.total_ms
        for name in dict.fromkeys((*before.parts_ms, *after.parts_ms))
    }
    along = {name: share for name, share in shares.items() if share * change > 0}
    if not along:
        return None
    ordered = sorted(along, key=lambda name: -abs(along[name]))
    total = sum(abs(share) for share in along.values())
    named = [ordered[0], *(n for n in ordered[1:3] if abs(along[n]) >= _WORTH_NAMING * total)]
    parts = ", ".join(f"{_signed(along[name])} is {_part_words(name, before, after)}" for name in named)
    cause, why = _cause(row, rows) if change > 0 else ("", "")
    return Attribution("; ".join(filter(None, (parts, why))), named[0], shares, cause)


def _pooled(metric: Metric, runs: Sequence[RunSeries]) -> Contribution | None:
    found = [run.contributions[metric.name] for run in runs if metric.name in run.contributions]
    if not found:
        return None
    n = sum(one.n for one in found)

    def over(columns: Sequence[Mapping[str, float]]) -> dict[str, float]:
        names = dict.fromkeys(name for column in columns for name in column)
        return {
            name: sum(one.n * column.get(name, 0.0) for one, column in zip(found, columns, strict=True)) / n
            for name in names
        }

    total = sum(one.n * one.total_ms for one in found) / n
    return Contribution(n, total, over([o.parts_ms for o in found]), over([o.provider_ms for o in found]))


def _part_words(name: str, before: Contribution, after: Contribution) -> str:
    """`synthesis decode time` where the provider's times say so, else `synthesis time`."""
    if name == OUTSIDE:
        return f"time {OUTSIDE} (network, or waiting before it)"
    parts = {part: ms - before.parts_ms.get(part, 0.0) for part, ms in after.parts_ms.items()}
    provider = {part: ms - before.provider_ms.get(part, 0.0) for part, ms in after.provider_ms.items()}
    moved = parts.get(name, 0.0)
    if not provider or name not in parts or name == "overhead":
        return f"{name} time"
    # The provider's times are told per case, so they are held against all stages that call it.
    calling = sum(ms for part, ms in parts.items() if part not in (OUTSIDE, "overhead") and ms * moved > 0)
    along = {part: ms for part, ms in provider.items() if ms * moved > 0}
    together = sum(along.values())
    if abs(together) < _NOT_THEIRS * abs(calling):
        return f"{name} time, not the provider's"
    largest = max(along, key=lambda part: abs(along[part]))
    is_theirs = abs(together) >= _THEIRS * abs(calling) and abs(along[largest]) >= _THEIRS * abs(together)
    return f"{name} {largest} time" if is_theirs else f"{name} time"


def _cause(row: MetricChange, rows: Sequence[MetricChange]) -> tuple[str, str]:
    """Whether more is done per case, by the evidence of the comparison, and in words what."""
    category = row.metric.selection.category
    work = [
        other
        for other in rows
        if other.metric.quantity in WORK
        and (category is None or other.metric.selection.category == category)
        and other.change is not None
    ]
    if not work:
        return "", ""
    more = [other for other in work if _is_more(other)]
    if not more:
        return SLOWER, f"{SLOWER}: calls, tokens and debates per case are as before"
    words = ", ".join(_work_words(other, category) for other in more)
    largest = max(other.worse_percent or 0.0 for other in more)
    enough = largest >= _EXPLAINS * (row.worse_percent or 0.0)
    cause = MORE if enough else BOTH
    return cause, f"{cause}: {words}"


def _is_more(row: MetricChange) -> bool:
    """Evidence for more, and more than a trifle."""
    worse, p = row.worse_percent, row.p_value
    return worse is not None and worse >= 1.0 and p is not None and p <= 0.04


def _work_words(row: MetricChange, category: str | None) -> str:
    what = _WORDS[row.metric.quantity]
    if category is None and row.metric.selection.category is not None:
        what += f" ({row.metric.selection.category})"
    if row.metric.unit == "%" and row.difference is not None and row.difference.value is not None:
        return f"{what} +{plain(row.difference.value)} points"
    return f"{what} {_signed(row.worse_percent or 0.0)}"


def _signed(percent: float) -> str:
    return f"{'+' if percent > 0 else '-'}{plain(abs(percent), 2)} %"
