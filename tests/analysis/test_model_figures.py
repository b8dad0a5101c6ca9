"""Calls compared by model, on folders whose oracle is counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import ModelFigures, summarise
from tests.support.recorded_runs import Row, at, one_hold, request, write_run


def figures(folder: Path, rows: list[Row]) -> dict[tuple[str, str], ModelFigures]:
    found = summarise(write_run(folder, rows, phases=one_hold())).models
    return {(item.model, item.name): item for item in found}


def calls(model: str, name: str, times_ms: list[float], **columns: Any) -> list[Row]:
    return [
        request(1 + place, took_ms, model=model, name=name, **columns)
        for place, took_ms in enumerate(times_ms)
    ]


def test_one_entry_per_model_and_name_the_quickest_first(tmp_path: Path) -> None:
    rows = [
        *calls("large", "sdk", [90.0, 100.0, 110.0]),
        *calls("small", "sdk", [40.0, 50.0, 60.0]),
        *calls("small", "wire", [45.0]),
        *[request(5, 10.0, name="sdk")],
    ]
    found = figures(tmp_path, rows)
    assert list(found) == [("small", "sdk"), ("large", "sdk"), ("small", "wire")]
    times = {
        name: found["small", "sdk"].response_time[name].value
        for name in ("mean", "stdev", "min", "p50", "max")
    }
    assert times == {"mean": 50.0, "stdev": 10.0, "min": 40.0, "p50": 50.0, "max": 60.0}
    assert found["small", "sdk"].requests == 3
    assert found["small", "wire"].response_time["mean"].value == 45.0


def test_a_run_whose_requests_tell_no_model_has_none(tmp_path: Path) -> None:
    assert figures(tmp_path, [request(1), request(2)]) == {}


def test_time_between_tokens_and_their_speed(tmp_path: Path) -> None:
    """Eleven tokens: the first after 20 ms, the last 50 ms later, so 5 ms between two and 200 a second."""
    streamed = [
        request(
            second, 80.0, model="m", name="stream", output_tokens=11,
            first_token_at=at(second + 0.020), last_token_at=at(second + 0.070),
        )
        for second in (1, 2, 3)
    ]  # fmt: skip
    one_token = request(
        4, 30.0, model="m", name="stream", output_tokens=1, first_token_at=at(4.02), last_token_at=at(4.02)
    )
    item = figures(tmp_path, [*streamed, one_token])["m", "stream"]
    assert item.time_to_first_token["mean"].value == pytest.approx(20.0)
    assert item.time_to_first_token["mean"].n == 4
    assert item.inter_token is not None
    assert item.tokens_per_s is not None
    assert item.inter_token.value == pytest.approx(5.0)
    assert item.inter_token.n == 3
    assert item.tokens_per_s.value == pytest.approx(200.0)


def test_answers_that_are_not_streamed_have_no_token_times(tmp_path: Path) -> None:
    item = figures(tmp_path, calls("m", "sdk", [50.0, 60.0], output_tokens=80))["m", "sdk"]
    assert (item.time_to_first_token, item.inter_token, item.tokens_per_s) == ({}, None, None)
    assert item.output_tokens is not None
    assert item.output_tokens.value == 80.0


def test_cost_of_a_thousand_calls(tmp_path: Path) -> None:
    priced = figures(tmp_path / "a", calls("m", "sdk", [50.0, 60.0], cost_usd=0.00004))["m", "sdk"]
    assert priced.cost_per_thousand is not None
    assert priced.cost_per_thousand.value == pytest.approx(0.04, rel=1e-6)
    assert priced.cost_per_thousand.unit == "USD"
    free = figures(tmp_path / "b", calls("m", "sdk", [50.0, 60.0]))["m", "sdk"]
    assert free.cost_per_thousand is None


def test_failed_calls_are_no_times_and_count_as_errors(tmp_path: Path) -> None:
    failed = request(4, 5.0, model="m", name="sdk", outcome="server_error")
    rows = [*calls("m", "sdk", [50.0, 60.0]), failed]
    item = figures(tmp_path, rows)["m", "sdk"]
    assert item.response_time["mean"].value == 55.0
    assert item.error_rate.value == pytest.approx(100 / 3)
