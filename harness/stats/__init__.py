"""Pure statistics over arrays of samples: no files, no clocks, no Locust, no pandas."""

from harness.stats._change_points import ChangePoint, change_points
from harness.stats._compare import compare_mean, compare_quantile, compare_throughput
from harness.stats._compare_rate import compare_rate
from harness.stats._comparison import DECISION_LEVEL, Comparison
from harness.stats._decision import ChangeLimits, ChangeWord, Decision, decide, false_discovery
from harness.stats._dependence import effective_n, effective_ns
from harness.stats._distribution import Distribution
from harness.stats._drift import Drift, drift
from harness.stats._estimate import Estimate
from harness.stats._in_flight import in_flight_at
from harness.stats._mean import BOOTSTRAP_UP_TO, mean, mean_of_many, stdev
from harness.stats._quantile import LEVEL, minimum_n, order_statistic_ranks, quantile, quantiles
from harness.stats._ranks import EffectSize, RankTest
from harness.stats._rate_drift import RateDrift, rate_drift
from harness.stats._rates import proportion, rate, rate_from_batches
from harness.stats._recovery import Recovered, recovery_time
from harness.stats._run_spread import NO_SPREAD, RunSpread, run_spread
from harness.stats._scalability import Scalability, fit_scalability
from harness.stats._slo_capacity import slo_capacity
from harness.stats._stretches import Moments, Stretches
from harness.stats._warm_up import WarmUp, warm_up

__all__ = [
    "BOOTSTRAP_UP_TO",
    "DECISION_LEVEL",
    "LEVEL",
    "NO_SPREAD",
    "ChangeLimits",
    "ChangePoint",
    "ChangeWord",
    "Comparison",
    "Decision",
    "Distribution",
    "Drift",
    "EffectSize",
    "Estimate",
    "Moments",
    "RankTest",
    "RateDrift",
    "Recovered",
    "RunSpread",
    "Scalability",
    "Stretches",
    "WarmUp",
    "change_points",
    "compare_mean",
    "compare_quantile",
    "compare_rate",
    "compare_throughput",
    "decide",
    "drift",
    "effective_n",
    "effective_ns",
    "false_discovery",
    "fit_scalability",
    "in_flight_at",
    "mean",
    "mean_of_many",
    "minimum_n",
    "order_statistic_ranks",
    "proportion",
    "quantile",
    "quantiles",
    "rate",
    "rate_drift",
    "rate_from_batches",
    "recovery_time",
    "run_spread",
    "slo_capacity",
    "stdev",
    "warm_up",
]
