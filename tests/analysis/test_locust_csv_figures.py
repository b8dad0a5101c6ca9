"""Figures from stock Locust CSVs: tables computed by Locust's own code from known response times."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from locust.stats import bucket_response_time, calculate_response_time_percentile

from harness.analysis import Dataset, LocustDataset, NotMeasured, Selection, summarise
from harness.analysis._locust_table import half_bucket
from harness.errors import UnreadableFileError
from harness.runs import LocustTables, Manifest, Run, RunSource, ScenarioRecord
from harness.stats import Estimate, quantile

PERCENTILES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)


def bucket(ms: float) -> int:
    """The bucket that Locust itself puts a response time into."""
    return int(bucket_response_time(ms))


def stats_row(name: str, times: list[float], failures: int = 0, *, seconds: float = 10.0) -> dict[str, Any]:
    """A row of P_stats.csv as Locust computes it from response times."""
    buckets: dict[int, int] = {}
    for ms in times:
        buckets[bucket(ms)] = buckets.get(bucket(ms), 0) + 1
    row: dict[str, Any] = {
        "Type": "" if name == "Aggregated" else "POST",
        "Name": name,
        "Request Count": len(times),
        "Failure Count": failures,
        "Median Response Time": 0,
        "Average Response Time": float(np.mean(times)) if times else 0.0,
        "Min Response Time": min(times, default=0),
        "Max Response Time": max(times, default=0),
        "Average Content Size": 0,
        "Requests/s": len(times) / seconds,
        "Failures/s": failures / seconds,
    }
    listed = {p: calculate_response_time_percentile(buckets, len(times), p) for p in PERCENTILES}
    return row | {f"{100 * p:.4g}%": value if times else "N/A" for p, value in listed.items()}


def csv_run(
    rows: list[dict[str, Any]], history: pd.DataFrame | None = None, failures: pd.DataFrame | None = None
) -> Run:
    manifest = Manifest(run_id="p", scenario=ScenarioRecord(name="p"))
    return Run(Path("p"), RunSource.LOCUST_CSV, manifest, LocustTables(pd.DataFrame(rows), history, failures))


def history(ticks: list[tuple[int, int, int, int]]) -> pd.DataFrame:
    """Rows of P_stats_history.csv: timestamp, users, total requests, total failures."""
    columns = ["Timestamp", "User Count", "Total Request Count", "Total Failure Count"]
    frame = pd.DataFrame(ticks, columns=columns)
    return frame.assign(Name="Aggregated", Type="", **{"Requests/s": 999.0})


def estimate(data: Dataset, statistic: str, quantity: str, **selection: str) -> Estimate:
    found = data.estimate(statistic, quantity, Selection(**selection))
    assert isinstance(found, Estimate), found
    return found


TIMES = [float(value) for value in range(1, 1001)]


@pytest.fixture
def data() -> Dataset:
    rows = [
        stats_row("/a", TIMES[:400], 4),
        stats_row("/b", TIMES[400:], 6),
        stats_row("Aggregated", TIMES, 10, seconds=20.0),
    ]
    return Dataset.from_run(csv_run(rows))


def test_counts_are_exact(data: Dataset) -> None:
    assert estimate(data, "rate", "throughput").value == pytest.approx(990 / 20)
    assert estimate(data, "rate", "error_rate").value == 1.0
    assert estimate(data, "rate", "success_rate").value == 99.0
    assert estimate(data, "rate", "error_rate", name="/a").value == 1.0
    assert estimate(data, "max", "response_time").value == 1000.0
    assert estimate(data, "mean", "response_time").value == pytest.approx(500.5)


def test_a_percentile_is_locusts_with_an_interval_from_its_neighbours(data: Dataset) -> None:
    p95 = estimate(data, "p95", "response_time")
    # ranks 936 and 964 of 1000 lie between the listed 90 % (rank 901) and 98 % (rank 981), +- half a bucket
    assert (p95.value, p95.low, p95.high, p95.n) == (950.0, 895.0, 985.0, 1000)
    assert p95.method.startswith("Locust, rounded to two digits")
    assert p95.warnings == ("percentile rounded to two digits",)


def test_too_small_a_row_is_unbounded_above() -> None:
    small = Dataset.from_run(csv_run([stats_row("Aggregated", TIMES[:40])]))
    p95 = estimate(small, "p95", "response_time")
    assert p95.high is None
    assert "n too small: 40 < 72" in p95.warnings


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["p50", "p90", "p95", "p99"])
def test_the_interval_always_contains_the_one_from_the_samples(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.lognormal(rng.uniform(1, 9), rng.uniform(0.05, 1.5), int(rng.integers(400, 3000))).tolist()
    data = Dataset.from_run(csv_run([stats_row("Aggregated", times)]))
    rounded = estimate(data, name, "response_time")
    exact = quantile(times, float(name[1:]) / 100)
    assert rounded.low is not None
    assert rounded.high is not None
    assert exact.low is not None
    assert exact.high is not None
    assert rounded.low <= exact.low + 1e-9
    assert rounded.high >= exact.high - 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_of_the_mean_is_never_narrower_than_the_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.lognormal(rng.uniform(1, 9), rng.uniform(0.05, 1.5), int(rng.integers(30, 3000))).tolist()
    found = estimate(Dataset.from_run(csv_run([stats_row("Aggregated", times)])), "mean", "response_time")
    half = 1.96 * np.std(times, ddof=1) / np.sqrt(len(times))
    assert found.low is not None
    assert found.high is not None
    assert found.high - np.mean(times) >= 0.9999 * half
    assert found.low <= max(np.mean(times) - 0.9999 * half, 0)


@pytest.mark.parametrize(
    "ms", [0.4, 1.5, 42.4, 99.6, 105, 147, 994, 996, 1049, 3432, 9949, 9951, 10_400, 58_760]
)
def test_half_a_bucket_covers_locusts_rounding(ms: float) -> None:
    assert abs(bucket(ms) - ms) <= half_bucket(bucket(ms))


@pytest.mark.parametrize(
    ("statistic", "quantity", "selection"),
    [
        ("p95", "response_time", {"category": "simple"}),
        ("p95", "response_time", {"model": "large"}),
        ("p95", "component_time", {"component": "triage"}),
        ("mean", "cost", {}),
        ("rate", "goodput", {}),
        ("p85", "response_time", {}),
        ("stdev", "response_time", {}),
        ("rate", "throughput", {"phase": "highest"}),
        ("p95", "response_time", {"phase": "highest"}),
    ],
)
def test_what_csvs_cannot_hold_is_not_applicable(
    data: Dataset, statistic: str, quantity: str, selection: dict[str, str]
) -> None:
    found = data.estimate(statistic, quantity, Selection(**selection))
    assert isinstance(found, NotMeasured)
    assert not found.applicable


@pytest.mark.parametrize(
    ("rows", "name", "reason"),
    [
        (["/a"], "/c", "no entry is called /c; known: /a"),
        (["/a", "/a"], "/a", "2 entries are called /a: write POST /a or POST /a"),
    ],
)
def test_a_name_that_selects_no_single_row(rows: list[str], name: str, reason: str) -> None:
    table = [stats_row(row, TIMES) for row in rows] + [stats_row("Aggregated", TIMES)]
    found = Dataset.from_run(csv_run(table)).estimate("p95", "response_time", Selection(name=name))
    assert found == NotMeasured(reason)


def test_an_entry_is_found_by_method_and_name(data: Dataset) -> None:
    assert estimate(data, "count", "response_time", name="POST /a").value == 400


def test_no_requests() -> None:
    data = Dataset.from_run(csv_run([stats_row("Aggregated", [])]))
    assert data.estimate("p95", "response_time", Selection()) == NotMeasured("no request was counted")
    assert data.estimate("rate", "throughput", Selection()) == NotMeasured("no request was counted")


# 5 users for 10 s at 4/s, a ramp, 9 users for 20 s at 8/s of which 1/s fails
STEPS = (
    [(second, 5, 4 * second, 0) for second in range(11)]
    + [(11, 6, 45, 0), (12, 7, 50, 0)]
    + [(13 + second, 9, 60 + 8 * second, second) for second in range(21)]
)


@pytest.mark.parametrize(
    ("phase", "quantity", "value"),
    [
        ("highest", "throughput", 7.0),
        ("9-users", "error_rate", 12.5),
        ("5-users", "throughput", 4.0),
        ("5-users", "success_rate", 100.0),
    ],
)
def test_steps_come_from_differences_of_counts(phase: str, quantity: str, value: float) -> None:
    run = csv_run([stats_row("Aggregated", TIMES)], history(STEPS))
    assert estimate(Dataset.from_run(run), "rate", quantity, phase=phase).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        # a fifth of each step is left out at its start
        pytest.param(STEPS, [("5-users", 8.0, 32), ("9-users", 16.0, 128)], id="two steps"),
        pytest.param([(s, 5, s, 0) for s in range(5)], [], id="4 s are too short"),
        pytest.param([(s, 0, 7, 0) for s in range(20)], [], id="idle"),
        pytest.param(
            [(s, 5, 100 + s, 0) for s in range(20)] + [(30 + s, 5, 2 * s, 0) for s in range(11)],
            [("5-users", 8.0, 16)],
            id="the last of two tests in one file",
        ),
        pytest.param(
            [(s, 5, s, 0) for s in (0, 1, 2, 2, 4, 5, 6, 7, 8, 9, 10)],
            [("5-users", 8.0, 8)],
            id="a second twice, one missing",
        ),
        pytest.param(
            [(s, 5 if s < 11 or s > 20 else 7, s, 0) for s in range(32)],
            [("5-users", 8.0, 8), ("7-users", 7.0, 7), ("5-users-2", 8.0, 8)],
            id="a level that comes again has its own name",
        ),
    ],
)
def test_which_steps_a_history_has(
    ticks: list[tuple[int, int, int, int]], expected: list[tuple[str, float, int]]
) -> None:
    found = Dataset.from_run(csv_run([stats_row("Aggregated", TIMES)], history(ticks)))
    assert isinstance(found, LocustDataset)
    assert [(step.phase, step.seconds, step.requests) for step in found.steps] == expected


def test_an_unknown_step_names_the_known_ones() -> None:
    run = csv_run([stats_row("Aggregated", TIMES)], history(STEPS))
    found = Dataset.from_run(run).estimate("rate", "throughput", Selection(phase="4-users"))
    assert found == NotMeasured("no load step is called 4-users; known: 5-users, 9-users")


def test_summary() -> None:
    failures = pd.DataFrame(
        [
            {"Method": "POST", "Name": "/a", "Error": "HTTP 503", "Occurrences": 3},
            {"Method": "POST", "Name": "/a", "Error": "HTTP 500", "Occurrences": 7},
        ]
    )
    rows = [stats_row("/a", TIMES, 10), stats_row("Aggregated", TIMES, 10)]
    summary = summarise(csv_run(rows, history(STEPS), failures))
    assert not summary.exact
    assert summary.source == "stock Locust CSVs"
    assert (summary.totals.requests, summary.totals.errors) == (1000, 10)
    assert summary.overall.response_time["p95"].value == 950.0
    assert list(summary.by_name) == ["POST /a"]
    assert [(step.phase, step.group.requests) for step in summary.steps] == [
        ("5-users", 32),
        ("9-users", 128),
    ]
    assert [(error.error, error.count) for error in summary.errors] == [("HTTP 500", 7), ("HTTP 503", 3)]
    assert summary.by_category == {}
    assert "rounded to two significant digits" in summary.notes[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"Type": "", "Name": "Aggregated"}], "not Locust's stats table, it has no column Request Count"),
        ([stats_row("/a", TIMES)], "the row Aggregated is missing"),
    ],
)
def test_a_table_that_is_not_locusts(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        Dataset.from_run(csv_run(rows))


def test_no_tables_at_all() -> None:
    manifest = Manifest(run_id="p", scenario=ScenarioRecord(name="p"))
    with pytest.raises(UnreadableFileError, match="no Locust tables"):
        Dataset.from_run(Run(Path("p"), RunSource.LOCUST_CSV, manifest))


def test_exceptions_in_tasks_are_noted() -> None:
    run = csv_run([stats_row("Aggregated", TIMES)])
    assert run.locust is not None
    table = pd.DataFrame({"Count": [2, 1], "Message": ["boom", "other"]})
    noted = replace(run, locust=replace(run.locust, exceptions=table))
    assert (
        summarise(noted).notes[-1] == "3 exceptions in users' tasks, most often 'boom': see p_exceptions.csv"
    )
