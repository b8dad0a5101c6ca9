"""From samples to figures with intervals: statistics by themselves, and a run of 20,000 requests."""

import numpy as np
import pytest

from benchmarks._synthetic import seal, write_streams
from benchmarks.micro.conftest import CPU_TIME, Measure
from harness.analysis import Dataset, Selection, summarise
from harness.runs import Run, open_run
from harness.stats import Estimate, compare_quantile, effective_n, mean, proportion, quantiles
from harness.verdicts import judge, parse_rule

SAMPLES = np.random.default_rng(7).lognormal(5, 0.5, 10_000)

pytestmark = CPU_TIME


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = write_streams(tmp_path_factory.mktemp("run"), 20_000)
    seal(path)
    return open_run(path)


def test_five_quantiles_of_10000(measure: Measure) -> None:
    found = measure(lambda: quantiles(SAMPLES, [0.5, 0.9, 0.95, 0.99, 0.999]), calls=1)
    assert all(estimate.is_bounded for estimate in found)


def test_mean_of_10000(measure: Measure) -> None:
    assert measure(lambda: mean(SAMPLES), calls=5).is_bounded


def test_error_rate(measure: Measure) -> None:
    assert measure(lambda: proportion(12, 10_000), calls=20).is_bounded


def test_effective_n_of_10000(measure: Measure) -> None:
    assert measure(lambda: effective_n(SAMPLES, 0.95), calls=1, rounds=100) > 1000


def test_compare_p95_of_two_runs_a_side(measure: Measure) -> None:
    runs = np.split(SAMPLES[:4000], 4)
    found = measure(lambda: compare_quantile(runs[:2], runs[2:], 0.95), calls=1, rounds=50)
    assert found.change.is_bounded


def test_p95_of_a_category_of_a_run(measure: Measure, run: Run) -> None:
    """Reading and placing the requests included."""

    def p95() -> object:
        return Dataset.from_run(run).estimate("p95", "response_time", Selection(category="simple"))

    assert isinstance(measure(p95, calls=1, rounds=30), Estimate)


def test_judge_and_summarise_a_run(measure: Measure, run: Run) -> None:
    rules = [parse_rule(name, text) for name, text in run.manifest.scenario.criteria.items()]

    def work() -> object:
        dataset = Dataset.from_run(run)
        judge(run, dataset, rules)
        return summarise(run, dataset)

    assert measure(work, calls=1, rounds=10)
