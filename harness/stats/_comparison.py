"""What a comparison of two groups of runs says, and how it follows from the draws of both sides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats._draws import DRAWS, Draws, standard_error_of_log
from harness.stats._estimate import Estimate
from harness.stats._quantile import LEVEL
from harness.stats._ranks import RankTest
from harness.stats._run_spread import RunLog, RunSpread, moderated

#: Two-sided level of a decision. Half of it is for a change to the worse: 1.75 %, which leaves what
#: the approximations are off by below the 2 % that unchanged pairs may block in.
DECISION_LEVEL = 0.035
#: Chance with which a change of the size `detectable_percent` is seen.
POWER = 0.8
_Z_POWER = 0.8416212335729143
_Z_LEVEL = 2.1083583991691084
_TAIL = (1 - LEVEL) / 2


@dataclass(slots=True, frozen=True)
class Comparison:
    """A figure of two groups of runs, and how it changed.

    `change` is candidate / base - 1 in percent, `difference` is candidate - base in the figure's
    unit; both with 95 % intervals that include how runs differ. `change.value` is None where the
    base is 0, an end is None where it is not bounded. `p_value` is two-sided, None where a side
    has too few samples for an interval; it is the one to adjust for several metrics
    (`false_discovery`). `detectable_percent` is the least change that would be significant at
    `DECISION_LEVEL` in 80 % of comparisons of this size, None where none is. `more_samples` and
    `more_runs` (per side; 0 where the evidence is there already) are what it would take to see a
    change of the size found, in 80 % of cases: more samples in the runs there are, or more runs of
    the same size. None: no number would do, or nothing changed.
    """

    base: Estimate
    candidate: Estimate
    change: Estimate
    difference: Estimate
    p_value: float | None
    rank_test: RankTest | None
    base_runs: int
    candidate_runs: int
    run_spread_percent: float
    detectable_percent: float | None
    more_samples: int | None
    more_runs: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the change."""
        return self.change.warnings


@dataclass(slots=True, frozen=True)
class Side:
    """One group of runs: its pooled figure, bootstrap draws of it, and what tells how runs differ.

    `weights` are each run's share of the samples. `needed` is the number of independent samples
    below which the figure's interval is not bounded, `worth` how many there are.
    """

    estimate: Estimate
    draws: Draws
    weights: tuple[float, ...]
    logs: Sequence[RunLog]
    worth: int
    needed: int

    @property
    def runs(self) -> int:
        return len(self.weights)

    @property
    def concentration(self) -> float:
        """Sum of squared weights: the variance of the pooled figure for one of a run."""
        return sum(weight**2 for weight in self.weights)


def compare_sides(
    sides: tuple[Side, Side],
    spread: RunSpread | None,
    method: str,
    rank_test: RankTest | None,
    rng: np.random.Generator,
    p_value: float | None = None,
) -> Comparison:
    """Base and candidate compared. `spread` None: their draws hold all that runs differ by.

    `p_value` stands in for that of the draws, where an exact one exists.
    """
    base, candidate = sides
    deviation, degrees, spread_percent = 0.0, 0.0, 0.0
    if spread is not None:
        deviation, degrees = moderated((base.logs, candidate.logs), spread)
        spread_percent = 100 * math.expm1(deviation)
    left, right = base.draws, candidate.draws
    if deviation > 0:
        scale = deviation * np.sqrt(degrees / rng.chisquare(degrees, DRAWS))
        left = left * np.exp(math.sqrt(base.concentration) * scale * rng.standard_normal(DRAWS))
        right = right * np.exp(math.sqrt(candidate.concentration) * scale * rng.standard_normal(DRAWS))
    notes = _notes(base, candidate, spread_percent)
    bounded = base.worth >= base.needed and candidate.worth >= candidate.needed
    before, after = base.estimate.value or 0.0, candidate.estimate.value or 0.0
    ratio = ratios(left, right)
    p_value = two_sided_p(right - left) if p_value is None else p_value
    runs_variance = deviation**2 * (base.concentration + candidate.concentration)
    samples, runs = _wanted(base, candidate, runs_variance)
    return Comparison(
        base.estimate,
        candidate.estimate,
        _change(before, after, ratio, bounded, base.worth + candidate.worth, method, notes),
        _difference(before, after, right - left, bounded, base, method),
        p_value if bounded else None,
        rank_test,
        base.runs,
        candidate.runs,
        spread_percent,
        _detectable(ratio) if bounded else None,
        samples,
        runs,
    )


