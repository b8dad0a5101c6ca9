"""Summaries of runs whose neighbouring requests share something: how often intervals hold.

Each trial is a run folder with log-normal response times whose logarithms are an autoregressive series, read
and summarised as any other. The same stationary runs must not be accused of warming up for too long.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import norm

from harness.analysis import summarise
from tests.support.recorded_runs import phase, request, write_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TRIALS = int(os.environ.get("COVERAGE_TRIALS", "300"))
N, SIGMA, MEDIAN_MS = 1000, 0.5, 200.0
TRUTH = {
    "p50": MEDIAN_MS,
    "p95": MEDIAN_MS * np.exp(SIGMA * norm.ppf(0.95)),
    "mean": MEDIAN_MS * np.exp(SIGMA**2 / 2),
}


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_intervals_of_dependent_samples_hold_and_nothing_is_accused(tmp_path: Path, rho: float) -> None:
    held, accused = dict.fromkeys(TRUTH, 0), 0
    for trial in range(TRIALS):
        noise = np.random.default_rng(trial).normal(size=N + 200)
        series = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)[200:]
        times = MEDIAN_MS * np.exp(SIGMA * series)
        rows = [request(0.05 * place, float(ms)) for place, ms in enumerate(times)]
        run = write_run(
            tmp_path, rows, phases=[phase("hold", "hold", 5, 0, 50)], run_id=f"20261124T063300Z-t-{trial:06d}"
        )
        summary = summarise(run)
        for name, truth in TRUTH.items():
            found = summary.overall.response_time[name]
            # An end that the sample is too small for excludes nothing.
            low = found.low if found.low is not None else -np.inf
            high = found.high if found.high is not None else np.inf
            held[name] += low <= truth <= high
        assert summary.warm_up is not None
        accused += not summary.warm_up.is_fine
    shares = {name: count / TRIALS for name, count in held.items()}
    print(f"\ncorrelation {rho}: {shares}, accused of warming up {accused / TRIALS:.3f}")
    # 0.93 was asked for; three standard errors of 300 trials are 0.044.
    assert min(shares.values()) >= 0.93 - 3 * (0.93 * 0.07 / TRIALS) ** 0.5
    assert accused / TRIALS <= 0.03
