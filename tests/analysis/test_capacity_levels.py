"""Capacity of recorded runs: levels, units, the fit, evidence out of the tables, several runs together."""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import Capacity, Resource, merged_capacity, summarise
from harness.runs import Run
from tests.support.recorded_runs import Row, health, phase, request, resource, span, write_run

HOLD_S = 10.0


def recorded(
    folder: Path,
    loads: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    *,
    open_loop: bool = False,
    took_ms: float = 100.0,
    **extra: Any,
) -> Run:
    """Steps of ten seconds; each answers as many requests a second as it has users."""
    rows: list[Row] = []
    for place, load in enumerate(loads):
        n = int(load * HOLD_S)
        rows += [request(place * HOLD_S + HOLD_S * i / n, took_ms) for i in range(n)]
    phases = [
        phase(f"step-{load}", "hold", load, p * HOLD_S, (p + 1) * HOLD_S, 2.0 * load if open_loop else None)
        for p, load in enumerate(loads)
    ]
    return write_run(folder, rows, phases=phases, **extra)


def capacity_of(run: Run) -> Capacity:
    found = summarise(run).capacity
    assert found is not None
    return found


def test_levels_are_the_hold_phases_by_load(tmp_path: Path) -> None:
    found = capacity_of(recorded(tmp_path, (8, 2)))
    assert found.unit == "users"
    assert [(level.phase, level.load, level.throughput.value) for level in found.levels] == [
        ("step-2", 2.0, 2.0),
        ("step-8", 8.0, pytest.approx(8.0, abs=0.2)),  # the last few end after their phase
    ]
    # Little's law: 2 requests/s of 100 ms.
    assert found.levels[0].in_flight == pytest.approx(0.2)
    assert found.scaling is None
    assert found.scaling_note == "no fit of the scalability law: it needs 6 levels of load or more, not 2"


def test_six_levels_are_fitted(tmp_path: Path) -> None:
    found = capacity_of(recorded(tmp_path))
    assert found.scaling is not None
    assert found.scaling_of == "users"
    assert found.scaling.rate_of_one.value == pytest.approx(1.0, abs=0.05)
    assert found.limit.words == "nothing up to 32 users, where throughput still grew"


def test_an_open_loop_counts_arrivals_and_fits_what_is_in_flight(tmp_path: Path) -> None:
    found = capacity_of(recorded(tmp_path, open_loop=True, took_ms=2000.0))
    assert found.unit == "arrivals/s"
    assert [level.load for level in found.levels] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    assert found.scaling_of == "requests in flight"
    assert found.scaling is not None


def test_one_level_has_no_capacity(tmp_path: Path) -> None:
    assert summarise(recorded(tmp_path, (4,))).capacity is None


def seconds(value: float, load: int, column: str) -> list[Row]:
    """A second of the target, at each second of the step with that load."""
    first = {1: 0, 2: 10, 4: 20, 8: 30, 16: 40, 32: 50}[load]
    return [resource(first + at) | {column: value, "cpu_percent": 10.0} for at in range(10)]


def test_a_queue_in_the_resources_table_is_evidence(tmp_path: Path) -> None:
    rows = [row for load in (1, 2, 4) for row in seconds(0, load, "queue")]
    rows += [row for load in (8, 16, 32) for row in seconds(load, load, "queue")]
    found = capacity_of(recorded(tmp_path, resources=rows))
    assert (found.limit.resource, found.limit.from_load) == (Resource.TARGET_CONCURRENCY, 8.0)
    assert "8.0 requests waited for a place in target on average, its CPU at 10 %" in found.limit.evidence[0]


def test_queue_spans_are_evidence(tmp_path: Path) -> None:
    run = recorded(tmp_path / "plain")
    n = run.rows("requests")
    # The first 150 requests are those of up to 8 users.
    spans = [span(i, "queue", 2.0 if i < 150 else 60.0) for i in range(n)]
    found = capacity_of(recorded(tmp_path / "waits", spans=spans))
    assert (found.limit.resource, found.limit.from_load) == (Resource.PROVIDER_SLOTS, 16.0)


def test_a_busy_worker_is_evidence(tmp_path: Path) -> None:
    rows = [health(at + 0.5, loop_busy_percent=99.0 if at >= 40 else 30.0) for at in range(60)]
    found = capacity_of(recorded(tmp_path, generator=rows))
    assert (found.limit.resource, found.limit.from_load) == (Resource.GENERATOR_CPU, 16.0)


@pytest.mark.parametrize(
    ("columns", "resource_named"),
    [
        pytest.param(
            {"outcome": "rejected", "cause": "provider", "error": "HTTP 503 provider-rate-limited"},
            Resource.PROVIDER_RATE_LIMIT,
            id="the provider's 429, as the target tells it",
        ),
        pytest.param(
            {"outcome": "rejected", "cause": "service", "error": "HTTP 503 overloaded"},
            Resource.TARGET_CONCURRENCY,
            id="503 of the target",
        ),
    ],
)
def test_refusals_are_evidence(tmp_path: Path, columns: dict[str, str], resource_named: Resource) -> None:
    rows = [request(i / 10, 100.0) for i in range(100)]
    rows += [request(10 + i / 20, 100.0) | (columns if i % 10 == 0 else {}) for i in range(200)]
    run = write_run(tmp_path, rows, phases=[phase("a", "hold", 1, 0, 10), phase("b", "hold", 2, 10, 20)])
    found = capacity_of(run)
    assert (found.limit.resource, found.limit.from_load) == (resource_named, 2.0)


def test_levels_of_several_runs_are_one_curve(tmp_path: Path) -> None:
    low = capacity_of(recorded(tmp_path / "low", (1, 2, 4), run_id="20261124T063300Z-test-00000a"))
    high = capacity_of(recorded(tmp_path / "high", (8, 16, 32), run_id="20261124T063300Z-test-00000b"))
    found = merged_capacity([high, low])
    assert [level.load for level in found.levels] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert found.scaling is not None
    assert found.limit == high.limit


def test_users_and_arrivals_are_not_one_scale(tmp_path: Path) -> None:
    closed = capacity_of(recorded(tmp_path / "closed", (1, 2)))
    arrivals = capacity_of(recorded(tmp_path / "open", (1, 2), open_loop=True))
    with pytest.raises(ValueError, match="levels in arrivals/s and users"):
        merged_capacity([closed, arrivals])
