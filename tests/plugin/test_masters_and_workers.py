"""Masters without workers, workers without masters, and workers at the wrong master.

Each ending is timed from what caused it to the exit of the last process, those of other sessions included.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, LocustRunner, Service
from tests.support.endings import assert_in_time
from tests.support.processes import ROOT, free_port
from tests.support.starter import Starter

WORK = str(SUPPORT / "work_user.py")

#: How exact a worker knows when its master was last there, and looks whether that is long ago.
ONE_HEARTBEAT_S = 2

STOCK = """
from locust import FastHttpUser, task

class WorkUser(FastHttpUser):
    @task
    def work(self):
        self.client.post("/work", json={})
"""


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_waiting_for_workers(
    run_locust: LocustRunner, service: Service, start: Starter, number: int
) -> None:
    """Locust alone dies of it with a traceback, and the workers that had come stay for a minute."""
    port = str(free_port())
    worker = start("-f", WORK, "--worker", "--master-port", port, "WorkUser")

    def waits() -> bool:
        peers = [each.raddr for each in psutil.Process(worker.pid).net_connections() if each.raddr]
        has_come = any(peer.port == int(port) for peer in peers)
        time.sleep(3 if has_come else 0)  # and both have said so
        return has_come

    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "2", "WorkUser"),
        when=waits,
        send=number,
    )
    worker.communicate(timeout=60)
    assert ended.signalled_at is not None
    assert_in_time(ended.signalled_at, deadline_s=0)
    assert ended.code == 130, ended.err
    assert "harness: interrupted before a run began" in ended.err
    assert "Traceback" not in ended.err
    assert ended.runs == []


class Killer:
    """A `when` that kills a worker once the service has answered some requests, and notes the time."""

    def __init__(self, service: Service, worker: subprocess.Popen[str], answered: int) -> None:
        self._service, self._worker, self._answered = service, worker, answered
        self.at = 0.0

    def __call__(self) -> bool:
        if self._service.answered <= self._answered:
            return False
        self._worker.kill()
        self.at = time.time()
        return True


def test_the_last_worker_is_lost(run_locust: LocustRunner, service: Service, start: Starter) -> None:
    """The run ends at once, not at its run time; what arrived is kept; the verdict is INVALID."""
    port = str(free_port())
    kill = Killer(service, start("-f", WORK, "--worker", "--master-port", port), answered=200)
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("-u", "4", "-r", "4", "-t", "300s", "WorkUser"),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
    )
    assert_in_time(kill.at)
    assert ended.code == 4, ended.err
    assert ended.manifest["stop_reason"] == "the last worker was lost"
    assert ended.summary["verdicts"]["overall"] == "INVALID"
    assert len(ended.requests) > 50


def test_one_of_two_workers_is_lost(run_locust: LocustRunner, service: Service, start: Starter) -> None:
    """The run goes on to its end, and is INVALID; at most the rows of one report interval are missing."""
    port = str(free_port())
    lost, kept = [start("-f", WORK, "--worker", "--master-port", port, "WorkUser") for _ in range(2)]
    kill = Killer(service, lost, answered=200)
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "2"),
        *("-u", "4", "-r", "4", "-t", "12s", "WorkUser"),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
    )
    kept.communicate(timeout=60)
    first, *_, drain = ended.manifest["phases"]
    assert_in_time(first["start_us"] / 1e6 + 12)
    assert ended.code == 4, ended.err
    assert ended.summary["verdicts"]["overall"] == "INVALID"
    assert sorted(worker["lost"] for worker in ended.manifest["workers"]) == [False, True]
    per_second = service.answered / (drain["start_us"] / 1e6 - first["start_us"] / 1e6)
    assert 0 <= service.answered - len(ended.requests) < 4 * per_second


def test_a_worker_refuses_a_master_that_is_not_ours(service: Service, start: Starter, tmp_path: Path) -> None:
    """A busy master port would otherwise have it load whatever service the other master names."""
    (tmp_path / "stock.py").write_text(STOCK)
    port = str(free_port())
    start(
        *("-f", "stock.py", "--master", "--headless", "--master-bind-port", port, "--expect-workers", "1"),
        *("-H", service.url, "-u", "2", "-t", "20s"),
    )
    worker = start("-f", WORK, "--worker", "--master-port", port, "WorkUser")
    output, _ = worker.communicate(timeout=60)
    assert "is not one of this harness's" in output
    assert service.answered == 0


CASES = """
import os
from pathlib import Path
from locust import task
import harness.plugin
from harness.engine import ServiceUser, load_corpus

