"""The Universal Scalability Law: what throughput would be at loads that were not tried."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats._estimate import Estimate
from harness.stats._mean import student_t
from harness.stats._quantile import finite_samples

FEWEST_LEVELS = 6
_RESAMPLES = 999
_SEED = 20261124
_METHOD = "Universal Scalability Law; 95 % interval by bootstrap of residuals"
#: Coefficients below this share of the serial one are zero: rounding of the solver.
_NOTHING = 1e-9

Values = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class Scalability:
    """A fit of X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)).

    `rate_of_one` is lambda, the throughput at a load of one; `contention` (sigma) is the share of
    work that queues for something shared, `coherency` (kappa) what every pair of users costs;
    both without unit. `peak_load` is sqrt((1 - sigma) / kappa) and `peak_throughput` is X there:
    without a value where kappa is 0, as throughput then never falls. `knee` is the load at which
    growth as steep as at first would reach the most there is (X at the peak, lambda / sigma where
    there is no peak): from there on more load buys little; without a value where growth is linear.
    `r_squared` is of the throughput.
    """

    rate_of_one: Estimate
    contention: Estimate
    coherency: Estimate
    peak_load: Estimate
    peak_throughput: Estimate
    knee: Estimate
    r_squared: float
    n: int
    method: str
    warnings: tuple[str, ...]

    def throughput_at(self, load: ArrayLike) -> Values:
        """X at one load or several."""
        coefficients = [e.value or 0.0 for e in (self.rate_of_one, self.contention, self.coherency)]
        return _throughput(np.asarray(load, dtype=np.float64), *coefficients)


def fit_scalability(loads: ArrayLike, throughputs: ArrayLike, *, unit: str = "req/s") -> Scalability:
    """Fit Gunther's law (2007, "Guerrilla Capacity Planning", chapter 5) to levels of load.

    The law is linear in its inverse, N / X = a + b (N - 1) + c N (N - 1), with lambda = 1 / a,
    sigma = b / a, kappa = c / a. That is solved by least squares with a, b, c not negative, each
    level weighted by X / N so that relative errors count alike: no starting values, no local
    minimum. Intervals: bootstrap of relative residuals, spread out by sqrt(n / (n - 3)) for the
    three that were fitted, and by the ratio of Student's t on n - 3 degrees of freedom to the
    normal. Assumes levels in a steady state, errors proportional to throughput, and the law
    itself. Several values at one load are welcome; they count as one level. Raises ValueError
    under six levels, and for loads below 1 or throughputs that are not above 0.

    >>> n = np.array([1, 5, 10, 20, 40, 80, 120])
    >>> fit = fit_scalability(n, 10 * n / (1 + 0.03 * (n - 1) + 0.0004 * n * (n - 1)))
    >>> round(fit.contention.value, 4), round(fit.coherency.value, 6), round(fit.peak_load.value, 1)
    (0.03, 0.0004, 49.2)
    >>> round(fit.knee.value, 1)  # X(49.2) = 145.5, and 10 from each user
    14.5
    """
    load, rate = finite_samples(loads), finite_samples(throughputs)
    _check(load, rate)
    n = load.size
    fitted = _solve(load, rate)
    expected = _throughput(load, *fitted)
    refits = _refits(load, rate, expected)
    spread = float(((rate - rate.mean()) ** 2).sum())
    r_squared = 1 - float(((rate - expected) ** 2).sum()) / spread if spread else 1.0
    units = (unit, "", "")
    rate_of_one, contention, coherency = (
        _estimate(value, refits[:, i], n, units[i]) for i, value in enumerate(fitted)
    )
    peaks = np.array([_peak(*coefficients) for coefficients in refits])
    tops = np.array([_throughput(np.array(peak), *c) for peak, c in zip(peaks, refits, strict=True)])
    peak = _peak(*fitted)
    top = float(_throughput(np.array(peak), *fitted))
    knees = np.array([_knee(*coefficients) for coefficients in refits])
    notes = _notes(peak, float(np.max(load)), float(np.mean(np.isinf(peaks))))
    return Scalability(
        rate_of_one,
        contention,
        coherency,
        _estimate(peak, peaks, n, "", notes),
        _estimate(
            top if math.isfinite(peak) else math.inf, np.where(np.isinf(peaks), np.inf, tops), n, unit, notes
        ),
        _estimate(_knee(*fitted), knees, n, ""),
        r_squared,
        n,
        _METHOD,
        notes,
    )


def _refits(load: Values, rate: Values, expected: Values) -> NDArray[np.float64]:
    """Coefficients fitted to what the levels could have been: rows of lambda, sigma, kappa."""
    n = load.size
    residuals = expected / rate - 1
    residuals = (residuals - residuals.mean()) * math.sqrt(n / (n - 3))
    residuals *= student_t(n - 3) / student_t(math.inf)
    drawn = np.random.default_rng(_SEED).choice(residuals, (_RESAMPLES, n))
    return np.array([_solve(load, expected / (1 + np.clip(row, -0.9, None))) for row in drawn])


def _check(load: Values, rate: Values) -> None:
    if load.size != rate.size:
        raise ValueError(f"{load.size} loads and {rate.size} throughputs do not belong together")
    levels = np.unique(load).size
    if levels < FEWEST_LEVELS:
        raise ValueError(f"a scalability fit needs {FEWEST_LEVELS} levels of load or more, not {levels}")
    if not (np.isfinite(load).all() and np.isfinite(rate).all() and np.min(load) >= 1 and np.min(rate) > 0):
        raise ValueError("a scalability fit needs loads of 1 or more and throughputs above 0")


def _solve(load: Values, rate: Values) -> tuple[float, float, float]:
    """lambda, sigma, kappa."""
    from scipy.optimize import nnls

    columns = np.stack([np.ones_like(load), load - 1, load * (load - 1)], axis=1)
    weighted = columns * (rate / load)[:, None]
    # Columns of one size keep the solver's tolerance meaningful for kappa.
    size = np.linalg.norm(weighted, axis=0)
    solution, _ = nnls(weighted / size, np.ones_like(load))
    one, queueing, pairs = (float(x) for x in solution / size)
    one = max(one, 1e-12 * float(np.min(load / rate)))
    return 1 / one, queueing / one, pairs / one


def _throughput(load: Values, rate_of_one: float, contention: float, coherency: float) -> Values:
    with np.errstate(invalid="ignore"):
        below = 1 + contention * (load - 1) + coherency * load * (load - 1)
        return np.asarray(rate_of_one * load / below, dtype=np.float64)


def _peak(rate_of_one: float, contention: float, coherency: float) -> float:  # noqa: ARG001 - one signature
    if coherency <= _NOTHING:
        return math.inf
    return max(1.0, math.sqrt(max(1 - contention, 0.0) / coherency))


def _knee(rate_of_one: float, contention: float, coherency: float) -> float:
    if coherency > _NOTHING:
        peak = _peak(rate_of_one, contention, coherency)
        return float(_throughput(np.array(peak), rate_of_one, contention, coherency)) / rate_of_one
    return 1 / contention if contention > _NOTHING else math.inf


def _estimate(value: float, drawn: Values, n: int, unit: str, notes: tuple[str, ...] = ()) -> Estimate:
    # No interpolation: between two infinite draws it would give NaN.
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975], method="inverted_cdf"))
    ends = (min(low, value), max(high, value))
    low_end, high_end = (end if math.isfinite(end) else None for end in ends)
    return Estimate(value if math.isfinite(value) else None, low_end, high_end, n, _METHOD, unit, notes)


def _notes(peak: float, largest: float, without_peak: float) -> tuple[str, ...]:
    if math.isinf(peak):
        return ("no falling throughput seen: the peak cannot be told",)
    if peak > largest:
        return (f"the peak lies beyond the largest load tried ({largest:g}): extrapolated",)
    if without_peak > 0.025:
        return ("the levels are also compatible with no peak at all",)
    return ()
