"""Runs as a comparison sees them, made of known samples: log-normal, seeded, scaled by known factors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness.analysis import Contribution, RunSeries, Share, Values
from harness.config import RegressionConfig
from harness.stats import Distribution
from harness.verdicts import RegressionRules

PARTS = {"scenario": "cases", "provider": "simulated reference", "machine": "Linux x86_64, 2 CPUs"}
P95 = "p95(response_time){category=simple}"
MEAN = "mean(response_time){category=simple}"
TRIAGE = "mean(component_time){component=triage,category=simple}"
CARDIOLOGY = "mean(component_time){component=specialist-cardiology}"

#: Means in ms of what a case takes; the parts add up to 300.
STAGES = {"triage": 100.0, "synthesis": 195.0, "overhead": 5.0}


def values(mean: float, seed: int, n: int = 600, sigma: float = 0.2) -> Values:
    """n log-normal samples whose mean is about `mean`."""
    rng = np.random.default_rng(seed)
    samples = mean * np.exp(rng.normal(-(sigma**2) / 2, sigma, n))
    return Values(Distribution.of(samples, most_points=4096), {})


def run(number: int, factors: Mapping[str, float] | None = None, **changes: Any) -> RunSeries:
    """One run. `factors` multiply what their name says: a stage, `specialist`, `tokens`, `decode`.

    The response time is the sum of the stages, so that a factor moves it by its stage's share.
    """
    by = dict.fromkeys((*STAGES, "specialist", "tokens", "decode"), 1.0) | dict(factors or {})
    stages = {name: mean * by[name] for name, mean in STAGES.items()}
    total = sum(stages.values())
    seed = 1000 * number
    where = "{category=simple}"
    series: dict[str, Any] = {
        f"response_time{where}": values(total, seed),
        f"output_tokens{where}": values(800 * by["tokens"], seed + 1),
        f"llm_calls{where}": values(4, seed + 2, sigma=0.05),
        "error_rate": Share(1, 600),
        "success_rate": Share(599, 600),
        "component_time{component=specialist-cardiology}": values(50 * by["specialist"], seed + 3),
    }
    for place, (name, mean) in enumerate(stages.items()):
        series[f"component_time{{component={name},category=simple}}"] = values(mean, seed + 10 + place)
    shares = {"p50": 0.98, "p95": 1.35, "p99": 1.55, "mean": 1.0}
    contributions = {
        f"{statistic}(response_time){where}": Contribution(
            60,
            total * share,
            {name: mean * share for name, mean in stages.items()},
            {"decode": 280 * share * by["decode"], "queue": 8.0},
        )
        for statistic, share in shares.items()
    }
    made = RunSeries(
        run_id=f"run-{number}",
        scenario="cases",
        started_at=f"2026-11-24T06:{number:02d}:00Z",
        git_commit="abcdef1234",
        provider="SIMULATED (reference)",
        fingerprint_parts=PARTS,
        series=series,
        contributions=contributions,
    )
    return replace(made, **changes)


def without(found: RunSeries, *names: str) -> RunSeries:
    """A run that does not have some series."""
    return replace(found, series={name: s for name, s in found.series.items() if name not in names})


def rules(criteria: Mapping[str, str] | None = None, **table: Any) -> RegressionRules:
    """The rules of a `[regression]` table."""
    return RegressionRules(RegressionConfig.model_validate(table), criteria or {})