class WorkUser(ServiceUser):
    corpus = load_corpus(Path(os.environ.get("CASES", "cases.jsonl")))

    @task
    def work(self):
        self.client.post("/work", json={})
"""
CASE = '{{"case_id": "{0}", "category": "simple", "request": {{}}}}\n'


def _another_locustfile(folder: Path) -> dict[str, str]:
    """The worker's file differs by a comment. As other differences, in the environment it starts in."""
    (folder / "other").mkdir()
    (folder / "other" / "work.py").write_text(CASES + "\n# a change\n")
    return {}


def _another_helper(folder: Path) -> dict[str, str]:
    """The locustfile is the same, what it imports from its own folder is not."""
    (folder / "other").mkdir()
    for place, pace in ((folder, 1), (folder / "other", 2)):
        (place / "work.py").write_text(f"from _pace import PACE\n{CASES}")
        (place / "_pace.py").write_text(f"PACE = {pace}\n")
    return {}


def _other_cases(folder: Path) -> dict[str, str]:
    (folder / "other.jsonl").write_text(CASE.format("b"))
    return {"CASES": "other.jsonl"}


def _another_version(folder: Path) -> dict[str, str]:
    """What Python believes to be installed is what lies first on its path."""
    metadata = folder / "site" / "agent_load_harness-99.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: agent-load-harness\nVersion: 99.0\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}


@pytest.mark.parametrize(
    ("differ", "says"),
    [
        pytest.param(_another_locustfile, "is refused by its master: locustfiles ", id="locustfile"),
        pytest.param(_another_helper, "is refused by its master: locustfiles ", id="helper module"),
        pytest.param(_other_cases, "is refused by its master: cases ", id="cases"),
        pytest.param(_another_version, "is refused by its master: harness 99.0 instead of ", id="version"),
    ],
)
def test_a_worker_that_would_measure_something_else_is_refused(
    run_locust: LocustRunner,
    service: Service,
    start: Starter,
    tmp_path: Path,
    differ: Callable[[Path], dict[str, str]],
    says: str,
) -> None:
    port = str(free_port())
    (tmp_path / "work.py").write_text(CASES)
    (tmp_path / "cases.jsonl").write_text(CASE.format("a"))
    env = differ(tmp_path)
    other = tmp_path / "other" / "work.py"
    file = str(other if other.exists() else tmp_path / "work.py")
    worker = start("-f", file, "--worker", "--master-port", port, "WorkUser", env=env)
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("--expect-workers-max-wait", "8", "-t", "20s", "WorkUser"),
        locustfile=str(tmp_path / "work.py"),
    )
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 2
    for said in (output, ended.err):
        assert len([line for line in said.splitlines() if says in line]) == 1, said
    assert ended.code == 2
    assert service.answered == 0


def test_a_worker_that_joins_takes_its_share(
    run_locust: LocustRunner, service: Service, start: Starter
) -> None:
    """Its users are recorded from the first; cases are not dealt twice; the counts still agree."""
    port = str(free_port())
    worker = ("-f", WORK, "--worker", "--master-port", port, "WorkUser")
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


@pytest.mark.slow
def test_a_worker_from_elsewhere_leaves_a_master_that_was_killed(
    run_locust: LocustRunner, service: Service, start: Starter
) -> None:
    """It cannot see that its master is dead: it waits as long as any ending may take by default, 40 s."""
    port = str(free_port())
    worker = start("-f", WORK, "--worker", "--master-port", port, "WorkUser")
    ended = run_locust(
        *("-H", service.url, "--master", "--master-bind-port", port, "--expect-workers", "1"),
        *("-u", "2", "-r", "2", "-t", "300s", "WorkUser"),
        when=lambda: service.answered > 50,
        send=signal.SIGKILL,
    )
    worker.communicate(timeout=90)
    assert ended.signalled_at is not None
    assert_in_time(ended.signalled_at, deadline_s=30 + ONE_HEARTBEAT_S)
