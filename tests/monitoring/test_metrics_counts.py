"""What is counted for Prometheus. Oracle: the rows themselves, counted one by one."""

import bisect
import math
from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from harness.monitoring import (
    LiveVerdict,
    LiveVerdicts,
    LoadCounts,
    LoadNow,
    RunNow,
    WorkerNow,
    exposition,
)
from harness.monitoring._metric_counts import BOUNDS_S, MOST_SERIES
from harness.runs import GENERATOR_SCHEMA, NOT_ERRORS, REQUEST_SCHEMA, SPAN_SCHEMA, Outcome
from harness.schedule import Phase, PhaseKind
from harness.stats import Estimate
from harness.verdicts import Criterion, parse_rule

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def requests(*rows: dict[str, Any]) -> pa.RecordBatch:
    """Rows of the request table; those that matter are given, the rest is filled in."""
    filled = [
        {
            "request_id": number,
            "worker": 0,
            "name": "/a",
            "outcome": "ok",
            "intended_at": 0,
            "sent_at": 0,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(filled, schema=REQUEST_SCHEMA)


def exported(counts: LoadCounts, run: RunNow | None = None, at_us: int = 0, **more: Any) -> Samples:
    """What a scrape reads: value by name and sorted labels."""
    text = exposition(LoadNow(at_us, counts.now(), run, **more)).decode()
    found: Samples = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return found


_rows = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["/a", "/b", 'quo"te\\ and\nline', "ü"]),
        "category": st.sampled_from([None, "simple", "complex"]),
        "outcome": st.sampled_from([outcome.value for outcome in Outcome]),
        "intended_at": st.integers(0, 1_000_000),
        "done_at": st.none() | st.integers(0, 200_000_000),
        "output_tokens": st.none() | st.integers(0, 1000),
        "cost_usd": st.none() | st.floats(0, 10),
    }
)


@given(st.lists(st.lists(_rows, max_size=30), max_size=4))
def test_every_row_is_counted_once_in_its_bucket(shipments: list[list[dict[str, Any]]]) -> None:
    counts = LoadCounts()
    for rows in shipments:
        counts.take_requests([requests(*rows)])
    expected: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
    incomplete, tokens, cost = 0, Counter[str](), Counter[str]()
    for row in (row for rows in shipments for row in rows):
        if row["done_at"] is None or row["outcome"] == "incomplete":
            incomplete += 1
            continue
        seconds = max(row["done_at"] - row["intended_at"], 0) / 1e6
        labels = (row["name"], row["category"] or "", row["outcome"])
        expected[labels][bisect.bisect_left(BOUNDS_S, seconds)] += 1
        tokens[row["category"] or ""] += row["output_tokens"] or 0
        cost[row["category"] or ""] += row["cost_usd"] or 0
    found = exported(counts)
    assert found["harness_requests_incomplete_total"][()] == incomplete
    buckets = found["harness_response_time_seconds_bucket"]
    assert len(buckets) == len(expected) * (len(BOUNDS_S) + 1)
    for (name, category, outcome), per_bucket in expected.items():
        for place, bound in enumerate((*map(str, BOUNDS_S), "+Inf")):
            key = (("category", category), ("le", bound), ("name", name), ("outcome", outcome))
            assert buckets[key] == sum(per_bucket[: place + 1])
    for category, total in tokens.items():
        output = (("category", category), ("direction", "output"))
        assert found["harness_tokens_total"].get(output, 0) == total
        assert math.isclose(
            found["harness_cost_usd_total"].get((("category", category),), 0), cost[category], abs_tol=1e-9
        )


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [(0.0049, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (120.0, "120.0"), (120.1, "+Inf")],
)
def test_a_time_on_a_bound_belongs_below_it(seconds: float, bound: str) -> None:
    counts = LoadCounts()
    counts.take_requests([requests({"done_at": round(seconds * 1e6)})])
    buckets = exported(counts)["harness_response_time_seconds_bucket"]
    assert next(dict(labels)["le"] for labels, value in buckets.items() if value) == bound


def test_names_without_end_are_bounded_and_none_is_lost() -> None:
    counts = LoadCounts()
    for part in range(10):
        rows = [{"name": f"/case/{part}/{n}", "category": "simple", "done_at": 1000} for n in range(100)]
        failed = {"name": f"/new/{part}", "outcome": "timeout", "done_at": 1000}
        counts.take_requests([requests(*rows, failed)])
    found = exported(counts)
    series = found["harness_response_time_seconds_count"]
    assert sum(series.values()) == 1010
    assert len(series) <= MOST_SERIES + len(Outcome)
    # Which outcome it was stays known.
    assert sum(value for labels, value in series.items() if dict(labels)["outcome"] == "timeout") == 10
    other = (("category", "other"), ("name", "other"), ("outcome", "ok"))
    folded = found["harness_series_folded_total"][(("metric", "response_time"),)]
    assert folded == 1010 - MOST_SERIES
    assert series[other] <= folded
    assert len(exposition(LoadNow(0, counts.now()))) < 1 << 20


def test_components_and_first_tokens() -> None:
    counts = LoadCounts()
    spans = [("triage", 4.0), ("triage", 40.0), ("synthesis", 400.0), ("told nothing", None)]
    rows = [{"request_id": 1, "component": name, "duration_ms": ms} for name, ms in spans]
    counts.take_spans([pa.RecordBatch.from_pylist(rows, schema=SPAN_SCHEMA)])
    streamed = {"done_at": 9, "model": "m", "category": "c", "sent_at": 5, "first_token_at": 250_005}
    counts.take_requests([requests(streamed, {"done_at": 7})])
    found = exported(counts)
    assert found["harness_component_time_seconds_count"] == {
        (("component", "triage"),): 2,
        (("component", "synthesis"),): 1,
    }
    assert found["harness_component_time_seconds_sum"][(("component", "triage"),)] == pytest.approx(0.044)
    assert found["harness_first_token_seconds_sum"] == {(("category", "c"), ("model", "m")): 0.25}


