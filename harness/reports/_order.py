"""The order of categories and components, which colours and rows in every part of a report follow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from harness.analysis import ComponentTime, Summary

_T = TypeVar("_T")


def fastest_first(summary: Summary) -> Summary:
    """The same summary with its categories, wherever they occur, ordered by their median."""
    medians = {label: group.response_time.get("p50") for label, group in summary.by_category.items()}
    ranks = {label: m.value for label, m in medians.items() if m is not None and m.value is not None}

    def ordered(parts: Mapping[str, _T]) -> dict[str, _T]:
        return dict(sorted(parts.items(), key=lambda part: ranks.get(part[0], math.inf)))

    histogram = summary.histogram
    return replace(
        summary,
        by_category=ordered(summary.by_category),
        components=sorted(summary.components, key=lambda item: ranks.get(item.category, math.inf)),
        steps=[replace(step, by_category=ordered(step.by_category)) for step in summary.steps],
        histogram=None if histogram is None else replace(histogram, counts=ordered(histogram.counts)),
    )


def additive_order(components: Sequence[ComponentTime]) -> list[str]:
    """Additive components in the order of the category that has most of them, then the rest."""
    by_category: dict[str, list[str]] = {}
    for item in components:
        if item.additive:
            by_category.setdefault(item.category, []).append(item.component)
    longest_first = sorted(by_category.values(), key=len, reverse=True)
    return list(dict.fromkeys(name for names in longest_first for name in names))
