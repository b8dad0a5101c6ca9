"""From a comparison to a word: the regression rule, for one metric at a time.

The rule's numbers hold for changes that the evidence carries: over 10 % for the worse blocks, from
5 to 10 % is to be investigated, over 10 % for the better is an improvement.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats._comparison import DECISION_LEVEL, Comparison


class ChangeWord(enum.StrEnum):
    """How a metric changed, for whoever decides on a merge."""

    BLOCK = "BLOCK"
    INVESTIGATE = "INVESTIGATE"
    INCONCLUSIVE = "INCONCLUSIVE"
    OK = "OK"
    IMPROVED = "IMPROVED"


@dataclass(slots=True, frozen=True)
class ChangeLimits:
    """The rule's numbers: percent of change for the worse, and the two-sided level of evidence.

    At the default level an unchanged metric is called worse in at most 2 % of comparisons; over all
    metrics of a run as well, where their p-values went through `false_discovery`.
    """

    block_percent: float = 10.0
    investigate_percent: float = 5.0
    level: float = DECISION_LEVEL


@dataclass(slots=True, frozen=True)
class Decision:
    """The word for one metric and why.

    `worse_percent` is the change with its sign turned so that more is worse, None where there is
    no relative change; infinite where the base is 0. `p_value` is the one decided on, adjusted for
    the metrics of the run. `could_hide_percent` is set where an `OK` rests on too little: up to so
    much for the worse is compatible with the samples (infinite: any amount). `more_samples` and
    `more_runs` (per side) are set where `INCONCLUSIVE`; None there: no number would do.
    """

    word: ChangeWord
    worse_percent: float | None
    p_value: float | None
    reason: str
    could_hide_percent: float | None = None
    more_samples: int | None = None
    more_runs: int | None = None

    @property
    def text(self) -> str:
        """The word as reports print it: `OK (underpowered: could hide up to 23 %)`."""
        if self.could_hide_percent is not None:
            hidden = f"up to {self.could_hide_percent:.2g} %"
            if self.could_hide_percent >= 100:
                hidden = (
                    "any change"
                    if math.isinf(self.could_hide_percent)
                    else f"up to {self.could_hide_percent:.0f} %"
                )
            return f"{self.word} (underpowered: could hide {hidden})"
        if self.word is ChangeWord.INCONCLUSIVE:
            return f"{self.word} ({self._wanted()})"
        return str(self.word)

    def _wanted(self) -> str:
        if self.more_samples is not None and self.more_samples > 0:
            return f"{self.more_samples} more samples needed"
        if self.more_runs is not None and self.more_runs > 0:
            return f"{self.more_runs} more runs a side needed"
        return "another run needed"


def false_discovery(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """p-values adjusted for how many were looked at (Benjamini and Hochberg 1995), in the same order.

    Of the metrics called changed at a level of a, at most a share of a is expected to be false; if
    none of them changed, the chance of calling any is at most a. Holds for independent and for
    positively dependent metrics (Benjamini and Yekutieli 2001), as latencies of one run are. None
    stays None and does not count.

    >>> false_discovery([0.01, None, 0.04, 0.03])
    (0.03, None, 0.04, 0.04)
    """
    known = np.array([p for p in p_values if p is not None])
    order = np.argsort(known)[::-1]
    # From the largest down, each at most the one before: p x count / rank.
    scaled = known[order] * known.size / np.arange(known.size, 0, -1)
    adjusted = np.empty_like(known)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    remaining = iter(adjusted)
    return tuple(None if p is None else float(next(remaining)) for p in p_values)


def decide(
    comparison: Comparison,
    *,
    p_value: float | None = None,
    lower_is_worse: bool = False,
    floor: float = 0.0,
    limits: ChangeLimits | None = None,
) -> Decision:
    """The word for one comparison.

    `p_value` is the comparison's own after `false_discovery` over all metrics of the run; without
    it the metric is taken as the only one. `floor` is the absolute change, in the figure's unit
    (percentage points for proportions), that a change must exceed to matter. In order:

    - evidence: p at most the level, in the direction found, and |difference| above the floor;
    - with evidence: worse by over 10 % BLOCK, by 5 to 10 % INVESTIGATE, better by over 10 % IMPROVED;
    - worse by over 10 % without: INCONCLUSIVE, but OK where the change is within the floor;
    - else OK, called underpowered if neither a change of 10 % would have been seen (in 80 % of
      cases) nor the interval of the change ends below 10 % for the worse.
    """
    limits = limits or ChangeLimits()
    p = comparison.p_value if p_value is None else p_value
    worse = _worse_percent(comparison, lower_is_worse)
    if worse is None:
        return Decision(ChangeWord.INCONCLUSIVE, None, p, "nothing was measured on one side")
    small = abs(comparison.difference.value or 0.0) <= floor
    carried = comparison.p_value is not None and p is not None and p <= limits.level
    if worse > limits.block_percent and not small and not carried:
        reason = f"over {limits.block_percent:g} % worse, but the evidence does not carry it ({_p(p)})"
        return Decision(
            ChangeWord.INCONCLUSIVE,
            worse,
            p,
            reason,
            more_samples=comparison.more_samples,
            more_runs=comparison.more_runs,
        )
    if carried and not small:
        word, reason = _with_evidence(worse, limits)
        return Decision(word, worse, p, f"{reason} ({_p(p)})")
    if small and abs(worse) >= limits.investigate_percent:
        return Decision(ChangeWord.OK, worse, p, f"the change is within the floor of {floor:g}")
    return _without(comparison, worse, p, lower_is_worse, limits)


def _with_evidence(worse: float, limits: ChangeLimits) -> tuple[ChangeWord, str]:
    if worse > limits.block_percent:
        return ChangeWord.BLOCK, f"over {limits.block_percent:g} % worse"
    if worse >= limits.investigate_percent:
        return ChangeWord.INVESTIGATE, f"{limits.investigate_percent:g} to {limits.block_percent:g} % worse"
    if worse < -limits.block_percent:
        return ChangeWord.IMPROVED, f"over {limits.block_percent:g} % better"
    return ChangeWord.OK, f"changed by less than {limits.investigate_percent:g} % for the worse"


def _without(
    comparison: Comparison, worse: float, p: float | None, lower_is_worse: bool, limits: ChangeLimits
) -> Decision:
    end = comparison.change.low if lower_is_worse else comparison.change.high
    hidden = math.inf if end is None else -end if lower_is_worse else end
    seen = comparison.detectable_percent
    if hidden <= limits.block_percent or (seen is not None and seen <= limits.block_percent):
        return Decision(ChangeWord.OK, worse, p, f"no evidence of a change ({_p(p)})")
    reason = (
        f"no evidence of a change ({_p(p)}), but too few samples to see one of {limits.block_percent:g} %"
    )
    return Decision(ChangeWord.OK, worse, p, reason, could_hide_percent=hidden)


def _worse_percent(comparison: Comparison, lower_is_worse: bool) -> float | None:
    """Change with more as worse. Rounded, so that 110 / 100 is 10 % and not a shade more."""
    change = comparison.change.value
    if change is None:
        difference = comparison.difference.value
        if difference is None or comparison.base.value is None:
            return None
        change = math.copysign(math.inf, difference)
    return -round(change, 9) if lower_is_worse else round(change, 9)


def _p(p: float | None) -> str:
    return "too few samples for an interval" if p is None else f"p = {p:.2g}"
