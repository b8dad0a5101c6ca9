"""A worker that is paused (SIGSTOP) and goes on: its rows come late, but they come, and the run says so."""

import os
import signal
import subprocess
import time

import pytest

from tests.plugin.conftest import Ended, LocustRunner
from tests.support.processes import free_port
from tests.support.starter import Starter
from tests.support.witness import USERS, Witness, assert_invalid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def run_with_a_pause(
    run_locust: LocustRunner, witness: Witness, start: Starter, *, after_s: float, pause_s: float, run_s: int
) -> Ended:
    """Two workers, of which one is paused `after_s` seconds after the load began; both leave."""
    port = str(free_port())
    workers = [start("-f", USERS, "--worker", "--master-port", port, "PoissonArrivals") for _ in range(2)]

    def pause() -> bool:
        if not witness.have_loaded(2, after_s):
            return False
        os.kill(workers[0].pid, signal.SIGSTOP)
        time.sleep(pause_s)
        os.kill(workers[0].pid, signal.SIGCONT)
        return True

    ended: Ended = run_locust(
        *("-H", witness.url, "--master", "--master-bind-port", port, "--expect-workers", "2"),
        *("-u", "4", "-r", "4", "-t", f"{run_s}s", "PoissonArrivals"),
        when=pause,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=USERS,
    )
    for worker in workers:
        assert_leaves(worker)
    return ended


def assert_leaves(worker: subprocess.Popen[str]) -> None:
    output, _ = worker.communicate(timeout=20)
    assert worker.returncode == 0, output


def test_a_pause_within_a_run(run_locust: LocustRunner, witness: Witness, start: Starter) -> None:
    """Locust's master misses the worker, gives its users to the other, and takes it back."""
    ended = run_with_a_pause(run_locust, witness, start, after_s=3, pause_s=8, run_s=18)
    assert ended.code == 4, ended.err
    stamps = witness.stamps()
    rows = ended.requests
    assert len(rows) == ended.locust_count == sum(map(len, stamps.values()))
    assert sorted(rows.groupby("worker").size()) == sorted(map(len, stamps.values()))
    assert rows["request_id"].is_unique
    assert_invalid(ended.summary, "workers", "out of reach, and then back")
    kept, paused = sorted(ended.manifest["workers"], key=lambda record: record["away_s"])
    assert kept["away_s"] == 0
    assert 7 <= paused["away_s"] <= 12
    assert [record["lost"] for record in (kept, paused)] == [False, False]
    assert f"{paused['id']} (index {paused['index']}) is back after" in ended.err


def test_a_pause_over_the_end_of_a_run(run_locust: LocustRunner, witness: Witness, start: Starter) -> None:
    """Shorter than the drain deadline: the master waits for its last word, and nothing is missing."""
    ended = run_with_a_pause(run_locust, witness, start, after_s=6, pause_s=6, run_s=8)
    stamps = witness.stamps()
    rows = ended.requests
    assert len(rows) == ended.locust_count == sum(map(len, stamps.values()))
    assert sorted(rows.groupby("worker").size()) == sorted(map(len, stamps.values()))
    assert all(record["finished"] and not record["lost"] for record in ended.manifest["workers"])
    assert ended.code == 4, ended.err
    assert ended.summary["verdicts"]["validity"] == "INVALID"
