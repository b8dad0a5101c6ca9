"""How long a service takes to be itself again after a peak: the first moment its p95 is back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._estimate import Estimate
from harness.stats._quantile import finite_samples

#: Requests of a window: enough for a p95 that is not the largest of them, few enough to see when.
WINDOW_REQUESTS = 40
_MOST_WINDOWS = 120
_REPLICATES = 1000
_Q = 0.95
_SEED = 20261124

Values = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class Recovered:
    """`time` in seconds from the end of the peak, without a value where p95 did not come back.

    `limit` is what p95 had to come back to; `windows` how many stretches the time was cut into.
    """

    time: Estimate
    limit: float
    windows: int


def recovery_time(
    baseline: ArrayLike, at_s: ArrayLike, values: ArrayLike, *, within_percent: float = 25.0
) -> Recovered:
    """When p95 is back within `within_percent` of the baseline's, after a peak that ended at 0 s.

    `values` began at `at_s`; the samples of a failed request are infinite, so that quick refusals are
    no recovery. The time after the peak is cut into windows of 40 requests or more. It is over with the
    first window whose p95, and that of the next, are within the limit. The interval is the 2.5 % to
    97.5 % of 1000 replicates in which the p95 of the baseline and of each window are drawn anew (a
    p95's rank in its sample is Beta distributed), and is widened by a window on each side, as nothing
    tells when within a window it happened. Raises ValueError for fewer than 40 samples of the
    baseline, or 80 after the peak.

    >>> t = np.arange(0, 60, 0.05)
    >>> normal = 100 + np.arange(1200) % 7
    >>> found = recovery_time(normal, t, normal + np.where(t < 20, 300, 0))
    >>> 18 <= found.time.low <= found.time.value <= found.time.high <= 24
    True
    """
    base = np.sort(_checked(baseline))
    at, value = finite_samples(at_s), _checked(values)
    if base.size < WINDOW_REQUESTS or at.size < 2 * WINDOW_REQUESTS:
        raise ValueError(
            f"a recovery needs {WINDOW_REQUESTS} requests of the baseline and {2 * WINDOW_REQUESTS} after "
            f"the peak, not {base.size} and {at.size}"
        )
    order = np.argsort(at, kind="stable")
    at, value = at[order], value[order]
    count = min(_MOST_WINDOWS, at.size // WINDOW_REQUESTS)
    parts = [np.sort(part) for part in np.array_split(value, count)]
    starts = np.array([part[0] for part in np.array_split(at, count)])
    starts[0] = 0.0
    edges = np.append(starts, at[-1])
    limit = (1 + within_percent / 100) * float(_at_rank(base, _Q))
    rng = np.random.default_rng(_SEED)
    limits = (1 + within_percent / 100) * _redrawn(base, rng)
    back = np.array([_redrawn(part, rng) for part in parts]) <= limits
    found = int(_first(np.array([[_at_rank(part, _Q)] for part in parts]) <= limit)[0])
    firsts = np.sort(_first(back))
    low, high = (int(firsts[int(share * (_REPLICATES - 1))]) for share in (0.025, 0.975))
    method = f"first window with p95 within {within_percent:g} % of the baseline's; interval by redrawn ranks"
    low, high = min(low, found), max(high, found)
    time = Estimate(
        float(edges[found]) if found < count else None,
        float(edges[max(low - 1, 0)]),
        float(edges[high + 1]) if high < count else None,
        at.size,
        method,
        "s",
        () if found < count else ("p95 was not back when the run ended",),
    )
    return Recovered(time, limit, count)


def _checked(values: ArrayLike) -> Values:
    samples = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(samples).any():
        raise ValueError("NaN is no time; a failed request is infinite")
    return samples


def _at_rank(ordered: Values, share: "float | Values") -> "Values":
    """The order statistic at a share of the way, without interpolation: infinities cannot be mixed."""
    ranks = np.minimum((np.asarray(share) * ordered.size).astype(np.intp), ordered.size - 1)
    return np.asarray(ordered[ranks], dtype=np.float64)


def _redrawn(ordered: Values, rng: np.random.Generator) -> Values:
    n = ordered.size
    return _at_rank(ordered, rng.beta(_Q * (n + 1), (1 - _Q) * (n + 1), _REPLICATES))


def _first(back: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Per replicate the first of two windows in a row that are back; the number of windows for none."""
    twice = back & np.vstack([back[1:], np.zeros((1, back.shape[1]), dtype=np.bool_)])
    found: NDArray[np.intp] = np.where(twice.any(axis=0), twice.argmax(axis=0), back.shape[0])
    return found
