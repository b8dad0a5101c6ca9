"""A real service and real Locust processes on loopback."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.endings import DEADLINE_S, GRACE_S, assert_in_time, deadline_of, wait_until_none_is_left
from tests.support.processes import ROOT, free_port, get, running

SUPPORT = ROOT / "tests" / "support"


SHORT_RUNS = """
[scenarios.work_user]
locustfiles = ["work_user.py"]
warm_up_s = 0.5
settle_s = 0.2
"""


@dataclass(slots=True)
class Service:
    url: str
    process: subprocess.Popen[bytes]

    @property
    def answered(self) -> int:
        return int(json.loads(get(f"{self.url}/count"))["answered"])


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """counting_service.py; its delay in seconds is the fixture's parameter, 0.05 without one."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    delay_s = str(getattr(request, "param", 0.05))
    command = [str(SUPPORT / "counting_service.py"), "--port", str(port), "--delay-s", delay_s]
    with running(command, f"{url}/count") as process:
        yield Service(url, process)


@dataclass(slots=True)
class Ended:
    """A finished Locust process and, where it left one, its run folder.

    `signalled_at` is when it got the signal that was to end it, as of `time.time()`.
    """

    code: int
    out: str
    err: str
    runs: list[Path]
    signalled_at: float | None = None

    @property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.run / "manifest.json").read_text())
        return document

    @property
    def triggered_at(self) -> float | None:
        """When it was told to end, else when it found that the run is over; None without a run."""
        if self.signalled_at is not None or len(self.runs) != 1:
            return self.signalled_at
        starts_us = [phase["start_us"] for phase in self.manifest["phases"] if phase["kind"] == "drain"]
        return starts_us[0] / 1e6 if starts_us else None

    @property
    def run(self) -> Path:
        (only,) = self.runs
        return only

    @property
    def requests(self) -> pd.DataFrame:
        return pd.read_parquet(self.run / "requests.parquet")

    @property
    def summary(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.run / "summary.json").read_text())
        return document

    @property
    def locust_count(self) -> int:
        stats = pd.read_csv(self.run / "locust_stats.csv")
        return int(stats.loc[stats["Name"] == "Aggregated", "Request Count"].iloc[0])


LocustRunner = Callable[..., Ended]


@pytest.fixture
def run_locust(tmp_path: Path) -> LocustRunner:
    """Run `locust -f tests/support/work_user.py ARGUMENTS`; optionally signal it, once `when()` holds.

    Whatever ends it, no process is left after it, and the promised time is kept. `when()` may end
    something itself: then it is to return True and `send` to be SIGCONT, which changes nothing.
    """

    def run(
        *arguments: str,
        when: Callable[[], bool] | None = None,
        send: int = signal.SIGINT,
        to_group: bool = False,
        times: int = 1,
        locustfile: str = str(SUPPORT / "work_user.py"),
        prefix: Sequence[str] = (),
        env: dict[str, str] | None = None,
        within_s: float = 90,
    ) -> Ended:
        runs_dir = tmp_path / "runs"
        port = str(free_port())
        command = [
            *prefix,
            sys.executable,
            "-m",
            "locust",
            "-f",
            locustfile,
            "--headless",
            "--master-bind-port",
            port,
            "--master-port",
            port,
            "--runs-dir",
            str(runs_dir),
            "--drain-deadline-s",
            str(DEADLINE_S),
            *arguments,
        ]
        config = tmp_path / "harness.toml"
        if not config.exists():
            config.write_text(SHORT_RUNS)
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )
        signalled_at = _signal(process, when, send, to_group, times) if when is not None else None
        try:
            out, err = process.communicate(timeout=within_s)
            wait_until_none_is_left(process.pid, deadline_of(arguments) + GRACE_S)
        except (subprocess.TimeoutExpired, AssertionError):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        runs = sorted(runs_dir.glob("*")) if runs_dir.exists() else []
        ended = Ended(process.returncode, out, err, runs, signalled_at)
        if ended.triggered_at is not None:
            assert_in_time(ended.triggered_at, deadline_of(arguments))
        return ended

    return run


def _signal(
    process: subprocess.Popen[str], when: Callable[[], bool], send: int, to_group: bool, times: int
) -> float | None:
    """Signal a process once `when()` holds, `times` times in all; when the last one went out."""
    deadline = time.monotonic() + 40
    while not when() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    signalled_at = None
    for _ in range(times):
        if times > 1:
            time.sleep(2)
        if process.poll() is None:
            (os.killpg if to_group else os.kill)(process.pid, send)
            signalled_at = time.time()
    return None if send == signal.SIGCONT else signalled_at
