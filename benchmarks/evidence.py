"""How often intervals hold the truth and verdicts err, on latencies as services have them.

    .venv/bin/python benchmarks/evidence.py [--trials 500]

Prints the tables of docs/statistics.md. Samples are log-normal (sigma 0.5, median 400 ms) or bimodal
(70 % around 200 ms, 30 % around 800 ms, each log-normal with sigma 0.15). Where runs differ, each run is
multiplied by a log-normal factor of 4 %. Every figure comes from the functions that the verdicts use.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.stats import (
    NO_SPREAD,
    ChangeWord,
    Comparison,
    RunSpread,
    change_points,
    compare_mean,
    compare_quantile,
    compare_rate,
    compare_throughput,
    decide,
    drift,
    effective_n,
    false_discovery,
    fit_scalability,
    quantile,
    warm_up,
)

TRIALS = 500
SEED = 2026
SIGMA = 0.5
SPREAD = 0.04

Samples = NDArray[np.float64]


def lognormal(rng: np.random.Generator, n: int) -> Samples:
    return rng.lognormal(np.log(400), SIGMA, n)


def bimodal(rng: np.random.Generator, n: int) -> Samples:
    slow = rng.random(n) < 0.3
    return np.where(slow, rng.lognormal(np.log(800), 0.15, n), rng.lognormal(np.log(200), 0.15, n))


SHAPES: dict[str, Callable[[np.random.Generator, int], Samples]] = {
    "log-normal": lognormal,
    "bimodal": bimodal,
}


@dataclass(frozen=True)
class Design:
    """How a comparison is made: runs a side, how much runs truly differ, what is believed of it."""

    name: str
    runs: int
    true_spread: float
    believed: RunSpread


ALIKE = Design("1 run a side, runs alike", 1, 0.0, NO_SPREAD)
ONE = Design("1 run a side, runs differ by 4 %", 1, SPREAD, RunSpread())
THREE = Design("3 runs a side, runs differ by 4 %", 3, SPREAD, RunSpread())
DESIGNS = (ALIKE, ONE, THREE)


@dataclass(frozen=True)
class Cell:
    """Shares of trials. `changed` is with the candidate 20 % slower."""

    covered: float
    covered_changed: float
    blocked: float
    blocked_by_10_percent: float
    blocked_changed: float
    inconclusive_changed: float


def side(rng: np.random.Generator, shape: str, n: int, design: Design, factor: float = 1.0) -> list[Samples]:
    """The runs of one side, each of n samples."""
    return [
        factor * np.exp(rng.normal(0, design.true_spread)) * SHAPES[shape](rng, n) for _ in range(design.runs)
    ]


def compared(
    rng: np.random.Generator, shape: str, n: int, q: float | None, design: Design, factor: float
) -> Comparison:
    base, candidate = side(rng, shape, n, design), side(rng, shape, n, design, factor)
    if q is None:
        return compare_mean(base, candidate, spread=design.believed)
    return compare_quantile(base, candidate, q, spread=design.believed)


def measure(shape: str, n: int, q: float | None, design: Design, trials: int = TRIALS) -> Cell:
    """One cell of the table; `q` None is the mean."""
    rng = np.random.default_rng(SEED)
    same = [compared(rng, shape, n, q, design, 1.0) for _ in range(trials)]
    changed = [compared(rng, shape, n, q, design, 1.2) for _ in range(trials)]
    words = [decide(c).word for c in changed]
    return Cell(
        covered(same, 0.0),
        covered(changed, 20.0),
        share(decide(c).word is ChangeWord.BLOCK for c in same),
        share((c.change.value or 0) > 10 for c in same),
        share(word is ChangeWord.BLOCK for word in words),
        share(word is ChangeWord.INCONCLUSIVE for word in words),
    )


def covered(comparisons: Sequence[Comparison], truth: float) -> float:
    ends = ((c.change.low, c.change.high) for c in comparisons)
    return share(low is not None and high is not None and low <= truth <= high for low, high in ends)


def share(hits: Iterator[bool]) -> float:
    return float(np.mean(list(hits)))


def any_block_of_a_run(n: int, trials: int = TRIALS) -> tuple[float, float]:
    """Share of unchanged pairs of runs with a BLOCK in any of 12 metrics: after, and without, adjustment.

    p50, p95 and mean of three categories and of all requests together; one run a side, runs alike.
    """
    rng = np.random.default_rng(SEED)
    adjusted = plain = 0
    for _ in range(trials):
        groups = []
        for _ in range(2):
            categories = [scale * lognormal(rng, n) for scale in (0.5, 1.0, 2.0)]
            groups.append([*categories, np.concatenate(categories)])
        found = [
            comparison
            for base, candidate in zip(*groups, strict=True)
            for comparison in (
                compare_quantile([base], [candidate], 0.5, spread=NO_SPREAD),
                compare_quantile([base], [candidate], 0.95, spread=NO_SPREAD),
                compare_mean([base], [candidate], spread=NO_SPREAD),
            )
        ]
        p_values = false_discovery([c.p_value for c in found])
        words = [decide(c, p_value=p).word for c, p in zip(found, p_values, strict=True)]
        adjusted += ChangeWord.BLOCK in words
        plain += any(decide(c).word is ChangeWord.BLOCK for c in found)
    return adjusted / trials, plain / trials


def correlated(rng: np.random.Generator, n: int, rho: float) -> Samples:
    """Log-normal latencies whose logarithms are autoregressive: each remembers `rho` of the one before."""
    from scipy.signal import lfilter

    noise = rng.normal(size=n + 200)
    logs = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)[200:]
    return np.asarray(np.exp(np.log(400) + SIGMA * logs), dtype=np.float64)


def coverage_of_correlated(n: int, rho: float, q: float, trials: int = TRIALS) -> tuple[float, float]:
    """Coverage of a quantile's interval with n as if independent, and with the effective n."""
    from scipy.special import ndtri

    rng = np.random.default_rng(SEED)
    truth = 400 * np.exp(SIGMA * ndtri(q))
    plain = effective = 0
    for _ in range(trials):
        samples = correlated(rng, n, rho)
        worth = effective_n(samples, q)
        for_plain, for_effective = quantile(samples, q), quantile(samples, q, n_effective=worth)
        plain += (for_plain.low or 0) <= truth <= (for_plain.high or np.inf)
        effective += (for_effective.low or 0) <= truth <= (for_effective.high or np.inf)
    return plain / trials, effective / trials


