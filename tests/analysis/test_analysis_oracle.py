"""Figures of small random runs equal those of a plain pandas script over the same tables.

The script below is the oracle: it joins, groups and takes quantiles the obvious way. The runs differ in
what can be told apart: few spans or one per component, several spans to a component, times with more
than three decimals, requests without a category, ids with gaps.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis import Dataset, RequestDataset, Selection, Summary, summarise
from harness.runs import REQUEST_ID_BITS, Run
from harness.stats import Estimate
from tests.support.recorded_runs import START, Row, at, phase, request, span, write_run

PHASES = [phase("3-users", "hold", 3, 0, 20), phase("7-users", "hold", 7, 20, 45)]
ANSWERED = ["ok", "degraded", "invalid_answer", "timeout"]
PARTS = ("llm", "tools", "cache", "total")


def spans_of(row: int, rng: np.random.Generator, *, share: float, decimals: int, most: int) -> list[Row]:
    found = []
    for part in PARTS:
        for _ in range(int(rng.integers(1, most + 1)) if rng.uniform() < share else 0):
            model = str(rng.choice(["a", "b"])) if part == "llm" else None
            found.append(span(row, part, round(float(rng.lognormal(3, 1)), decimals), model=model))
    return found


def random_run(folder: Path, seed: int, *, share: float = 1.0, decimals: int = 3, most: int = 1) -> Run:
    """400 requests; spans of a request are for a `share` of components, up to `most` to each."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    spans: list[Row] = []
    for index in range(400):
        outcome = str(rng.choice([*ANSWERED, "rejected", "incomplete"], p=[0.7, 0.1, 0.05, 0.05, 0.05, 0.05]))
        category = str(rng.choice(["simple", "complex"])) if rng.uniform() < 0.9 else None
        took = round(float(rng.lognormal(5, 0.8)), 3)
        row = request(
            round(float(rng.uniform(0, 44)), 6),
            None if outcome == "incomplete" else took,
            delay_ms=round(float(rng.exponential(1)), 3),
            category=category,
            outcome=outcome,
            case_id=f"case-{index}",
            cost_usd=float(rng.uniform(0, 1)) if rng.uniform() < 0.8 else None,
            answer_valid=bool(rng.uniform() < 0.9),
        )
        rows.append(row)
        spans += spans_of(index, rng, share=share, decimals=decimals, most=most)
    spans += [span(9999, "llm", 1.0), span(3 << REQUEST_ID_BITS, "llm", 1.0)]  # of no request
    return write_run(folder, rows, spans=spans, phases=PHASES, ended_at=at(45).isoformat())


RUNS: dict[str, Callable[[Path], Run]] = {
    "one span per component": lambda folder: random_run(folder, 1),
    "few spans": lambda folder: random_run(folder, 2, share=0.1),
    "several spans per component": lambda folder: random_run(folder, 3, share=0.7, most=3),
    "few requests with several": lambda folder: random_run(folder, 4, share=0.08, most=3),
    "times with many decimals": lambda folder: random_run(folder, 5, decimals=9),
}


@pytest.fixture(params=list(RUNS.values()), ids=list(RUNS))
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    made: Run = request.param(tmp_path)
    return made


@pytest.fixture
def summary(run: Run) -> Summary:
    return summarise(run)


def table(run: Run) -> pd.DataFrame:
    """All requests with times in ms and seconds of the run."""
    rows = run.requests()
    rows["ms"] = (rows["done_at"] - rows["intended_at"]).dt.as_unit("us").astype("int64") / 1000
    rows.loc[rows["done_at"].isna(), "ms"] = np.nan
    rows["second"] = (rows["done_at"] - START).dt.total_seconds() // 1
    return rows


def components(run: Run) -> pd.DataFrame:
    """Milliseconds per successful request and component, with the request's category."""
    ok = table(run).query("outcome == 'ok'")[["request_id", "category"]].fillna("uncategorised")
    joined = run.spans().merge(ok, on="request_id")
    return joined.groupby(["category", "request_id", "component"])["duration_ms"].sum().reset_index()