def ratios(base: Draws, candidate: Draws) -> Draws:
    """candidate / base; 1 where both are 0, infinite where the base alone is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((base == 0) & (candidate == 0), 1.0, candidate / base)


def two_sided_p(differences: Draws) -> float:
    """Twice the share of draws on the far side of no change (Davison and Hinkley 1997, section 4.2)."""
    below = int((differences <= 0).sum())
    above = int((differences >= 0).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + differences.size))


def _change(
    before: float,
    after: float,
    ratio: Draws,
    bounded: bool,
    n: int,
    method: str,
    notes: tuple[str, ...],
) -> Estimate:
    if before == 0 and after != 0:
        return Estimate(None, None, None, n, method, "%", (*notes, "the base is 0: no relative change"))
    value = 100 * (after / before - 1) if before else 0.0
    low, high = (_finite(100 * (end - 1)) for end in interval_of(ratio)) if bounded else (None, None)
    if low is not None:
        low = min(low, value)
    if high is not None:
        high = max(high, value)
    return Estimate(value, low, high, n, method, "%", notes)


def _difference(
    before: float, after: float, differences: Draws, bounded: bool, base: Side, method: str
) -> Estimate:
    value = after - before
    unit = base.estimate.unit
    if not bounded:
        return Estimate(value, None, None, base.estimate.n, method, unit)
    low, high = interval_of(differences)
    return Estimate(value, min(low, value), max(high, value), base.estimate.n, method, unit)


def interval_of(draws: Draws) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points."""
    # No interpolation: between two infinite draws it would give NaN.
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL], method="inverted_cdf")
    return float(low), float(high)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _detectable(ratio: Draws) -> float | None:
    middle, far = np.quantile(ratio, [0.5, 1 - DECISION_LEVEL / 2], method="inverted_cdf")
    error = standard_error_of_log(ratio)
    if not (middle > 0 and math.isfinite(far) and math.isfinite(error)):
        return None
    # Beyond a factor of e^20 the number says nothing, and its exponential could overflow.
    return 100 * math.expm1(min(math.log(far / middle) + _Z_POWER * error, 20.0))


def _wanted(base: Side, candidate: Side, runs_variance: float) -> tuple[int | None, int | None]:
    """More samples a side, and more runs a side, to see a change of the size that was found."""
    short = max(side.needed - side.worth for side in (base, candidate))
    before, after = base.estimate.value or 0.0, candidate.estimate.value or 0.0
    if before <= 0 or after <= 0 or before == after:
        return (max(short, 0), 0) if short > 0 else (None, None)
    samples_variance = standard_error_of_log(ratios(base.draws, candidate.draws)) ** 2
    if not math.isfinite(samples_variance):
        return (short if short > 0 else None), None
    allowed = (math.log(after / before) / (_Z_LEVEL + _Z_POWER)) ** 2
    of_samples = samples_variance / (allowed - runs_variance) if allowed > runs_variance else math.inf
    of_runs = (samples_variance + runs_variance) / allowed
    return (
        _more(max(base.estimate.n, candidate.estimate.n), of_samples, short),
        _more(max(base.runs, candidate.runs), of_runs, 0),
    )


def _more(count: int, factor: float, least: int) -> int | None:
    wanted = count * (factor - 1)
    return max(0, least, math.ceil(wanted)) if wanted < 1e9 else None


def _notes(base: Side, candidate: Side, percent: float) -> tuple[str, ...]:
    notes = []
    for name, side in (("base", base), ("candidate", candidate)):
        if side.worth < side.needed:
            notes.append(f"{name}: n too small: {side.worth} < {side.needed}")
    if max(base.runs, candidate.runs) == 1:
        known = f"taken as {percent:.3g} %" if percent else "left out"
        notes.append(f"one run a side: how much runs differ is unknown, and {known}")
    return tuple(notes)
