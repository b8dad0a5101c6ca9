"""Every way a run ends by itself or is interrupted: nothing that was sent is lost.

Oracle: the service's own count of what it answered. Locust's CSV, the request log and the
summary must all say the same number.
"""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, Service

SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")
WORK = str(SUPPORT / "work_user.py")


def _all_agree(ended: Ended, service: Service) -> None:
    answered = service.answered
    assert answered > 20
    totals, verdicts = ended.summary["totals"], ended.summary["verdicts"]
    # On a busy machine the run may rightly be called INVALID; the code must be the verdict's.
    assert ended.code == verdicts["exit_code"], ended.err
    complete = int((ended.requests["outcome"] != "incomplete").sum())
    assert (complete, ended.locust_count, totals["requests"] - totals["incomplete"]) == (answered,) * 3
    manifest = json.loads((ended.run / "manifest.json").read_text())
    assert manifest["state"] == "sealed"
    assert manifest["samples_missing"] == 0
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


def test_the_shape_ends(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        "-H",
        service.url,
        "--processes",
        "2",
        "--levels",
        "4,8",
        "--hold-s",
        "3",
        "WorkUser",
        locustfile=f"{WORK},{SHAPE}",
    )
    _all_agree(ended, service)
    manifest = json.loads((ended.run / "manifest.json").read_text())
    assert [phase["kind"] for phase in manifest["phases"]] == ["ramp", "hold", "ramp", "hold", "drain"]
    assert [phase["users"] for phase in manifest["phases"] if phase["kind"] == "hold"] == [4, 8]
    assert set(ended.requests["phase"]) <= {phase["name"] for phase in manifest["phases"]}


@pytest.mark.parametrize(
    "mode", [pytest.param((), id="local"), pytest.param(("--processes", "2"), id="distributed")]
)
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


@pytest.mark.parametrize("service", [3.0], indirect=True)
def test_what_misses_the_drain_deadline_is_incomplete(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        "-H",
        service.url,
        "-u",
        "8",
        "-r",
        "8",
        "-t",
        "4s",
        "--processes",
        "2",
        "--drain-deadline-s",
        "1",
        "WorkUser",
    )
    outcomes = ended.requests["outcome"].value_counts()
    assert outcomes["incomplete"] == 8
    assert ended.locust_count == outcomes["ok"] > 0


@pytest.mark.parametrize(
    ("mode", "number", "to_group"),
    [
        pytest.param((), signal.SIGINT, False, id="Ctrl-C, local"),
        pytest.param(("--processes", "2"), signal.SIGINT, True, id="Ctrl-C at the terminal, distributed"),
        pytest.param(("--processes", "2"), signal.SIGTERM, False, id="SIGTERM to the master"),
    ],
)
def test_interrupted(
    run_locust: LocustRunner, service: Service, mode: tuple[str, ...], number: int, to_group: bool
) -> None:
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "60s", *mode, "WorkUser"),
        when=lambda: service.answered > 100,
        send=number,
        to_group=to_group,
    )
    assert ended.code == 130, ended.err
    assert (ended.run / "report.html").exists()
    assert "Traceback" not in ended.err
    _all_agree(ended, service)


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
    """Oracle: within seconds no process is left that names this test's folder."""
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "60s", "--processes", "2", "WorkUser"),
        when=lambda: service.answered > 100,
        send=signal.SIGKILL,
    )
    assert ended.code == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while _processes_of(ended.run.parent) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _processes_of(ended.run.parent) == []


def _processes_of(runs_dir: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(runs_dir) in " ".join(p.info["cmdline"] or [])]


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


@pytest.mark.parametrize("service", [20.0], indirect=True)
def test_a_second_ctrl_c_does_not_wait(run_locust: LocustRunner, service: Service, tmp_path: Path) -> None:
    """Requests that would take another 20 s are given up at once, and the report is written."""
    started = time.monotonic()
    ended = run_locust(
        *("-H", service.url, "-u", "3", "-r", "3", "-t", "60s", "WorkUser"),
        when=lambda: any((tmp_path / "runs").glob("*/manifest.json")),
        send=signal.SIGINT,
        times=2,
    )
    assert ended.code == 130, ended.err
    assert time.monotonic() - started < 30
    assert set(ended.requests["outcome"]) == {"incomplete"}
    assert (ended.run / "report.html").exists()
