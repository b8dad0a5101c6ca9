"""Bootstrap draws of a figure, whatever the number of samples.

Each function gives `DRAWS` values that the figure could have, given the samples; their spread is
its uncertainty, and comparisons are made of the draws of both sides. None of them assumes a shape.
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.stats._distribution import Ordered
from harness.stats._mean import student_t

#: Values per bootstrap. The least p-value they can show is 2 / (DRAWS + 1) = 0.0004.
DRAWS = 4999
_ONE_SIGMA = 0.158655253931457

Draws = NDArray[np.float64]


def quantile_draws(run: Ordered, q: float, rng: np.random.Generator) -> Draws:
    """Of the quantile `q`.

    The number of samples below the true quantile is binomial, whatever the distribution: K ~
    Bin(n, q). The true quantile therefore lies between the order statistics K and K + 1; the draw
    is taken at a uniform place between them. That is the bootstrap of an order statistic without
    the resampling (its ranks are binomial: Efron 1979, section 3), and its 2.5 % and 97.5 % points
    are the order-statistic interval. The cost does not depend on n. With fewer independent samples
    than n, K is drawn of those and its rank scaled.
    """
    below = rng.binomial(run.worth, q, DRAWS) + rng.random(DRAWS)
    return run.at((below - 0.5) * (run.n / run.worth) + 0.5)


def paired_quantile_draws(
    base: NDArray[np.float64], candidate: NDArray[np.float64], q: float, rng: np.random.Generator
) -> tuple[Draws, Draws]:
    """Of the quantile `q` of two samples that are pairs, element by element.

    As `quantile_draws`, with the counts below both quantiles drawn together: of each pair both,
    either or none lies below, and the four counts are multinomial.
    """
    n = base.size
    low = base <= np.quantile(base, q)
    high = candidate <= np.quantile(candidate, q)
    both = float(np.mean(low & high))
    shares = np.array([both, q - both, q - both, 1 - 2 * q + both])
    shares = np.clip(shares, 0.0, None)
    counts = rng.multinomial(n, shares / shares.sum(), DRAWS)
    within = rng.random(DRAWS)
    ranks = np.arange(1.0, n + 1)
    return (
        np.interp(counts[:, 0] + counts[:, 1] + within, ranks, np.sort(base)),
        np.interp(counts[:, 0] + counts[:, 2] + within, ranks, np.sort(candidate)),
    )


def mean_draws(run: Ordered, rng: np.random.Generator, *, few: bool) -> Draws:
    """Of the mean: resampled where samples are few and all there, else by Student's t.

    Resampled means are spread out for the narrowness of small samples, as in `mean`.
    """
    if run.n < 2 or run.stdev == 0:
        return np.full(DRAWS, run.mean)
    degrees = max(run.worth - 1, 1)
    if run.is_exact and few:
        means = run.points[rng.integers(run.n, size=(DRAWS, run.n), dtype=np.uint16)].mean(axis=1)
        factor = math.sqrt(run.n / degrees) * student_t(degrees) / student_t(math.inf)
        return np.asarray(run.mean + factor * (means - run.mean), dtype=np.float64)
    error = run.stdev / math.sqrt(run.worth)
    return np.asarray(run.mean + error * rng.standard_t(degrees, DRAWS), dtype=np.float64)


def paired_mean_draws(
    base: NDArray[np.float64], candidate: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Draws, Draws]:
    """Of the means of two samples that are pairs; the covariance of the pairs is kept.

    Bivariate Student's t on n - 1 degrees of freedom.
    """
    n = base.size
    means = np.array([base.mean(), candidate.mean()])
    if n < 2:
        return np.full(DRAWS, means[0]), np.full(DRAWS, means[1])
    covariance = np.cov(base, candidate) / n
    normal = rng.multivariate_normal(np.zeros(2), covariance, DRAWS, method="eigh")
    scale = np.sqrt((n - 1) / rng.chisquare(n - 1, DRAWS))
    moved = means + normal * scale[:, None]
    return moved[:, 0], moved[:, 1]


def standard_error_of_log(draws: Draws) -> float:
    """Half the width of the central 68 % of the logarithms; infinite where draws reach 0."""
    low, high = np.quantile(draws, [_ONE_SIGMA, 1 - _ONE_SIGMA], method="inverted_cdf")
    return math.log(high / low) / 2 if low > 0 and math.isfinite(high) else math.inf
