"""Pure statistics over arrays of samples: no files, no clocks, no Locust, no pandas."""

from harness.stats._estimate import Estimate
from harness.stats._in_flight import in_flight_at
from harness.stats._mean import mean, stdev
from harness.stats._quantile import LEVEL, minimum_n, order_statistic_ranks, quantile, quantiles
from harness.stats._rates import proportion, rate, rate_from_batches

__all__ = [
    "LEVEL",
    "Estimate",
    "in_flight_at",
    "mean",
    "minimum_n",
    "order_statistic_ranks",
    "proportion",
    "quantile",
    "quantiles",
    "rate",
    "rate_from_batches",
    "stdev",
]