def rates(p: float, n: int, trials: int = TRIALS) -> tuple[float, float]:
    """Proportions: coverage of the difference, BLOCK of unchanged pairs."""
    rng = np.random.default_rng(SEED)
    found = [
        compare_rate([(int(rng.binomial(n, p)), n)], [(int(rng.binomial(n, p)), n)]) for _ in range(trials)
    ]
    held = ((c.difference.low or 0) <= 0 <= (c.difference.high or 0) for c in found)
    return share(held), share(decide(c).word is ChangeWord.BLOCK for c in found)


def throughputs(design: Design, trials: int = TRIALS) -> tuple[float, float, float]:
    """Requests a second for 30 s, 20 on average: coverage, BLOCK unchanged, BLOCK at 20 % fewer."""
    rng = np.random.default_rng(SEED)

    def runs(mean: float) -> list[Samples]:
        factors = np.exp(rng.normal(0, design.true_spread, design.runs))
        return [rng.poisson(mean * factor, 30).astype(float) for factor in factors]

    same = [compare_throughput(runs(20), runs(20), spread=design.believed) for _ in range(trials)]
    fewer = [compare_throughput(runs(20), runs(16), spread=design.believed) for _ in range(trials)]
    blocks = [
        share(decide(c, lower_is_worse=True).word is ChangeWord.BLOCK for c in found)
        for found in (same, fewer)
    ]
    return covered(same, 0.0), blocks[0], blocks[1]


def histories(points: int, heavy: bool, trials: int = 200) -> tuple[float, float]:
    """Change points: false alarms in a level history, and +15 % found within one place of where it is.

    Values differ by 5 % (normal) or 4 % x Student's t on 3 degrees of freedom (outliers).
    """
    rng = np.random.default_rng(SEED)
    at = 2 * points // 3
    alarms = found = 0
    for _ in range(trials):
        noise = 0.04 * rng.standard_t(3, points) if heavy else rng.normal(0, 0.05, points)
        level = 500 * np.exp(noise)
        step = np.where(np.arange(points) < at, level, 1.15 * level)
        alarms += len(change_points(level)) > 0
        found += any(abs(point.index - at) <= 1 for point in change_points(step))
    return alarms / trials, found / trials


def drifts(n: int, rho: float, trials: int = TRIALS) -> tuple[float, float]:
    """Drift: false alarms on a level series, and +30 % over the whole time seen."""
    rng = np.random.default_rng(SEED)
    alarms = seen = 0
    for _ in range(trials):
        level = correlated(rng, n, rho)
        alarms += drift(np.arange(n), level).is_significant
        seen += drift(np.arange(n), level * np.linspace(1, 1.3, n)).is_significant
    return alarms / trials, seen / trials