def test_response_times_by_category(run: Run, summary: Summary) -> None:
    answered = table(run).query("outcome in @ANSWERED")
    for category, rows in answered.groupby("category"):
        found = summary.by_category[str(category)].response_time
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99.9", 0.999)):
            assert found[name].value == pytest.approx(rows["ms"].quantile(q), rel=1e-9)
        assert found["mean"].value == pytest.approx(rows["ms"].mean(), rel=1e-9)
        assert found["min"].value == pytest.approx(rows["ms"].min())


def test_components_by_category(run: Run, summary: Summary) -> None:
    sums = components(run)
    found = {(item.category, item.component): item.duration for item in summary.components}
    grouped = sums.groupby(["category", "component"])["duration_ms"]
    expected = {(str(category), str(component)): durations for (category, component), durations in grouped}
    assert found.keys() == expected.keys()
    for key, durations in expected.items():
        assert found[key]["mean"].value == pytest.approx(durations.mean(), rel=1e-9)
        assert found[key]["p90"].value == pytest.approx(durations.quantile(0.9), rel=1e-9)
        assert found[key]["max"].n == len(durations)


def test_component_rules_by_model(run: Run) -> None:
    spans = run.spans().query("component == 'llm' and model == 'a'")
    ok = table(run).query("outcome == 'ok'")["request_id"]
    expected = spans[spans["request_id"].isin(ok)].groupby("request_id")["duration_ms"].sum()
    found = Dataset.from_run(run).estimate("mean", "component_time", Selection(component="llm", model="a"))
    assert isinstance(found, Estimate)
    assert found.n == len(expected)
    assert found.value == pytest.approx(expected.mean(), rel=1e-9)


def test_series(run: Run, summary: Summary) -> None:
    rows = table(run)
    ended = rows[rows["second"].notna()]
    series = summary.series
    assert series is not None
    assert len(series.at_s) == ended["second"].max() + 1
    answers = ended[ended["outcome"].isin(ANSWERED[:3])].groupby("second").size()
    times = ended[ended["outcome"].isin(ANSWERED)].groupby("second")["ms"]
    for second, throughput in enumerate(series.throughput_per_s):
        assert throughput == answers.get(second, 0)
    for values, q in ((series.p50_ms, 0.5), (series.p95_ms, 0.95)):
        expected = times.quantile(q).to_dict()
        assert {s: v for s, v in enumerate(values) if v is not None} == pytest.approx(expected, rel=1e-9)


def test_histogram(run: Run, summary: Summary) -> None:
    histogram = summary.histogram
    assert histogram is not None
    for category, rows in table(run).query("outcome in @ANSWERED").groupby("category"):
        expected = np.histogram(rows["ms"], np.array(histogram.edges_ms))[0]
        assert list(histogram.counts[str(category)]) == expected.tolist()


def test_slowest(run: Run, summary: Summary) -> None:
    worst = table(run).query("outcome in @ANSWERED").nlargest(10, "ms")
    assert [slow.case_id for slow in summary.slowest] == worst["case_id"].tolist()
    spans = run.spans()
    for slow, request_id in zip(summary.slowest, worst["request_id"], strict=True):
        own = spans[spans["request_id"] == request_id].groupby("component")["duration_ms"].sum()
        assert slow.components_ms == pytest.approx(own.to_dict())


def test_cost_and_goodput(run: Run, summary: Summary) -> None:
    rows = table(run)
    ended = rows[rows["outcome"] != "incomplete"]
    assert summary.overall.per_case["cost"].value == pytest.approx(ended["cost_usd"].mean(), rel=1e-9)
    assert summary.overall.per_case["cost"].n == ended["cost_usd"].count()
    good = rows.query("outcome == 'ok' and answer_valid and ms < 200")
    data = RequestDataset.read(run)
    for limited in (data.with_limits({None: 200.0}), RequestDataset.read(run, {None: 200.0})):
        found = limited.estimate("rate", "goodput", Selection())
        assert isinstance(found, Estimate)
        assert found.n == (good["done_at"] < at(45)).sum()
    again = data.with_limits({None: 1.0}).with_limits({})
    assert again.estimate("rate", "goodput", Selection()) == data.estimate("rate", "goodput", Selection())
