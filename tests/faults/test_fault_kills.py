"""Kill -9 of a worker, of all workers and of the master: what is lost, and what is told of it.

Each is done ten times ($FAULT_REPEATS), at another moment between two reports each time. Oracle: the
service's own stamps, one per answer, kept apart by the process that asked.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.runs import open_run
from tests.plugin.conftest import LocustRunner
from tests.support.endings import assert_in_time, wait_until_none_is_left
from tests.support.processes import ROOT, free_port
from tests.support.starter import Starter
from tests.support.witness import (
    USERS,
    Witness,
    assert_invalid,
    assert_only_the_last_report_is_lost,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]
REPEATS = int(os.environ.get("FAULT_REPEATS", "10"))

#: A worker that sent no heartbeat for so long is missing to Locust's master.
UNHEARD_S = 5

repeated = pytest.mark.parametrize("repeat", range(REPEATS))


def after_load_s(repeat: int) -> float:
    """Seconds of load before the kill: one report has come, the next is 0.0 to 2.7 s old."""
    return 4.0 + 0.3 * repeat


@repeated
def test_a_worker_is_killed(run_locust: LocustRunner, witness: Witness, repeat: int) -> None:
    """The rest goes on to the end and is kept whole; the run is INVALID and says why."""
    user = "ClosedLoop" if repeat % 2 else "PoissonArrivals"

    def kill() -> bool:
        if not witness.have_loaded(2, after_load_s(repeat)):
            return False
        witness.kill(min(witness.stamps()))
        return True

    ended = run_locust(
        *("-H", witness.url, "-u", "4", "-r", "4", "-t", "12s", "--processes", "2", user),
        when=kill,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=USERS,
    )
    assert witness.killed
    assert ended.code == 4, ended.err
    assert_invalid(ended.summary, "workers", "lost during the run", "3 s")
    stamps = witness.stamps()
    lost, kept = stamps.pop(witness.killed), stamps.popitem()[1]
    state = {worker["index"]: worker["lost"] for worker in ended.manifest["workers"]}
    assert sorted(state.values()) == [False, True]
    rows = ended.requests.groupby(ended.requests["worker"].map(state)).size()
    assert rows[False] == len(kept)
    assert_only_the_last_report_is_lost(lost, rows[True], witness.killed_at_s)


@repeated
def test_all_workers_are_killed(
    run_locust: LocustRunner, witness: Witness, start: Starter, repeat: int
) -> None:
    """The run does not go on to its end; what had arrived is kept; INVALID."""
    port = str(free_port())
    workers = [start("-f", USERS, "--worker", "--master-port", port, "PoissonArrivals") for _ in range(2)]

    def kill() -> bool:
        if not witness.have_loaded(2, after_load_s(repeat)):
            return False
        for worker in workers:
            witness.kill(worker.pid)
        return True

    ended = run_locust(
        *("-H", witness.url, "--master", "--master-bind-port", port, "--expect-workers", "2"),
        *("-u", "4", "-r", "4", "-t", "300s", "PoissonArrivals"),
        when=kill,
        send=signal.SIGCONT,
        locustfile=USERS,
    )
    assert_in_time(witness.killed_at_s, deadline_s=UNHEARD_S)
    assert ended.code == 4, ended.err
    assert ended.manifest["stop_reason"] == "the last worker was lost"
    assert_invalid(ended.summary, "workers", "lost during the run", "3 s")
    rows = ended.requests
    assert len(rows) == ended.locust_count
    assert_each_lost_only_its_last_report(witness, sorted(rows.groupby("worker").size()))


@repeated
def test_the_master_is_killed(witness: Witness, tmp_path: Path, repeat: int) -> None:
    """`harness run` says so with exit code 4; the folder can be read, and judged: INVALID."""
    (tmp_path / "stamped_users.py").write_text(Path(USERS).read_text())
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
    while not witness.have_loaded(2, after_load_s(repeat)):
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
    rows = open_run(folder).requests()
    assert rows["request_id"].is_unique
    assert set(rows["outcome"]) == {"ok"}
    assert_each_lost_only_its_last_report(witness, sorted(rows.groupby("worker").size()))
    assert_reported_as_died(folder)


@repeated
def test_the_master_is_started_anew(
    run_locust: LocustRunner, witness: Witness, start: Starter, tmp_path: Path, repeat: int
) -> None:
    """Workers elsewhere join the new master: none of the old run's load or rows is in the new run."""
    port = str(free_port())
    worker = ("-f", USERS, "--worker", "--master-port", port, "PoissonArrivals")
    workers = [start(*worker) for _ in range(2)]
    master = (
        *("-H", witness.url, "--master", "--master-bind-port", port, "--expect-workers", "2"),
        *("-u", "4", "-r", "4", "--expect-workers-max-wait", "20", "PoissonArrivals"),
    )
    first = run_locust(
        *(*master, "-t", "300s"),
        when=lambda: witness.have_loaded(2, after_load_s(repeat)),
        send=signal.SIGKILL,
        locustfile=USERS,
    )
    assert first.code == -signal.SIGKILL
    assert first.signalled_at is not None
    witness.killed_at_s = first.signalled_at
    time.sleep(1)  # the workers go on with their load: they do not know yet
    stamps_before = witness.stamps()
    (tmp_path / "runs").rename(tmp_path / "first")
    second = run_locust(*master, "-t", "6s", locustfile=USERS)
    for process in workers:
        output, _ = process.communicate(timeout=20)
        assert "the master was started anew: this worker gives up its run, and joins again" in output
    assert second.code == second.summary["verdicts"]["exit_code"], second.err
    start_s = second.manifest["phases"][0]["start_us"] / 1e6
    answered = [stamp for stamps in witness.stamps().values() for stamp in stamps if stamp > start_s]
    assert len(second.requests) == second.locust_count == len(answered)
    assert set(second.requests["worker"]) == {0, 1}
    assert not any(record["lost"] for record in second.manifest["workers"])
    assert sum(map(len, stamps_before.values())) > 0
    (folder,) = (tmp_path / "first").iterdir()
    rows = open_run(folder).requests()
    assert_each_lost_only_its_last_report(witness, sorted(rows.groupby("worker").size()), stamps_before)
    assert_reported_as_died(folder)


def assert_each_lost_only_its_last_report(
    witness: Witness, rows: list[int], seen: dict[int, list[float]] | None = None
) -> None:
    """`rows` of each worker, least first. Which was which process is told by the same order."""
    of_process = [
        [stamp for stamp in stamps if stamp <= witness.killed_at_s]
        for stamps in (witness.stamps() if seen is None else seen).values()
    ]
    for stamps, own in zip(sorted(of_process, key=len), rows, strict=True):
        assert_only_the_last_report_is_lost(stamps, own, witness.killed_at_s)


def assert_reported_as_died(folder: Path) -> None:
    """`harness report` judges what is there: INVALID, exit code 4."""
    judged = subprocess.run(
        [*HARNESS, "report", str(folder)],
        cwd=folder.parent.parent,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert judged.returncode == 4, judged.stdout + judged.stderr
    summary = json.loads((folder / "summary.json").read_text())
    assert_invalid(summary, "run sealed", "its process died", "3 s")
