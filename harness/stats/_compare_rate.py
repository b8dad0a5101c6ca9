"""Comparison of proportions in two groups of runs."""

import math
from collections.abc import Sequence

import numpy as np

from harness.stats._comparison import Comparison, Side, compare_sides
from harness.stats._draws import DRAWS
from harness.stats._rates import proportion

_SEED = 20261124


def compare_rate(
    base_runs: Sequence[tuple[int, int]], candidate_runs: Sequence[tuple[int, int]]
) -> Comparison:
    """How a proportion changed; each run is `(k, n)`: k of n requests, failed or succeeded.

    Draws are of Jeffreys's posterior, Beta(k + 1/2, n - k + 1/2) (Brown, Cai and DasGupta 2001), of
    the pooled counts; the p-value is Fisher's exact one (twice the smaller tail), as with few events
    the draws' own is too small. Where a side has two runs or more, counts that differ between runs by more
    than chance are worth less: n is divided by Pearson's chi-squared over its degrees of freedom
    (quasi-binomial: McCullagh and Nelder 1989, section 4.5). With one run a side nothing is known
    of that and a warning says so. `change` is in percent of the base, `difference` in percentage
    points, which is the one to judge where the base is near 0. `more_samples` is of requests.
    Raises ValueError unless 0 <= k <= n and each side has requests.

    >>> c = compare_rate([(3, 300)], [(30, 300)])
    >>> round(c.change.value), round(c.difference.value, 1), c.p_value < 0.01
    (900, 9.0, True)
    """
    rng = np.random.default_rng(_SEED)
    excess = _overdispersion((base_runs, candidate_runs))
    sides = _side(base_runs, excess, rng), _side(candidate_runs, excess, rng)
    method = "ratio of proportions; 95 % interval by Jeffreys's posterior"
    p_value = _exact_p(base_runs, candidate_runs, excess)
    return compare_sides(sides, None, method, None, rng, p_value)


def _exact_p(
    base_runs: Sequence[tuple[int, int]], candidate_runs: Sequence[tuple[int, int]], excess: float
) -> float:
    (k, n), (other_k, other_n) = (
        (round(sum(k for k, _ in runs) / excess), round(sum(n for _, n in runs) / excess))
        for runs in (base_runs, candidate_runs)
    )
    return _fisher(k, n, other_k, other_n)


def _fisher(k: int, n: int, other_k: int, other_n: int) -> float:
    """Twice the smaller tail of the hypergeometric distribution of `k`, given both margins.

    As `scipy.stats.hypergeom`, without the second that importing `scipy.stats` takes. Counts that
    are further than twelve standard deviations from the mean have no weight.
    """
    from scipy.special import gammaln

    total, hits = n + other_n, k + other_k
    mean = hits * n / total
    reach = 12 * math.sqrt(mean * (1 - hits / total) * other_n / max(total - 1, 1)) + 12
    counts = np.arange(
        max(0, hits - other_n, math.floor(mean - reach)), min(n, hits, math.ceil(mean + reach)) + 1
    )
    cells = np.stack([counts, hits - counts, n - counts, other_n - hits + counts])
    logs = -gammaln(cells + 1.0).sum(axis=0)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    tails = float(weights[counts <= k].sum()), float(weights[counts >= k].sum())
    return min(1.0, 2 * min(tails))


def _overdispersion(sides: Sequence[Sequence[tuple[int, int]]]) -> float:
    statistic, degrees = 0.0, 0
    for runs in sides:
        k, n = (np.array(column, dtype=np.float64) for column in zip(*runs, strict=True))
        share = k.sum() / n.sum() if n.sum() else 0.0
        if 0 < share < 1:
            held = n > 0
            statistic += float(((k - n * share)[held] ** 2 / (n * share * (1 - share))[held]).sum())
            degrees += int(held.sum()) - 1
    return max(1.0, statistic / degrees) if degrees else 1.0


def _side(runs: Sequence[tuple[int, int]], excess: float, rng: np.random.Generator) -> Side:
    for k, n in runs:
        if not 0 <= k <= n:
            raise ValueError(f"{k} of {n} is not a proportion")
    k, n = sum(k for k, _ in runs), sum(n for _, n in runs)
    if not n:
        raise ValueError("a side without requests cannot be compared")
    draws = 100 * rng.beta(k / excess + 0.5, (n - k) / excess + 0.5, DRAWS)
    weights = tuple(n_of_run / n for _, n_of_run in runs)
    return Side(proportion(k, n), draws, weights, [], n, 1)
