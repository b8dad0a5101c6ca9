"""Kill -9 of a worker, and of the master, in the middle of a run: what is lost, and what is told of it.

Oracle: the service's own stamps, one per answer, kept apart by the process that asked. Workers
report every 3 s; so what a service answered earlier than that before the kill has to be in the rows.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from locust.runners import WORKER_REPORT_INTERVAL

from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, run_locust
from tests.support.endings import wait_until_none_is_left
from tests.support.processes import ROOT, free_port, get, running

__all__ = ["run_locust"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

#: Beyond the interval between two reports: what a report takes to be made, sent and written.
TRANSIT_S = 0.5
HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]


@dataclass(slots=True)
class Witness:
    """The service, and when it answered each process that asked it."""

    url: str
    killed_at_s: float = 0.0
    killed: int = 0
    pids: list[int] = field(default_factory=list)

    def stamps(self) -> dict[int, list[float]]:
        told: dict[str, list[float]] = json.loads(get(f"{self.url}/stamps"))
        return {int(path.rsplit("/", 1)[1]): stamps for path, stamps in told.items() if "/job/" in path}

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.killed, self.killed_at_s = pid, time.time()


@pytest.fixture
def witness() -> Iterator[Witness]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([str(SUPPORT / "stamping_service.py"), "--port", str(port)], f"{url}/stamps"):
        yield Witness(url)


def assert_only_the_last_report_is_lost(stamps: list[float], rows: int, until_s: float) -> None:
    """Of one worker: rows are missing for answers of the last interval before `until_s` at most."""
    answered = [stamp for stamp in stamps if stamp <= until_s]
    lost = len(answered) - rows
    recent = sum(stamp > until_s - WORKER_REPORT_INTERVAL - TRANSIT_S for stamp in answered)
    print(f"\n{len(answered)} answered before the kill, {lost} lost; {recent} in the last report interval")
    assert -2 <= lost <= recent  # one that was answered in the moment of the kill may have a row


@pytest.mark.parametrize("user", ["PoissonArrivals", "ClosedLoop"])
def test_a_worker_is_killed(run_locust: LocustRunner, witness: Witness, user: str) -> None:
    """The rest goes on to the end and is kept whole; the run is INVALID and says why."""
    began_s = time.time()

    def kill() -> bool:
        """7.4 s into the load: two reports came, and a third is on its way."""
        stamps = witness.stamps()
        if len(stamps) < 2 or time.time() < min(map(min, stamps.values())) + 7.4:
            return False
        witness.kill(min(stamps))
        return True

    ended = run_locust(
        *("-H", witness.url, "-u", "4", "-r", "4", "-t", "15s", "--processes", "2", user),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=str(SUPPORT / "stamped_users.py"),
    )
    assert began_s < witness.killed_at_s
    assert ended.code == 4, ended.err
    assert_invalid(ended, "workers", "lost during the run", "3 s")
    stamps = witness.stamps()
    lost, kept = stamps.pop(witness.killed), stamps.popitem()[1]
    state = {worker["index"]: worker["lost"] for worker in ended.manifest["workers"]}
    assert sorted(state.values()) == [False, True]
    rows = ended.requests.groupby(ended.requests["worker"].map(state)).size()
    assert rows[False] == len(kept)
    assert_only_the_last_report_is_lost(lost, rows[True], witness.killed_at_s)


def test_the_master_is_killed(witness: Witness, tmp_path: Path) -> None:
    """`harness run` says so with exit code 4; the folder can be read, and judged: INVALID."""
    (tmp_path / "stamped_users.py").write_text((SUPPORT / "stamped_users.py").read_text())
    (tmp_path / "harness.toml").write_text(
        'runs_dir = "runs"\n[scenarios.killed]\nlocustfiles = ["stamped_users.py"]\nwarm_up_s = 0.5\n'
        f'settle_s = 0.2\nhost = "{witness.url}"\nuser_classes = ["PoissonArrivals"]\nworkers = 2\n'
        "[scenarios.killed.load]\nusers = 4\nspawn_rate = 4\nrun_time = '60s'\n"
    )
    process = subprocess.Popen(
        [*HARNESS, "run", "killed"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline_s = time.monotonic() + 60
    while len(stamps := witness.stamps()) < 2 or time.time() < min(map(min, stamps.values())) + 7.4:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    (master,) = psutil.Process(process.pid).children()
    witness.kill(master.pid)
    output, _ = process.communicate(timeout=60)
    wait_until_none_is_left(process.pid, timeout_s=20)
    assert process.returncode == 4, output
    assert "Locust ended with signal SIGKILL before the run was sealed" in output
    (folder,) = (tmp_path / "runs").iterdir()
    run = open_run(folder)
    rows = run.requests()
    assert rows["request_id"].is_unique
    assert set(rows["outcome"]) == {"ok"}
    stamps = witness.stamps()
    for stamped, (_, of_worker) in zip(
        sorted(stamps.values(), key=len),
        sorted(rows.groupby("worker"), key=lambda part: len(part[1])),
        strict=True,
    ):
        assert_only_the_last_report_is_lost(stamped, len(of_worker), witness.killed_at_s)
    judged = subprocess.run(
        [*HARNESS, "report", str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert judged.returncode == 4, judged.stdout + judged.stderr
    assert_invalid(Ended(4, "", "", [folder]), "run sealed", "its process died", "3 s")


def assert_invalid(ended: Ended, check: str, *words: str) -> None:
    """INVALID by that check, in these words."""
    verdicts = ended.summary["verdicts"]
    assert verdicts["validity"] == "INVALID"
    (found,) = [each for each in verdicts["checks"] if each["name"] == check]
    assert found["verdict"] == "INVALID"
    for word in words:
        assert word in found["reason"], found["reason"]
