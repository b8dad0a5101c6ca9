"""Every way a run ends by itself or is interrupted: nothing that was sent is lost, and it ends in time.

Oracle: the service's own count of what it answered. Locust's CSV, the request log and the
summary must all say the same number. `run_locust` checks, for every run, that no process is left
and that the drain deadline plus 10 s is kept; users that hang make a run use all of its deadline.
"""

import signal
import time

import pytest

from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, Service
from tests.support.endings import GRACE_S

SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")
WORK = str(SUPPORT / "work_user.py")


#: Half of the users send one request each that is never answered in time.
HANGING = ("--drain-deadline-s", "3", "WorkUser", "HangingUser")


def _all_agree(ended: Ended, service: Service, hanging: int = 0) -> None:
    answered = service.answered
    assert answered > 20
    totals, verdicts = ended.summary["totals"], ended.summary["verdicts"]
    # On a busy machine the run may rightly be called INVALID; the code must be the verdict's.
    assert ended.code == verdicts["exit_code"], ended.err
    complete = int((ended.requests["outcome"] != "incomplete").sum())
    assert (complete, ended.locust_count, totals["requests"] - totals["incomplete"]) == (answered,) * 3
    assert len(ended.requests) - complete == hanging
    assert ended.manifest["state"] == "sealed"
    assert ended.manifest["samples_missing"] == 0
    assert ended.requests["request_id"].is_unique


@pytest.mark.parametrize(
    ("user", "mode"),
    [
        pytest.param("WorkUser", (), id="our user, local"),
        pytest.param("WorkUser", ("--processes", "2"), id="our user, distributed"),
        pytest.param("StockFastUser", ("--processes", "2"), id="stock FastHttpUser, distributed"),
        pytest.param("StockUser", (), id="stock HttpUser, local"),
    ],
)
def test_the_run_time_is_reached(
    run_locust: LocustRunner, service: Service, user: str, mode: tuple[str, ...]
) -> None:
    ended = run_locust("-H", service.url, "-u", "6", "-r", "6", "-t", "4s", *mode, user)
    _all_agree(ended, service)


MODES = pytest.mark.parametrize(
    "mode", [pytest.param((), id="local"), pytest.param(("--processes", "2"), id="distributed")]
)


@MODES
def test_the_shape_ends(run_locust: LocustRunner, service: Service, mode: tuple[str, ...]) -> None:
    ended = run_locust(
        *("-H", service.url, *mode, "--levels", "4,8", "--hold-s", "3", *HANGING),
        locustfile=f"{WORK},{SHAPE}",
    )
    _all_agree(ended, service, hanging=4)
    manifest = ended.manifest
    assert manifest["stop_reason"] == "the shape ended"
    assert [phase["kind"] for phase in manifest["phases"]] == ["ramp", "hold", "ramp", "hold", "drain"]
    assert [phase["users"] for phase in manifest["phases"] if phase["kind"] == "hold"] == [4, 8]
    assert set(ended.requests["phase"]) <= {phase["name"] for phase in manifest["phases"]}


@MODES
@pytest.mark.parametrize("service", [0.6], indirect=True)
def test_a_ramp_down_lets_requests_end(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...]
) -> None:
    """With stock Locust, users that a ramp-down removes take their requests with them."""
    ended = run_locust(
        *("-H", service.url, "--levels", "20,2", "--hold-s", "4", *mode, "WorkUser"),
        locustfile=f"{WORK},{SHAPE}",
    )
    _all_agree(ended, service)
    assert set(ended.requests["outcome"]) == {"ok"}


@pytest.mark.parametrize("service", [1.5], indirect=True)
def test_long_requests_are_waited_for(run_locust: LocustRunner, service: Service) -> None:
    """With stock Locust, requests in flight when the run time is reached are killed."""
    ended = run_locust("-H", service.url, "-u", "30", "-r", "30", "-t", "4s", "--processes", "2", "WorkUser")
    _all_agree(ended, service)


