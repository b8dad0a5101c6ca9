"""A real service and real Locust processes on loopback."""

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
    """A finished Locust process and, where it left one, its run folder."""

    code: int
    out: str
    err: str
    runs: list[Path]

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
    """Run `locust -f tests/support/work_user.py ARGUMENTS`; optionally signal it, once `when()` holds."""

    def run(
        *arguments: str,
        when: Callable[[], bool] | None = None,
        send: int = signal.SIGINT,
        to_group: bool = False,
        times: int = 1,
        locustfile: str = str(SUPPORT / "work_user.py"),
        prefix: Sequence[str] = (),
        env: dict[str, str] | None = None,
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
        if when is not None:
            deadline = time.monotonic() + 40
            while not when() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            for _ in range(times):
                if times > 1:
                    time.sleep(2)
                if process.poll() is None:
                    (os.killpg if to_group else os.kill)(process.pid, send)
        try:
            out, err = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Ended(process.returncode, out, err, sorted(runs_dir.glob("*")) if runs_dir.exists() else [])

    return run
