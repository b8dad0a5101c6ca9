"""Masters without workers, workers without masters, and workers at the wrong master."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, LocustRunner, Service
from tests.support.processes import ROOT, free_port

STOCK = """
from locust import FastHttpUser, task

class WorkUser(FastHttpUser):
    @task
    def work(self):
        self.client.post("/work", json={})
"""


class Starter:
    """Starts `locust` processes that end with the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack

    def __call__(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "locust", *arguments],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    with ExitStack() as stack:
        yield Starter(tmp_path, stack)


def test_workers_that_never_come(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        *(
            "-H",
            service.url,
            "--master",
            "--expect-workers",
            "2",
            "--expect-workers-max-wait",
            "2",
            "WorkUser",
        )
    )
    assert ended.code == 2, ended.err
    assert "no run began: 0 of 2 workers came within 2 s" in ended.err
    assert ended.runs == []


def test_the_last_worker_is_lost(run_locust: LocustRunner, service: Service, start: Starter) -> None:
    """The run ends at once, not at its run time; what arrived is kept; the verdict is INVALID."""
    port = str(free_port())
    worker = start("-f", str(SUPPORT / "work_user.py"), "--worker", "--master-port", port)

    def kill() -> bool:
        if service.answered > 200:
            worker.send_signal(signal.SIGKILL)
            return True
        return False

    started = time.monotonic()
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("-u", "4", "-r", "4", "-t", "300s", "WorkUser"),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
    )
    assert ended.code == 4, ended.err
    assert time.monotonic() - started < 80
    assert "the last worker was lost" in (ended.run / "manifest.json").read_text()
    assert ended.summary["verdicts"]["overall"] == "INVALID"
    assert len(ended.requests) > 50


def test_a_worker_refuses_a_master_that_is_not_ours(service: Service, start: Starter, tmp_path: Path) -> None:
    """A busy master port would otherwise have it load whatever service the other master names."""
    (tmp_path / "stock.py").write_text(STOCK)
    port = str(free_port())
    start(
        *("-f", "stock.py", "--master", "--headless", "--master-bind-port", port, "--expect-workers", "1"),
        *("-H", service.url, "-u", "2", "-t", "20s"),
    )
    worker = start("-f", str(SUPPORT / "work_user.py"), "--worker", "--master-port", port, "WorkUser")
    output, _ = worker.communicate(timeout=60)
    assert "is not one of this harness's" in output
    assert service.answered == 0


def test_a_worker_with_another_locustfile_is_refused(
    run_locust: LocustRunner, service: Service, start: Starter, tmp_path: Path
) -> None:
    port = str(free_port())
    other = tmp_path / "work_user.py"
    other.write_text((SUPPORT / "work_user.py").read_text() + "\n# a change\n")
    worker = start("-f", str(other), "--worker", "--master-port", port, "WorkUser")
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("--expect-workers-max-wait", "10", "-t", "20s", "WorkUser"),
    )
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 2
    assert "is refused by its master: locustfiles" in output
    assert "is refused by its master: locustfiles" in ended.err
    assert ended.code == 2
    assert service.answered == 0


def test_a_worker_that_joins_takes_its_share(
    run_locust: LocustRunner, service: Service, start: Starter
) -> None:
    """Its users are recorded from the first; cases are not dealt twice; the counts still agree."""
    port = str(free_port())
    worker = ("-f", str(SUPPORT / "work_user.py"), "--worker", "--master-port", port, "WorkUser")
    start(*worker)

    def join() -> bool:
        if service.answered > 100:
            start(*worker)
            return True
        return False

    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("-u", "6", "-r", "6", "-t", "20s", "WorkUser"),
        when=join,
        send=signal.SIGCONT,  # nothing to a process that runs
    )
    assert ended.code == ended.summary["verdicts"]["exit_code"], ended.err
    requests = ended.requests
    assert len(requests) == ended.locust_count == service.answered
    assert set(requests["worker"]) == {0, 1}
    assert requests["request_id"].is_unique


def test_a_worker_from_elsewhere_leaves_a_master_that_was_killed(
    run_locust: LocustRunner, service: Service, start: Starter
) -> None:
    port = str(free_port())
    worker = start("-f", str(SUPPORT / "work_user.py"), "--worker", "--master-port", port, "WorkUser")
    run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("-u", "2", "-r", "2", "-t", "300s", "WorkUser"),
        when=lambda: service.answered > 50,
        send=signal.SIGKILL,
    )
    killed = time.monotonic()
    worker.communicate(timeout=90)
    assert time.monotonic() - killed < 60
