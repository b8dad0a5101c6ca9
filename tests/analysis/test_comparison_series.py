"""From a run folder to what is compared of it: which samples, how many, and where the time goes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.analysis import (
    OUTSIDE,
    Counts,
    Dataset,
    Metric,
    RunSeries,
    Selection,
    Share,
    Values,
    baseline_points,
    compare_metric,
    differing_parts,
    metrics_of,
    run_from_json,
    run_series,
    run_to_json,
)
from harness.runs import TargetRecord
from harness.stats import Distribution, RunSpread
from tests.support.recorded_runs import one_hold, request, span, write_run


def recorded(folder: Path, n: int = 40, **manifest: Any) -> RunSeries:
    """n cases, one each half second: 100 ms, 30 of them triage, 20 a debate in every fourth, ..."""
    requests = [
        request(0.5 * i, 100.0, category="simple", llm_calls=3, output_tokens=500, cost_usd=0.001)
        for i in range(n)
    ]
    spans = []
    for i in range(n):
        debate = 20.0 if i % 4 == 0 else 0.0
        parts = {"triage": 30.0, "specialists": 25.0, "debate": debate, "synthesis": 10.0, "overhead": 1.0}
        named = parts | {"total": sum(parts.values()), "decode": 60.0, "specialist-neurology": 25.0}
        spans += [span(i, name, ms) for name, ms in named.items()]
    run = write_run(folder, requests, spans=spans, phases=one_hold(20.0), **manifest)
    return run_series(run, Dataset.from_run(run))


@pytest.fixture
def found(tmp_path: Path) -> RunSeries:
    return recorded(tmp_path)


def values(run: RunSeries, name: str) -> Distribution:
    series = run.series[name]
    assert isinstance(series, Values)
    return series.distribution


@pytest.mark.parametrize(
    ("name", "n", "mean"),
    [
        ("response_time", 40, 100.0),
        ("response_time{category=simple}", 40, 100.0),
        ("component_time{component=triage,category=simple}", 40, 30.0),
        ("component_time{component=decode,category=simple}", 40, 60.0),
        pytest.param(
            "component_time{component=debate,category=simple}", 10, 20.0, id="a debate of 0 ms is none"
        ),
        pytest.param("component_time{component=specialist-neurology}", 40, 25.0, id="over all categories"),
        ("output_tokens{category=simple}", 40, 500.0),
        ("llm_calls{category=simple}", 40, 3.0),
        ("cost{category=simple}", 40, 0.001),
    ],
)
def test_samples(found: RunSeries, name: str, n: int, mean: float) -> None:
    distribution = values(found, name)
    assert distribution.n == n
    assert distribution.mean == pytest.approx(mean)


def test_shares_and_throughput(found: RunSeries) -> None:
    assert found.series["debate_rate{category=simple}"] == Share(10, 40)
    assert found.series["error_rate"] == Share(0, 40)
    assert found.series["success_rate"] == Share(40, 40)
    throughput = found.series["throughput{phase=highest}"]
    assert isinstance(throughput, Counts)
    assert (len(throughput.counts), throughput.batch_s, sum(throughput.counts)) == (20, 1, 40)


def test_what_is_not_compared(found: RunSeries) -> None:
    assert not any("component=total" in name for name in found.series)
    assert not any("specialist-neurology,category" in name for name in found.series)


def test_contributions_add_up_to_the_response_time(found: RunSeries) -> None:
    mean = found.contributions["mean(response_time){category=simple}"]
    assert mean.total_ms == pytest.approx(100.0)
    assert sum(mean.parts_ms.values()) == pytest.approx(mean.total_ms)
    assert mean.parts_ms["debate"] == pytest.approx(5.0), "20 ms in a quarter of the cases"
    assert mean.parts_ms[OUTSIDE] == pytest.approx(100.0 - 71.0)
    assert mean.provider_ms == {"decode": pytest.approx(60.0)}


def test_a_tail_has_its_own_contributions(tmp_path: Path) -> None:
    """Nine in ten take 100 ms in triage; the tenth 400 ms, and of those 300 in synthesis."""
    requests, spans = [], []
    for i in range(200):
        slow = i % 10 == 0
        requests.append(request(0.1 * i, 400.0 if slow else 100.0, category="simple"))
        spans += [span(i, "triage", 100.0), span(i, "synthesis", 300.0 if slow else 0.0)]
    run = write_run(tmp_path, requests, spans=spans, phases=one_hold(20.0))
    found = run_series(run, Dataset.from_run(run)).contributions
    assert found["p50(response_time)"].parts_ms["synthesis"] == 0
    assert found["p95(response_time)"].parts_ms["synthesis"] == pytest.approx(300.0)
    assert found["mean(response_time)"].parts_ms["synthesis"] == pytest.approx(30.0)


def test_without_components_there_are_no_contributions(tmp_path: Path) -> None:
    run = write_run(tmp_path, [request(i, 100.0) for i in range(20)], phases=one_hold(20.0))
    found = run_series(run, Dataset.from_run(run))
    assert found.contributions == {}
    assert not any(name.startswith("component_time") for name in found.series)


def test_correlated_requests_are_worth_less_than_their_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    level = np.repeat(rng.normal(0, 40, 20), 20)
    requests = [request(0.05 * i, 200.0 + level[i] + rng.normal(0, 2)) for i in range(400)]
    run = write_run(tmp_path, requests, phases=one_hold(20.0))
    series = run_series(run, Dataset.from_run(run)).series["response_time"]
    assert isinstance(series, Values)
    assert series.worth["mean"] < 100
    assert series.for_statistic("mean").n_effective == series.worth["mean"]


def test_json_round_trip_at_the_size_of_a_baseline(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    took = rng.lognormal(5, 0.5, 3000)
    run = write_run(tmp_path, [request(i / 200, took[i]) for i in range(3000)], phases=one_hold(20.0))
    found = run_series(run, Dataset.from_run(run), baseline_points(1))
    again = run_from_json(run_to_json(found))
    assert len(values(again, "response_time").points) == 512
    assert again.series.keys() == found.series.keys()
    full = run_series(run, Dataset.from_run(run))
    comparison = compare_metric(Metric("p95", "response_time"), [again], [full], RunSpread(0.0, 0.0))
    assert comparison is not None
    assert comparison.change.value == pytest.approx(0.0, abs=0.25), "512 points keep p95 within 0.25 %"


@pytest.mark.parametrize(
    "record",
    [
        {"k": 3, "n": 2},
        {"k": 1},
        {"counts": [1, -2], "batch_s": 1},
        {"n": 2, "n_effective": 2, "mean": 1, "stdev": 0, "points": [2, 1], "worth": {}},
        {"n": 2, "n_effective": 2, "mean": 1, "stdev": 0, "points": [1, 2], "worth": {"p95": 3}},
        {},
    ],
)
def test_records_that_are_no_series(record: dict[str, Any]) -> None:
    run = run_to_json(recorded_in_memory())
    with pytest.raises(ValueError, match=r"not a|cannot be worth|counts in batches"):
        run_from_json({**run, "series": {"response_time": record}})


def recorded_in_memory() -> RunSeries:
    return RunSeries("r", "cases", "2026-11-24T06:33:00Z", "abc", "unknown", {}, {})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("http://127.0.0.1:41234", "this machine", id="a free port"),
        pytest.param("http://localhost:8000/base", "this machine", id="by its name"),
        pytest.param("https://ada:secret@chat.example:8443/v1", "chat.example:8443", id="elsewhere"),
        pytest.param("", "", id="not known"),
    ],
)
def test_where_the_service_was_is_kept_with_a_run(tmp_path: Path, url: str, host: str) -> None:
    found = recorded(tmp_path, n=2, target=TargetRecord(url=url))
    assert found.host == host
    assert run_from_json(run_to_json(found)).host == host


def test_differing_parts_of_runs() -> None:
    one = replace(recorded_in_memory(), fingerprint_parts={"machine": "a", "cases": "x"})
    other = replace(one, fingerprint_parts={"machine": "b", "cases": "x"})
    assert differing_parts([one], [other]) == {"machine": ("a", "b")}
    assert differing_parts([one], [one]) == {}
    assert differing_parts([one, other], [one]) == {"machine": ("a / b", "a")}


def test_metrics_are_made_of_known_series_alone() -> None:
    names = ["response_time{category=simple}", "component_time{component=triage}", "else", "error_rate"]
    assert [metric.name for metric in metrics_of(names)] == [
        "p50(response_time){category=simple}",
        "p95(response_time){category=simple}",
        "p99(response_time){category=simple}",
        "mean(response_time){category=simple}",
        "error_rate",
        "mean(component_time){component=triage}",
        "p95(component_time){component=triage}",
    ]


def test_throughput_in_batches_of_different_length_is_compared() -> None:
    short = replace(recorded_in_memory(), series={"throughput{phase=highest}": Counts((50,) * 60, 1)})
    long = replace(recorded_in_memory(), series={"throughput{phase=highest}": Counts((400,) * 6, 10)})
    metric = Metric("rate", "throughput", Selection(phase="highest"))
    found = compare_metric(metric, [short], [long], RunSpread())
    assert found is not None
    assert found.change.value == pytest.approx(-20.0)


@pytest.mark.parametrize("n", [0, 1], ids=["no request", "one request"])
def test_a_run_with_next_to_nothing_in_it(tmp_path: Path, n: int) -> None:
    run = write_run(tmp_path, [request(1.0, 100.0)] * n, phases=one_hold(20.0))
    found = run_series(run, Dataset.from_run(run))
    assert ("response_time" in found.series) is (n > 0)
    assert compare_metric(Metric("p95", "response_time"), [found], [found], RunSpread()) is None or n
