"""The benchmark of scaling: its arithmetic, and that a real master takes simulated workers for real."""

import json
import subprocess
import sys
from dataclasses import astuple, replace

import pytest

from benchmarks.scaling import Taken, cost_of, cost_text
from tests.support.processes import ROOT

CARRIED = Taken(
    workers=100,
    requests_per_s=1000,
    master_cpu=0.3,
    rss_mb=200,
    silence_s=1.1,
    rows_sent=5000,
    rows_received=5000,
    workers_lost=0,
    own_lag_s=0.1,
    end_s=3,
)


@pytest.mark.parametrize(
    ("changed", "too_much"),
    [
        pytest.param({}, False, id="everything came"),
        pytest.param({"rows_received": 4999}, True, id="a row is missing"),
        pytest.param({"workers_lost": 1}, True, id="a worker was lost"),
        pytest.param({"silence_s": 10.1}, True, id="silent for too long"),
        pytest.param({"ended": False}, True, id="a run that does not end"),
    ],
)
def test_what_is_too_much_for_a_master(changed: dict[str, float], too_much: bool) -> None:
    assert replace(CARRIED, **changed).too_much is too_much  # type: ignore[arg-type]  # a field of either kind


def test_the_cost_is_split_into_base_workers_and_requests() -> None:
    loads = [(100, 100), (100, 5000), (1000, 1000), (500, 500)]
    taken = [
        replace(CARRIED, workers=n, requests_per_s=rate, master_cpu=0.02 + 0.001 * n + 0.05 * rate / 1000)
        for n, rate in loads
    ]
    cost = cost_of(taken, "master_cpu")
    assert astuple(cost) == pytest.approx((0.02, 0.001, 0.05))


def test_loads_that_were_too_much_are_left_out_of_the_rule() -> None:
    carried = [replace(CARRIED, workers=n, master_cpu=0.001 * n) for n in (100, 200, 300)]
    broken = replace(CARRIED, workers=1000, master_cpu=9.0, workers_lost=1)
    assert cost_text([*carried, broken]) == cost_text(carried)
    assert cost_text([*carried[:2], broken]) == ""


@pytest.mark.slow
def test_a_master_takes_in_every_row_of_its_simulated_workers() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/scaling.py", "--quick", "--json", "--only", "master"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert [load["workers"] for load in document["master"]] == [10, 40]
    for load in document["master"]:
        assert load["workers_lost"] == 0
        assert load["rows_received"] == load["rows_sent"] > 0
        assert load["master_cpu"] > 0
