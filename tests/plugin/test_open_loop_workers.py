"""An open loop whose workers come and go: one that joins shares the rate, one that is lost ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, LocustRunner, Service
from tests.support.processes import ROOT, free_port

ARRIVALS = str(SUPPORT / "arrival_user.py")


class Workers:
    """Starts workers of one master; they end with the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.port = str(free_port())
        self._folder, self._stack = folder, stack

    def start(self) -> subprocess.Popen[bytes]:
        command = [*(sys.executable, "-m", "locust", "-f", ARRIVALS), "--worker", "--master-port", self.port]
        process = subprocess.Popen(
            [*command, "EvenWork"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    with ExitStack() as stack:
        yield Workers(tmp_path, stack)


@pytest.mark.slow
def test_a_worker_that_joins_shares_the_rate(
    run_locust: LocustRunner, service: Service, workers: Workers
) -> None:
    """Six users worth ten each: before, one worker sends 60 a second; after, each sends 30."""
    workers.start()

    def join() -> bool:
        if service.answered > 150:
            workers.start()
            return True
        return False

    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", workers.port, "--expect-workers", "1"),
        *("-u", "6", "-r", "6", "-t", "22s", "EvenWork"),
        when=join,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=ARRIVALS,
    )
    assert ended.code == ended.summary["verdicts"]["exit_code"], ended.err
    requests = ended.requests
    assert len(requests) == ended.locust_count == service.answered
    generator = pd.read_parquet(ended.run / "generator.parquet")
    last_s = generator["at"].max() - pd.Timedelta(seconds=4)
    per_second = generator[generator["at"] > last_s].groupby("worker")["arrivals_due"].median()
    assert dict(per_second) == pytest.approx({0: 30, 1: 30}, abs=3)


def test_a_worker_that_is_killed_makes_the_run_invalid(
    run_locust: LocustRunner, service: Service, workers: Workers
) -> None:
    workers.start()
    victim = workers.start()

    def kill() -> bool:
        if service.answered > 200:
            victim.send_signal(signal.SIGKILL)
            return True
        return False

    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", workers.port, "--expect-workers", "2"),
        *("-u", "6", "-r", "6", "-t", "14s", "EvenWork"),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=ARRIVALS,
    )
    assert ended.code == 4, ended.err
    assert ended.summary["verdicts"]["overall"] == "INVALID"
    assert "lost" in ended.out
    assert len(ended.requests) > 100
