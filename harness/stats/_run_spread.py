"""How much whole runs of one unchanged service differ, beyond what their samples explain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._distribution import Distribution, Ordered
from harness.stats._estimate import Estimate
from harness.stats._quantile import LEVEL, check_level, minimum_n

_TAIL = (1 - LEVEL) / 2


@dataclass(slots=True, frozen=True)
class RunSpread:
    """What is known beforehand of the spread between runs: its size, and how sure that is.

    `percent` is the relative standard deviation of a figure over runs of the same service that
    samples of unlimited number would still show. `degrees` says how firmly it is held: as if it
    had been estimated from so many degrees of freedom (runs less the groups they form). The
    default, 4 % on 6, is what repeated runs of a service on a shared machine differ by; measure
    your own with `run_spread`.
    """

    percent: float = 4.0
    degrees: float = 6.0

    def __post_init__(self) -> None:
        if not (0 <= self.percent < math.inf and 0 <= self.degrees < math.inf):
            raise ValueError(f"a spread of {self.percent} % on {self.degrees} degrees of freedom is none")


#: For figures of which it is known that runs do not differ beyond their samples.
NO_SPREAD = RunSpread(0.0, 0.0)


@dataclass(slots=True, frozen=True)
class RunLog:
    """The logarithm of one run's figure and its standard error from that run's samples alone."""

    value: float
    error: float


def moderated(sides: Sequence[Sequence[RunLog]], prior: RunSpread) -> tuple[float, float]:
    """Standard deviation between runs (of logarithms) and its degrees of freedom; (0, 0) if unknown.

    The variance between runs of a side less that within runs (method of moments, pooled over both
    sides) is averaged with the prior's, each weighted by its degrees of freedom, as in Smyth
    (2004), "Linear models and empirical Bayes methods", equation 6. A spread that is seen and
    larger than the prior's is taken as seen.
    """
    known = [side for side in sides if len(side) > 1]
    seen = sum(len(side) - 1 for side in known)
    degrees = prior.degrees + seen
    if degrees == 0:
        return 0.0, 0.0
    expected = math.log1p(prior.percent / 100) ** 2
    if not seen:
        return math.sqrt(expected), degrees
    between = _excess(known)
    average = (prior.degrees * expected + seen * between) / degrees
    return math.sqrt(max(average, between)), degrees


def _excess(sides: Sequence[Sequence[RunLog]]) -> float:
    """Variance between runs of a side beyond what their own errors explain; not below 0."""
    squares = sum(float(np.var([run.value for run in side])) * len(side) for side in sides)
    degrees = sum(len(side) - 1 for side in sides)
    within = float(np.mean([run.error**2 for side in sides for run in side]))
    return max(squares / degrees - within, 0.0)


def run_logs(runs: Sequence[Ordered], q: float) -> list[RunLog]:
    """Of each run's quantile `q`, which must be above 0.

    The error is half the distance of the order statistics one binomial standard deviation to
    either side; infinite where the lower is 0.
    """
    return [RunLog(math.log(run.quantile(q)), _error(run, q)) for run in runs]


def _error(run: Ordered, q: float) -> float:
    reach = math.sqrt(run.worth * q * (1 - q)) * run.n / run.worth
    low, high = run.at(np.array([-reach, reach]) + run.n * q + 0.5)
    return math.log(high / low) / 2 if low > 0 else math.inf


def run_spread(runs: Sequence[ArrayLike | Distribution], q: float = 0.5) -> Estimate:
    """Relative standard deviation (in percent) between runs of one unchanged service.

    Each run is the samples of the same figure; the quantile `q` of each is taken, and what its
    samples explain of the variance of their logarithms is taken off. The interval is that of a
    variance of normal values (chi-squared on runs - 1 degrees of freedom), less the same. Use it
    for `RunSpread(percent=..., degrees=runs - 1)`. Raises ValueError for fewer than three runs, for
    runs too small for the quantile's interval, and for figures that are not above 0.

    >>> runs = [[100 * k + i for i in range(-9, 10)] for k in (1.0, 1.1, 0.9, 1.2)]
    >>> e = run_spread(runs)
    >>> 8 < e.value < 13, e.n, e.unit
    (True, 4, '%')
    """
    from scipy.special import chdtri

    check_level(q)
    ordered = [Ordered.of(run) for run in runs]
    if len(ordered) < 3:
        raise ValueError(f"the spread between runs needs three runs or more, not {len(ordered)}")
    if min(run.worth for run in ordered) < minimum_n(q):
        raise ValueError(f"each run needs {minimum_n(q)} samples or more for the quantile {q:g}")
    if min(run.quantile(q) for run in ordered) <= 0:
        raise ValueError("the spread between runs is relative: every figure must be above 0")
    logs = run_logs(ordered, q)
    degrees = len(logs) - 1
    total = float(np.var([run.value for run in logs], ddof=1))
    within = float(np.mean([run.error**2 for run in logs]))
    variances = (
        total,
        total * degrees / float(chdtri(degrees, _TAIL)),
        total * degrees / float(chdtri(degrees, 1 - _TAIL)),
    )
    value, low, high = (100 * math.sqrt(max(variance - within, 0.0)) for variance in variances)
    method = "standard deviation of log quantiles over runs, less that of their samples; chi-squared"
    return Estimate(value, low, high, len(logs), method, "%")