def warm_ups(n: int, trials: int = TRIALS) -> tuple[float, float]:
    """MSER-5: false alarms on a steady run, and a start of 60 samples that is 50 % slower noticed."""
    rng = np.random.default_rng(SEED)
    alarms = noticed = 0
    for _ in range(trials):
        steady = lognormal(rng, n)
        slow_start = np.where(np.arange(n) < 60, 1.5 * steady, steady)
        alarms += warm_up(steady).matters
        noticed += warm_up(slow_start).matters
    return alarms / trials, noticed / trials


def scalability(loads: Sequence[float], trials: int = 60) -> dict[str, float]:
    """Coverage of each coefficient, throughput off by 3 % at every level."""
    rng = np.random.default_rng(SEED)
    load = np.array(loads, dtype=np.float64)
    truth = {"rate_of_one": 1.0, "contention": 0.03, "coherency": 0.0004, "peak_load": np.sqrt(0.97 / 0.0004)}
    curve = load / (1 + 0.03 * (load - 1) + 0.0004 * load * (load - 1))
    hits = dict.fromkeys(truth, 0)
    for _ in range(trials):
        fit = fit_scalability(load, curve * np.exp(rng.normal(0, 0.03, load.size)))
        for name, value in truth.items():
            estimate = getattr(fit, name)
            hits[name] += (estimate.low or 0) <= value <= (estimate.high or np.inf)
    return {name: count / trials for name, count in hits.items()}


def _row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def _head(*cells: str) -> None:
    print()
    _row(*cells)
    _row(*("---" for _ in cells))


def _comparisons(trials: int) -> None:
    _head("design", "shape", "figure", "n per run", "interval holds 0 %", "holds +20 %",
          "unchanged: BLOCK", "unchanged: over 10 %", "+20 %: BLOCK", "+20 %: INCONCLUSIVE")  # fmt: skip
    for design in DESIGNS:
        for shape in SHAPES:
            for q, name in ((0.5, "p50"), (0.95, "p95"), (None, "mean")):
                for n in (100, 300):
                    cell = measure(shape, n, q, design, trials)
                    _row(design.name, shape, name, n, *vars(cell).values())


def _figures(trials: int) -> None:
    _head("12 metrics, n per category", "any BLOCK", "without adjustment")
    for n in (100, 300):
        _row(n, *any_block_of_a_run(n, trials // 2))
    _head("correlation of neighbours", "figure", "n", "interval holds: as independent", "with effective n")
    for rho, q in itertools.product((0.0, 0.3, 0.6, 0.9), (0.5, 0.95)):
        _row(f"{rho:g}", f"p{100 * q:g}", 1000, *coverage_of_correlated(1000, rho, q, trials))
    _head("share", "n", "interval holds", "unchanged: BLOCK")
    for p, n in itertools.product((0.01, 0.05, 0.99), (100, 300)):
        _row(f"{100 * p:g} %", n, *rates(p, n, trials))
    _head("throughput", "interval holds", "unchanged: BLOCK", "-20 %: BLOCK")
    for design in DESIGNS:
        _row(design.name, *throughputs(design, trials))


def _series(trials: int) -> None:
    _head("history", "noise", "false alarm", "+15 % found within 1")
    for points, heavy in itertools.product((15, 30, 60), (False, True)):
        _row(points, "outliers" if heavy else "normal", *histories(points, heavy))
    _head("drift: samples", "correlation", "false alarm", "+30 % seen")
    for n, rho in ((100, 0.0), (1000, 0.0), (1000, 0.5), (1000, 0.9), (10_000, 0.9)):
        _row(n, f"{rho:g}", *drifts(n, rho, trials))
    _head("warm-up: samples", "false alarm", "60 samples 50 % slower noticed")
    for n in (300, 3000):
        _row(n, *warm_ups(n, trials))
    _head("levels of load", "rate_of_one", "contention", "coherency", "peak_load")
    for loads in ((10, 40, 80, 120, 160, 200), tuple(range(10, 201, 10))):
        _row(len(loads), *scalability(loads).values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=TRIALS, help="per cell (default: %(default)s)")
    trials = parser.parse_args().trials
    _comparisons(trials)
    _figures(trials)
    _series(trials)


if __name__ == "__main__":
    main()
