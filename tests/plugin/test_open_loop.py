"""Open-loop runs of real Locust processes, through every ending.

Oracle: the service's own count of what it answered, and the rate that users stand for.
"""

import json
import math
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, Service

ARRIVALS = str(SUPPORT / "arrival_user.py")
SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")

TWO = ("--processes", "2")
BOTH_MODES = pytest.mark.parametrize("mode", [pytest.param((), id="local"), pytest.param(TWO, id="two")])


def _all_agree(ended: Ended, service: Service) -> None:
    answered = service.answered
    assert answered > 20
    # On a busy machine the run may rightly be called INVALID; the code must be the verdict's.
    assert ended.code == ended.summary["verdicts"]["exit_code"], ended.err
    complete = int((ended.requests["outcome"] != "incomplete").sum())
    assert (complete, ended.locust_count) == (answered,) * 2
    manifest = _manifest(ended)
    assert (manifest["state"], manifest["samples_missing"]) == ("sealed", 0)
    assert ended.requests["request_id"].is_unique
    assert (ended.requests["intended_at"] <= ended.requests["sent_at"]).all()
    assert "Traceback" not in ended.err


def _manifest(ended: Ended) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ended.run / "manifest.json").read_text())
    return document


def _generator(ended: Ended) -> pd.DataFrame:
    return pd.read_parquet(ended.run / "generator.parquet")


@pytest.mark.parametrize(
    ("user", "mode"),
    [
        pytest.param("PoissonWork", (), id="Poisson, local"),
        pytest.param("PoissonWork", TWO, id="Poisson, two workers"),
        pytest.param("EvenWork", TWO, id="constant, two workers"),
    ],
)
def test_the_rate_is_what_the_users_stand_for(
    run_locust: LocustRunner, service: Service, user: str, mode: tuple[str, ...]
) -> None:
    """Six users worth ten each, for 5 s: 60 arrivals a second, whichever process they are in."""
    ended = run_locust("-H", service.url, "-u", "6", "-r", "6", "-t", "5s", *mode, user, locustfile=ARRIVALS)
    _all_agree(ended, service)
    (hold,) = [phase for phase in _manifest(ended)["phases"] if phase["kind"] == "hold"]
    assert (hold["users"], hold["arrivals_per_s"]) == (6, 60.0)
    in_hold = int((ended.requests["phase"] == hold["name"]).sum())
    expected = 60.0 * (hold["end_us"] - hold["start_us"]) / 1e6
    # The master hears of the last user a moment after it began, and of the end a moment before.
    assert in_hold == pytest.approx(
        expected, abs=8 + (4 * math.sqrt(expected) if user == "PoissonWork" else 0)
    )
    generator = _generator(ended)
    assert (generator["dropped"].fillna(0) == 0).all()
    # The health of the second in which the drain began is not reported.
    assert 0 <= len(ended.requests) - generator["arrivals_due"].sum() <= 100
    if mode:
        assert set(ended.requests["worker"]) == {0, 1}


def test_a_shape_drives_the_rate_up_and_down(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        *("-H", service.url, "--levels", "3,12,2", "--hold-s", "4", *TWO, "EvenWork"),
        locustfile=f"{ARRIVALS},{SHAPE}",
    )
    _all_agree(ended, service)
    holds = [phase for phase in _manifest(ended)["phases"] if phase["kind"] == "hold"]
    assert [hold["arrivals_per_s"] for hold in holds] == [30.0, 120.0, 20.0]
    for hold in holds:
        seconds = (hold["end_us"] - hold["start_us"]) / 1e6
        in_hold = int((ended.requests["phase"] == hold["name"]).sum())
        assert in_hold == pytest.approx(hold["arrivals_per_s"] * seconds, rel=0.15, abs=5)


@pytest.mark.parametrize("service", [1.5], indirect=True)
def test_a_slow_service_does_not_slow_the_arrivals(run_locust: LocustRunner, service: Service) -> None:
    """40 arrivals a second at 1.5 s each: four users in a closed loop would send 12. All are waited for."""
    ended = run_locust(
        *("-H", service.url, "-u", "4", "-r", "4", "-t", "4s", *TWO, "EvenWork"), locustfile=ARRIVALS
    )
    _all_agree(ended, service)
    assert set(ended.requests["outcome"]) == {"ok"}
    assert len(ended.requests) > 100
    assert _generator(ended)["in_flight"].sum() > 40


@pytest.mark.parametrize("service", [4.0], indirect=True)
def test_what_misses_the_drain_deadline_is_incomplete(run_locust: LocustRunner, service: Service) -> None:
    """Only the arrivals of the first 2 of 5 s can end a second after the run's end."""
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "5s", "--drain-deadline-s", "1", *TWO),
        "EvenWork",
        locustfile=ARRIVALS,
    )
    outcomes = ended.requests["outcome"].value_counts()
    assert set(outcomes.index) == {"ok", "incomplete"}
    assert ended.locust_count == outcomes["ok"]
    assert 60 <= outcomes["incomplete"] <= 95  # 20 a second that take 4 s


@pytest.mark.parametrize("service", [1.0], indirect=True)
def test_arrivals_beyond_the_cap_are_dropped_and_counted(run_locust: LocustRunner, service: Service) -> None:
    """Three in flight at 1 s each are three a second; the other 17 of 20 are dropped."""
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "6s", "CappedWork"), locustfile=ARRIVALS
    )
    generator = _generator(ended)
    due, dropped = generator["arrivals_due"].sum(), generator["dropped"].sum()
    assert ended.locust_count == service.answered == len(ended.requests)
    assert abs(len(ended.requests) - (due - dropped)) <= 6  # the last second is not reported
    assert dropped / due == pytest.approx(0.85, abs=0.1)


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        pytest.param((), signal.SIGINT, id="Ctrl-C, local"),
        pytest.param(TWO, signal.SIGTERM, id="SIGTERM to the master"),
    ],
)
def test_interrupted(run_locust: LocustRunner, service: Service, mode: tuple[str, ...], number: int) -> None:
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "60s", *mode, "PoissonWork"),
        when=lambda: service.answered > 100,
        send=number,
        locustfile=ARRIVALS,
    )
    assert ended.code == 130, ended.err
    _all_agree(ended, service)


@BOTH_MODES
@pytest.mark.parametrize("service", [30.0], indirect=True)
def test_a_second_ctrl_c_does_not_wait(
    run_locust: LocustRunner, service: Service, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    started = time.monotonic()
    ended = run_locust(
        *("-H", service.url, "-u", "3", "-r", "3", "-t", "60s", *mode, "PoissonWork"),
        when=lambda: any((tmp_path / "runs").glob("*/manifest.json")),
        send=signal.SIGINT,
        times=2,
        locustfile=ARRIVALS,
    )
    assert ended.code == 130, ended.err
    assert time.monotonic() - started < 28
    assert set(ended.requests["outcome"]) == {"incomplete"}


@pytest.mark.parametrize(
    ("user", "message"),
    [
        pytest.param("TooMuch", "TooMuch.arrivals_per_user must be from 0.001 to 1000", id="rate"),
        pytest.param("Nested", "Nested: Browse is a TaskSet", id="nested task set"),
    ],
)
def test_a_mistake_is_one_line(run_locust: LocustRunner, service: Service, user: str, message: str) -> None:
    ended = run_locust("-H", service.url, "-u", "1", "-t", "5s", user, locustfile=ARRIVALS)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert (ended.runs, service.answered) == ([], 0)
