"""Counted requests on real processes: as many rows as were asked for, on any number of workers."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, LocustRunner, Service
from tests.support.processes import ROOT, free_port

SHAPE = ROOT / "shapes" / "request_count.py"
WORK = f"{SUPPORT / 'work_user.py'},{SHAPE}"
LEVELS = {"60-by-6": 60, "101-by-10": 101, "80-by-10": 80, "31-by-2": 31}
COUNTS = ("--counts", "60@6,101@10,80@10,31@2", "--spawn-rate-per-s", "100")


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_exactly_as_many_requests_as_were_asked_for(
    run_locust: LocustRunner, service: Service, workers: int
) -> None:
    """Levels up, alike and down; users have a think time, which does not count here."""
    ended = run_locust(
        *("-H", service.url, "--processes", str(workers)), *COUNTS, "WorkUser", locustfile=WORK
    )
    assert ended.requests["phase"].value_counts().to_dict() == LEVELS, ended.err
    assert service.answered == sum(LEVELS.values()) == ended.locust_count
    assert {step["phase"]: step["group"]["requests"] for step in ended.summary["steps"]} == LEVELS
    assert ended.manifest["stop_reason"] == f"the shape ended: all requests of {COUNTS[1]} have ended"
    assert ended.manifest["scenario"]["whole_holds"] is True
    assert "Level" in ended.out
    assert "101-by-10" in ended.out


def test_all_users_are_busy_until_the_last_request_was_dealt(
    run_locust: LocustRunner, service: Service
) -> None:
    """From the first sending to the last, as many requests are in flight as there are users, or nearly."""
    ended = run_locust("-H", service.url, "--counts", "200@8", "WorkUser", locustfile=WORK)
    sent, done = (ended.requests[name].astype("int64") for name in ("sent_at", "done_at"))
    last = int(sent.max())
    in_flight = (done.clip(upper=last) - sent).clip(lower=0).sum() / (last - int(sent.min()))
    assert 7 <= in_flight <= 8


def test_a_level_ends_when_its_last_request_does(run_locust: LocustRunner, service: Service) -> None:
    """Not at the next look of Locust's shape, up to a second later: throughput would be of the pause."""
    ended = run_locust("-H", service.url, "--counts", "30@10,30@5", "WorkUser", locustfile=WORK)
    ends = {phase["name"]: phase["end_us"] for phase in ended.manifest["phases"]}
    last = ended.requests.groupby("phase")["done_at"].max()
    for name in ("30-by-10", "30-by-5"):
        late_s = ends[name] / 1e6 - last[name].timestamp()
        assert 0 <= late_s < 0.5


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        pytest.param(WORK, ("--counts", "ten", "WorkUser"), "not 'ten'", id="no counts"),
        pytest.param(WORK, ("StockUser",), "StockUser is no closed-loop ServiceUser", id="stock users"),
        pytest.param(
            f"{SUPPORT / 'arrival_user.py'},{SHAPE}",
            ("EvenWork",),
            "EvenWork is no closed-loop",
            id="arrivals",
        ),
        pytest.param(
            f"{SUPPORT / 'counted_users.py'},{SHAPE}", ("NestedUser",), "Browse is a TaskSet", id="task sets"
        ),
    ],
)
def test_what_cannot_be_counted_is_told_before_any_load(
    run_locust: LocustRunner, service: Service, files: str, words: tuple[str, ...], message: str
) -> None:
    ended = run_locust("-H", service.url, *words, locustfile=files)
    assert (ended.code, ended.runs) == (2, [])
    lines = [line for line in ended.err.splitlines() if line.startswith("harness: RequestCount: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert service.answered == 0


def test_without_the_plugin_it_says_what_is_missing(service: Service, tmp_path: Path) -> None:
    files = f"{SUPPORT / 'bare_users.py'},{SHAPE}"
    ended = subprocess.run(
        [sys.executable, "-m", "locust", "-f", files, "--headless", "-H", service.url],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "harness: RequestCount: requests cannot be counted: add `import harness.plugin`" in ended.stderr
    assert service.answered == 0


def test_users_that_leave_end_the_test_and_it_says_so(run_locust: LocustRunner, service: Service) -> None:
    files = f"{SUPPORT / 'counted_users.py'},{SHAPE}"
    ended = run_locust("-H", service.url, "--counts", "50@4", "QuitterUser", locustfile=files)
    assert "no user is left after" in ended.manifest["stop_reason"]
    assert len(ended.requests) == service.answered == 8


def test_a_worker_that_is_killed_makes_the_run_invalid_and_does_not_hold_it_up(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    port = str(free_port())
    with ExitStack() as stack:
        workers = []
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", WORK, "--worker", "--master-port", port, "WorkUser"],
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            workers.append(process)

        def kill() -> bool:
            if service.answered > 100:
                workers[1].send_signal(signal.SIGKILL)
                return True
            return False

        ended = run_locust(
            *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "2"),
            *("--counts", "1200@8", "WorkUser"),
            when=kill,
            send=signal.SIGCONT,  # nothing to a process that runs
            locustfile=WORK,
        )
    assert ended.code == 4, ended.err
    assert ended.summary["verdicts"]["overall"] == "INVALID"
    assert "have ended" in ended.manifest["stop_reason"]
    # What the lost worker was given and had not reported is all that can be missing.
    lost = pd.DataFrame(ended.manifest["workers"]).query("lost")
    assert len(lost) == 1
    assert 600 <= len(ended.requests) < 1200