def _second(worker: int, at_s: int, **told: Any) -> dict[str, Any]:
    return {"worker": worker, "at": at_s * 1_000_000, **told}


def test_a_worker_is_shown_by_its_last_ten_seconds() -> None:
    """Counters add up over all seconds; a lag of eleven seconds ago is forgotten."""
    counts = LoadCounts()
    rows = [_second(0, 0, loop_lag_ms=900.0, heartbeats=50, heartbeats_late=3, cpu_percent=90.0)]
    rows += [_second(0, at, loop_lag_ms=7.0, heartbeats=50, late=1, cpu_percent=20.0) for at in range(1, 11)]
    rows += [_second(1, 10, in_flight=4, users=2)]
    counts.take_generator(pa.RecordBatch.from_pylist(rows, schema=GENERATOR_SCHEMA))
    workers = [WorkerNow(0, clock_offset_s=0.5), WorkerNow(1, lost=True), WorkerNow(2)]
    found = exported(counts, run_now(workers=workers), at_us=12_000_000)
    zero = (("worker", "0"),)
    # A lost worker's last figures are no news, and one that has not reported has none.
    assert found["harness_worker_loop_lag_max_seconds"] == {zero: 0.007}
    assert found["harness_worker_cpu_ratio"] == {zero: pytest.approx(0.2)}
    assert found["harness_worker_heartbeats_total"] == {zero: 550}
    assert found["harness_worker_heartbeats_late_total"] == {zero: 3}
    assert found["harness_arrivals_late_total"] == {zero: 10}
    assert found["harness_worker_silent_seconds"] == {zero: 2.0}
    assert found["harness_worker_clock_offset_seconds"] == {zero: 0.5}
    assert list(found["harness_worker_up"].values()) == [1, 0, 1]


RULES = [
    parse_rule("simple_p95", "p95(response_time){category=simple} < 500 ms, critical < 1 s"),
    parse_rule("error_rate", "error_rate < 1 %"),
    parse_rule("throughput", "throughput > 50 req/s"),
]


def run_now(**changed: Any) -> RunNow:
    phase = Phase("20-users", PhaseKind.HOLD, 20, 5_000_000, arrivals_per_s=40.0)
    known: dict[str, Any] = {
        "described": {"run_id": "r-1", "scenario": "demo"},
        "users": 19,
        "phase": phase,
        "samples_missing": 3,
        "workers": [],
        "rules": RULES,
        "verdicts": LiveVerdicts(0.0, 0.0),
    }
    return RunNow(**(known | changed))


def _verdict(name: str, status: Criterion, value: float) -> LiveVerdict:
    estimate = Estimate(value, value, value, 100, "test")
    return LiveVerdict(name, "", status, estimate, "", None, "", 0.0, 1)


def test_criteria_are_in_base_units() -> None:
    verdicts = (
        _verdict("simple_p95", Criterion.FAIL, 1250.0),
        _verdict("error_rate", Criterion.NO_DATA, 2.0),
    )
    found = exported(LoadCounts(), run_now(verdicts=LiveVerdicts(9.0, 5.0, verdicts)))
    levels = {
        (dict(labels)["criterion"], dict(labels)["level"], dict(labels)["unit"]): value
        for labels, value in found["harness_criterion_threshold"].items()
    }
    assert levels == {
        ("simple_p95", "target", "seconds"): 0.5,
        ("simple_p95", "critical", "seconds"): 1.0,
        ("error_rate", "target", "ratio"): 0.01,
        ("throughput", "target", "requests_per_second"): 50.0,
    }
    assert sorted(found["harness_criterion_value"].values()) == [0.02, 1.25]
    shown = {
        dict(labels)["criterion"]: dict(labels)["status"]
        for labels, value in found["harness_criterion_status"].items()
        if value
    }
    assert shown == {"simple_p95": "fail", "error_rate": "no_data", "throughput": "pending"}


def test_the_run_and_its_phase() -> None:
    found = exported(LoadCounts(), run_now(), ended={0: 2, 4: 1})
    assert found["harness_users"] == {(): 19}
    assert found["harness_users_planned"] == {(): 20}
    assert found["harness_arrivals_requested_per_second"] == {(): 40}
    assert found["harness_phase_info"] == {(("kind", "hold"), ("phase", "20-users")): 1}
    assert found["harness_phase_start_time_seconds"] == {(("kind", "hold"), ("phase", "20-users")): 5}
    assert found["harness_run_info"] == {(("run_id", "r-1"), ("scenario", "demo")): 1}
    assert found["harness_samples_missing"] == {(): 3}
    assert found["harness_run_active"] == {(): 1}
    assert found["harness_runs_ended_total"] == {(("exit_code", "0"),): 2, (("exit_code", "4"),): 1}


def test_between_runs_there_is_no_phase() -> None:
    found = exported(LoadCounts())
    assert found["harness_run_active"] == {(): 0}
    assert found["harness_users"] == {(): 0}
    assert not found["harness_phase_info"]
    assert not found["harness_criterion_status"]


def test_the_dashboards_idea_of_an_error_is_the_harness_s() -> None:
    """Panels take `outcome!~"ok|degraded"`; incomplete requests have no series."""
    assert {"ok", "degraded", "incomplete"} == {outcome.value for outcome in NOT_ERRORS}
