"""What the web UI's tab counts. Oracle: NumPy on the same times, and counts by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from harness.plugin._web_figures import (
    COARSE,
    FINE,
    FIRST_CELL_US,
    MOST_CATEGORIES,
    MOST_CELLS,
    OTHER,
    RunFigures,
    Scale,
)
from harness.plugin._web_recent import MOST_CHARACTERS, MOST_GROUPS, recent
from harness.runs import GENERATOR_SCHEMA, REQUEST_SCHEMA, SPAN_SCHEMA, HeldTables

START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000


def requests(times_ms: Sequence[float] | npt.NDArray[np.float64], **columns: Any) -> pa.RecordBatch:
    """One request each, all of which end together unless `done_at` says otherwise."""
    n = len(times_ms)
    done_us = np.asarray(columns.pop("done_at", np.full(n, START_US + SECOND_US)), dtype=np.int64)
    times_us = np.round(np.asarray(times_ms) * 1000).astype(np.int64)
    rows: dict[str, Any] = {
        "request_id": np.arange(n),
        "worker": np.zeros(n),
        "intended_at": done_us - times_us,
        "done_at": done_us,
        "outcome": ["ok"] * n,
        "category": ["simple"] * n,
        "name": ["/work"] * n,
    } | columns
    arrays = [_array(rows.get(field.name), field, n) for field in REQUEST_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=REQUEST_SCHEMA)


def _array(values: Any, field: pa.Field, n: int) -> pa.Array:
    if values is None:
        return pa.nulls(n, field.type)
    given = pa.array(values)
    # A null outcome is none, and a time that was never reached is null.
    return (
        given.cast(pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else given.cast(field.type)
    )


@pytest.mark.parametrize(("scale", "within"), [(FINE, 0.003), (COARSE, 0.011)], ids=["tables", "chart"])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_a_quantile_from_buckets_is_as_near_as_is_said(scale: Scale, within: float, q: float) -> None:
    times_ms = np.random.default_rng(7).lognormal(5, 1, 20_000)
    counts = np.bincount(scale.numbers(times_ms), minlength=scale.buckets)
    (found,) = scale.quantiles_ms(counts[np.newaxis], q)
    assert found == pytest.approx(np.quantile(times_ms, q, method="inverted_cdf"), rel=within)


@pytest.mark.parametrize("limit_ms", [0.0, 1e9], ids=["no time at all", "longer than any bucket"])
def test_extreme_times_are_counted(limit_ms: float) -> None:
    figures = RunFigures(START_US)
    figures.take_requests([requests([limit_ms])])
    (simple,) = figures.now(START_US)().categories
    assert simple.n == 1
    assert simple.p50_ms is not None
    assert simple.mean_ms == pytest.approx(limit_ms)
    assert (simple.p50_ms == 0) == (limit_ms == 0)


def test_categories_errors_and_requests_without_an_end() -> None:
    figures = RunFigures(START_US)
    figures.take_requests(
        [
            requests([100.0] * 30),
            requests(
                [300.0, 300.0, 300.0, 900.0],
                category=["complex", "complex", None, "complex"],
                outcome=["server_error", "degraded", "ok", "incomplete"],
            ),
        ]
    )
    found = {each.name: (each.n, each.errors) for each in figures.now(START_US)().categories}
    assert found == {"simple": (30, 0), "complex": (2, 1), "uncategorised": (1, 0)}


def test_later_categories_are_other_together() -> None:
    figures = RunFigures(START_US)
    names = [f"c{number}" for number in range(MOST_CATEGORIES + 500)]
    figures.take_requests([requests([1.0] * len(names), category=names)])
    found = {each.name: each.n for each in figures.now(START_US)().categories}
    assert found == dict.fromkeys(names[:MOST_CATEGORIES], 1) | {OTHER: 500}


def test_the_chart_keeps_every_request_however_long_the_run() -> None:
    """After each stretch the sum is that of all so far, and the cells have not become more."""
    figures = RunFigures(START_US)
    taken, hour_us = 0, 3600 * SECOND_US
    for until_us in (FIRST_CELL_US * MOST_CELLS - 1, hour_us, 10 * hour_us):
        done_us = START_US + np.linspace(0, until_us, 500).astype(np.int64)
        figures.take_requests([requests([50.0] * 499 + [80.0], done_at=done_us)])
        taken += 500
        chart = figures.now(START_US + 20 * hour_us)().chart
        assert len(chart.requests_per_s) == MOST_CELLS
        assert sum(chart.requests_per_s) * chart.cell_s == pytest.approx(taken)
        assert chart.cell_s * MOST_CELLS * 1e6 > until_us
        last = int(until_us // (chart.cell_s * 1e6))
        (simple,) = chart.p95_ms
        assert simple.values[last] == pytest.approx(80.0, rel=0.011)
        # A cell of an earlier stretch may hold that stretch's one slow request.
        near = [value for value in simple.values if value is not None]
        assert all(
            value == pytest.approx(50, rel=0.011) or value == pytest.approx(80, rel=0.011) for value in near
        )


def test_the_chart_ends_where_all_workers_have_reported() -> None:
    figures = RunFigures(START_US)
    done_us = START_US + np.arange(0, 10 * SECOND_US, SECOND_US // 10)
    figures.take_requests([requests([5.0] * 100, done_at=done_us, outcome=["ok", "timeout"] * 50)])
    chart = figures.now(START_US + 5 * SECOND_US)().chart
    assert (chart.cell_s, chart.requests_per_s, chart.errors_per_s) == (2.0, [10.0, 10.0], [5.0, 5.0])


def test_what_was_asked_for_does_not_change_with_later_rows() -> None:
    figures = RunFigures(START_US)
    figures.take_requests([requests([10.0])])
    make = figures.now(START_US + 10 * SECOND_US)
    figures.take_requests([requests([10.0] * 5)])
    found = make()
    assert found.categories[0].n == 1
    assert sum(found.chart.requests_per_s) * found.chart.cell_s == 1


def test_components_and_workers() -> None:
    figures = RunFigures(START_US)
    spans = [{"request_id": i, "component": "triage", "duration_ms": 10.0 * i} for i in range(1, 4)]
    spans.append({"request_id": 9, "component": "triage", "duration_ms": None})
    figures.take_spans([pa.RecordBatch.from_pylist(spans, schema=SPAN_SCHEMA)])
    seconds = [
        {
            "worker": 1,
            "at": START_US + i,
            "loop_busy_percent": 10.0 * i,
            "heartbeats": 50,
            "heartbeats_late": i,
        }
        | {"loop_lag_ms": float(i), "dropped": 1, "in_flight": i, "users": 7}
        for i in range(20)
    ]
    figures.take_generator(pa.RecordBatch.from_pylist(seconds, schema=GENERATOR_SCHEMA))
    now = figures.now(START_US)()
    (triage,) = now.components
    assert (triage.n, triage.mean_ms) == (3, 20.0)
    (worker,) = now.workers
    assert (worker.busy_percent, worker.late_percent) == (145.0, 29.0)  # of the last ten: 10 to 19
    assert (worker.worst_lag_ms, worker.dropped, worker.in_flight, worker.users) == (19.0, 10, 19, 7)


def test_recent_figures_are_exact_and_of_the_window_alone() -> None:
    times_ms = np.random.default_rng(3).lognormal(4, 0.5, 400)
    inside = START_US + np.arange(400) * SECOND_US // 100 + 1
    old = requests([9999.0] * 50, done_at=np.full(50, START_US))
    new = requests(
        times_ms, done_at=inside, outcome=["ok"] * 390 + ["timeout"] * 10, error=[None] * 390 + ["slow"] * 10
    )
    found = recent(HeldTables({"requests": [old, new]}), START_US, START_US + 4 * SECOND_US)
    assert found.overall is not None
    assert (found.overall.requests, found.overall.errors, found.overall.requests_per_s) == (400, 10, 100.0)
    for measured, q in zip(found.overall.response_ms, (0.5, 0.95, 0.99), strict=True):
        assert measured.value == pytest.approx(np.quantile(np.round(times_ms * 1000) / 1000, q), rel=1e-12)
        assert measured.is_bounded
    ((outcome, error, count),) = [(each.outcome, each.error, each.requests) for each in found.errors]
    assert (outcome, error, count) == ("timeout", "slow", 10)


def test_a_thousand_names_and_ten_thousand_errors_stay_few() -> None:
    n = 10_000
    rows = requests(
        [5.0] * n,
        done_at=np.full(n, START_US + 1),
        name=[f"/item/{i % 1000}" for i in range(n - 100)] + ["/busiest" + "x" * 500] * 100,
        outcome=["server_error"] * n,
        error=[f"no {i}" for i in range(n)],
    )
    found = recent(HeldTables({"requests": [rows]}), START_US, START_US + SECOND_US)
    assert (len(found.names), found.more_names) == (MOST_GROUPS, 1001 - MOST_GROUPS)
    assert (len(found.errors), found.more_errors) == (MOST_GROUPS, n - MOST_GROUPS)
    assert found.names[0].requests == 100
    assert len(found.names[0].name) == MOST_CHARACTERS


def test_nothing_recent() -> None:
    assert recent(HeldTables(), START_US, START_US + SECOND_US).overall is None
    old = HeldTables({"requests": [requests([1.0])]})
    assert recent(old, START_US + 2 * SECOND_US, START_US + 3 * SECOND_US).overall is None
