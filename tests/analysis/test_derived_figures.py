"""Figures made from others of a run, on folders whose oracle is counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from harness.analysis import DerivedFigure, summarise
from harness.config import DerivedConfig
from harness.runs import open_run
from tests.support.recorded_runs import Row, one_hold, phase, request, write_run


def derived(
    folder: Path, rows: list[Row], config: dict[str, Any], phases: Any = None, **fields: Any
) -> DerivedFigure:
    """The one derived figure of a run of these rows."""
    run = write_run(folder, rows, phases=phases or one_hold(), **fields)
    manifest = run.path / "manifest.json"
    config = DerivedConfig.model_validate({"title": "It", **config}).model_dump(mode="json")
    text = manifest.read_text().replace('"derived": {}', f'"derived": {{"it": {_json(config)}}}')
    manifest.write_text(text)
    (found,) = summarise(open_run(run.path)).derived
    assert (found.name, found.title) == ("it", "It")
    return found


def _json(config: dict[str, Any]) -> str:
    import json

    return json.dumps(config)


def named(name: str, times_ms: list[float], **columns: Any) -> list[Row]:
    return [request(1 + place, took_ms, name=name, **columns) for place, took_ms in enumerate(times_ms)]


def test_a_part_is_the_mean_over_a_number(tmp_path: Path) -> None:
    rows = named("team", [90.0, 100.0, 110.0])
    found = derived(tmp_path, rows, {"of": {"name": "team"}, "divide_by": 4})
    assert found.figure is not None
    assert found.of is not None
    assert found.to is None
    assert (found.figure.value, found.figure.unit, found.figure.n) == (25.0, "ms", 3)
    assert found.of.value == 100.0
    assert found.formula == "mean (name team) / 4"


def test_a_ratio_compares_the_requests_of_both_sides(tmp_path: Path) -> None:
    rows = named("serial", [290.0, 300.0, 310.0]) + named("parallel", [90.0, 100.0, 110.0])
    found = derived(
        tmp_path, rows, {"of": {"name": "serial"}, "to": {"name": "parallel"}, "divide_by": 3}
    ).figure
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
    assert "groups" in found.method
    assert found.unit == ""


def test_the_same_cases_are_compared_case_by_case(tmp_path: Path) -> None:
    """Cases differ tenfold, each takes 5 % longer in the one way: only pairs can tell."""
    times = [100.0 * (1 + place) for place in range(10)]
    rows = [
        request(1 + place, took_ms * factor, name=name, case_id=f"case-{place}")
        for name, factor in (("long", 1.05), ("short", 1.0))
        for place, took_ms in enumerate(times)
    ]
    config = {"of": {"name": "long"}, "to": {"name": "short"}}
    paired = derived(tmp_path / "paired", rows, config).figure
    apart = derived(tmp_path / "apart", [row | {"case_id": None} for row in rows], config).figure
    assert paired is not None
    assert apart is not None
    assert paired.value == apart.value == pytest.approx(1.05)
    assert paired.low == pytest.approx(1.05, abs=1e-3)
    assert apart.low is not None
    assert apart.low < 1
    assert "pairs by case" in paired.method


def test_quantiles_of_two_phases(tmp_path: Path) -> None:
    phases = [phase("alone", "hold", 5, 0, 100), phase("mixed", "hold", 10, 100, 200)]
    rows = [request(place, 100.0 + place % 20) for place in range(100)]
    rows += [request(100 + place, 2 * (100.0 + place % 20)) for place in range(100)]
    config = {"statistic": "p95", "of": {"phase": "mixed"}, "to": {"phase": "alone"}}
    found = derived(tmp_path, rows, config, phases)
    assert found.figure is not None
    assert found.figure.value == pytest.approx(2.0)
    assert found.figure.low is not None
    assert found.figure.low > 1.8


def test_a_first_request_is_found_outside_of_the_measured_window(tmp_path: Path) -> None:
    rows = [request(0.5, 400.0, name="cold-start"), *named("warm", [100.0] * 10)]
    config: dict[str, Any] = {"of": {"name": "cold-start"}}
    outside = derived(tmp_path / "a", rows, config, warm_up_s=1.0)
    assert outside.figure is None
    assert "no request with name cold-start" in outside.reason
    found = derived(tmp_path / "b", rows, config | {"whole_run": True}, warm_up_s=1.0)
    assert found.figure is not None
    assert (found.figure.value, found.figure.low, found.figure.n) == (400.0, None, 1)
    assert found.formula == "mean (name cold-start) (whole run)"


NOTHING = [
    pytest.param({"of": {"name": "absent"}}, "no request with name absent", id="a side without requests"),
    pytest.param(
        {"of": {"name": "there"}, "to": {"phase": "absent"}}, "no measured hold phase", id="no such phase"
    ),
    pytest.param(
        {"of": {"name": "absent"}, "whole_run": True},
        "name absent in the run",
        id="not even in the whole run",
    ),
    pytest.param(
        {"of": {"name": "there"}, "quantity": "time_to_first_token"},
        "no request with name there",
        id="no time",
    ),
]


@pytest.mark.parametrize(("config", "words"), NOTHING)
def test_what_is_missing_is_said(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    found = derived(tmp_path, named("there", [100.0, 110.0]), config)
    assert found.figure is None
    assert words in found.reason


def test_a_difference_is_of_the_means_of_both_sides(tmp_path: Path) -> None:
    """Cases differ tenfold, each takes 5 ms longer in the one way: pairs tell it exactly."""
    times = [100.0 * (1 + place) for place in range(10)]
    rows = [
        request(1 + place, took_ms + added, name=name, case_id=f"case-{place}")
        for name, added in (("sdk", 5.0), ("wire", 0.0))
        for place, took_ms in enumerate(times)
    ]
    config = {"of": {"name": "sdk"}, "to": {"name": "wire"}, "difference": True}
    paired = derived(tmp_path / "paired", rows, config)
    apart = derived(tmp_path / "apart", [row | {"case_id": None} for row in rows], config)
    for found in (paired, apart):
        assert found.figure is not None
        assert found.figure.value == pytest.approx(5.0)
        assert found.figure.unit == "ms"
        assert found.formula == "mean (name sdk) - mean (name wire)"
    assert paired.figure is not None
    assert paired.figure.low == pytest.approx(5.0)
    assert apart.figure is not None
    assert apart.figure.low is not None
    assert apart.figure.low < 0


def test_a_difference_needs_two_sides() -> None:
    with pytest.raises(ValueError, match="difference needs `to`"):
        DerivedConfig.model_validate({"title": "It", "of": {"name": "sdk"}, "difference": True})