@MODES
def test_what_misses_the_drain_deadline_is_incomplete(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...]
) -> None:
    """Timed from the moment that the user named: the run time, after the first user."""
    ended = run_locust("-H", service.url, "-u", "8", "-r", "8", "-t", "4s", *mode, *HANGING)
    ended_at = time.time()
    _all_agree(ended, service, hanging=4)
    first, *_, drain = ended.manifest["phases"]
    assert drain["end_us"] - drain["start_us"] > 2.5e6  # it did wait for them
    assert ended_at - (first["start_us"] / 1e6 + 4) < 3 + GRACE_S


@pytest.mark.parametrize(
    ("mode", "number", "to_group"),
    [
        pytest.param((), signal.SIGINT, False, id="Ctrl-C, local"),
        pytest.param((), signal.SIGTERM, False, id="SIGTERM, local"),
        pytest.param(("--processes", "2"), signal.SIGINT, True, id="Ctrl-C at the terminal, distributed"),
        pytest.param(("--processes", "2"), signal.SIGTERM, False, id="SIGTERM to the master"),
    ],
)
def test_interrupted(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...], number: int, to_group: bool
) -> None:
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "60s", *mode, *HANGING),
        when=lambda: service.answered > 60,
        send=number,
        to_group=to_group,
    )
    assert ended.code == 130, ended.err
    assert (ended.run / "report.html").exists()
    assert "Traceback" not in ended.err
    _all_agree(ended, service, hanging=3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_a_shape_runs(run_locust: LocustRunner, service: Service, number: int) -> None:
    """Locust has no handler for SIGTERM while it follows a shape: stock, the run is simply killed."""
    ended = run_locust(
        *("-H", service.url, "--processes", "2", "--levels", "6", "--hold-s", "60", "WorkUser"),
        when=lambda: service.answered > 100,
        send=number,
        locustfile=f"{WORK},{SHAPE}",
    )
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    _all_agree(ended, service)


def test_the_workers_leave_when_their_master_is_killed(run_locust: LocustRunner, service: Service) -> None:
    """`run_locust` returns when the last process of its session has ended."""
    ended = run_locust(
        *("-H", service.url, "-u", "12", "-r", "12", "-t", "60s", "--processes", "2", *HANGING),
        when=lambda: service.answered > 300,  # longer than the workers' interval between reports
        send=signal.SIGKILL,
    )
    assert ended.code == -signal.SIGKILL
    assert ended.manifest["state"] == "running"
    assert len(open_run(ended.run).requests()) > 20


def test_failures_are_rows_too(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust("-H", service.url, "-u", "6", "-r", "6", "-t", "4s", "FailingUser")
    _all_agree(ended, service)
    outcomes = set(ended.requests["outcome"])
    assert outcomes == {"ok", "server_error"}
    assert set(ended.requests.loc[ended.requests["outcome"] == "server_error", "error"]) == {"HTTP 503"}


def test_what_the_service_tells_becomes_spans(run_locust: LocustRunner, service: Service) -> None:
    import pandas as pd

    ended = run_locust("-H", service.url, "-u", "3", "-r", "3", "-t", "3s", "WorkUser")
    spans = pd.read_parquet(ended.run / "spans.parquet")
    assert set(spans["component"]) == {"work", "total"}
    assert set(spans["request_id"]) == set(ended.requests["request_id"])
    assert set(ended.requests["llm_calls"]) == {2}
    assert set(ended.requests["category"]) == {"simple"}


@pytest.mark.parametrize(
    ("mode", "to_group"),
    [
        pytest.param((), False, id="local"),
        pytest.param(("--processes", "2"), False, id="distributed, to the master"),
        pytest.param(("--processes", "2"), True, id="distributed, at the terminal"),
    ],
)
def test_a_second_ctrl_c_does_not_wait(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...], to_group: bool
) -> None:
    """What is in flight is given up at once, on every worker; what was answered is not lost."""
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "60s", *mode, "--drain-deadline-s", "60"),
        *("WorkUser", "HangingUser"),
        when=lambda: service.answered > 60,
        to_group=to_group,
        times=2,
    )
    assert ended.code == 130, ended.err
    assert ended.signalled_at is not None
    assert time.time() - ended.signalled_at < GRACE_S
    assert (ended.run / "report.html").exists()
    assert "Traceback" not in ended.err
    _all_agree(ended, service, hanging=3)
