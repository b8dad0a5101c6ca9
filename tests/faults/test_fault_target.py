"""The service misbehaves while it is under load, against a master and two workers.

Oracle: the service's own counts. Half of the requests ask for the fault and half do not: those must
not suffer. $FAULT_REPEATS says how often the kill is repeated.
"""

import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.plugin.conftest import Ended, LocustRunner
from tests.support.memory import MB, MemoryWatch
from tests.support.misbehaving import USERS, Misbehaving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

REPEATS = int(os.environ.get("FAULT_REPEATS", "10"))

#: `request_timeout_s` of the users; how late a busy machine may notice that it is over.
TIMEOUT_S = 2.0
LATE_S = 1.0
#: Users of one worker, times `max_response_bytes`, twice; beside what a worker takes without any load.
MOST_WORKER_BYTES = 3 * 2 * (8 << 20) + 180 * MB


FAULTS = {
    "hangs": ("/hang", "timeout", "service", "timed out"),
    "answers garbage": ("/garbage", "truncated", "service", "not HTTP"),
    "half a response": ("/half", "truncated", "network", "body cut short"),
    "100 MB": ("/large", "truncated", "service", "response too large"),
    "100 MB when unpacked": ("/bomb", "truncated", "service", "response too large"),
    "chunks without end": ("/endless", "truncated", "service", "response too large"),
    "events without end": ("/events", "timeout", "service", "timed out in the body"),
    "a byte per second": ("/drip", "timeout", "service", "timed out in the body"),
}


@pytest.mark.parametrize(("path", "outcome", "cause", "text"), FAULTS.values(), ids=FAULTS.keys())
def test_it_answers_in_no_good_way(
    run_locust: LocustRunner,
    service: Misbehaving,
    tmp_path: Path,
    path: str,
    outcome: str,
    cause: str,
    text: str,
) -> None:
    """Told by outcome, cause and text, within the request's own time; the others get their answers."""
    with MemoryWatch(str(tmp_path / "runs")) as memory:
        ended = run_locust(
            *("-H", service.url, "-u", "6", "-r", "6", "-t", "6s", "--processes", "2", "FaultUser"),
            locustfile=USERS,
            env={"FAULT": path},
        )
    rows, counts = ended.requests, service.count()
    faulty, others = rows[rows["name"] == "fault"], rows[rows["name"] == "/work"]
    assert len(faulty) == counts["asked"][path] > 5
    assert len(others) == counts["asked"]["/work"] == counts["answered"] > 5
    assert set(others["outcome"]) == {"ok"}
    assert endings_of(faulty) == {(outcome, cause, text)}
    took_s = (faulty["done_at"] - faulty["sent_at"]).dt.total_seconds()
    assert took_s.max() < TIMEOUT_S + LATE_S
    assert ended.locust_count == len(rows)
    assert_failed(ended)
    print(f"\n{len(faulty)} faults, longest {took_s.max():.2f} s, worker {memory.workers_peak / MB:.0f} MB")
    assert memory.workers_peak < MOST_WORKER_BYTES
    (group,) = [each for each in ended.summary["errors"] if each["name"] == "fault"]
    assert group == {"name": "fault", "outcome": outcome, "cause": cause, "error": text, "count": len(faulty)}
    for told in (ended.run / "report.html").read_text(), (ended.run / "locust_failures.csv").read_text():
        assert text in told


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_it_is_killed_and_comes_back(
    run_locust: LocustRunner, service: Misbehaving, tmp_path: Path, repeat: int
) -> None:
    """The run goes on and recovers: errors between kill and return alone, and every answer counted."""
    moments: list[float] = []

    def kill_and_restart() -> bool:
        """Some 1 s into the load, for 1.5 s, at a moment that differs from one repeat to the next."""
        if service.came < 150:
            return False
        time.sleep(0.037 * repeat)
        moments.append(time.time())
        service.kill()
        time.sleep(1.5)
        moments.append(time.time())
        service.start()
        moments.append(time.time())
        return True

    ended = run_locust(
        *("-H", service.url, "-u", "4", "-r", "4", "-t", "9s", "--processes", "2", "WorkUser"),
        when=kill_and_restart,
        send=signal.SIGCONT,  # nothing to a process that runs
        locustfile=USERS,
    )
    killed, restarting, back = (pd.Timestamp(moment, unit="s", tz="UTC") for moment in moments)
    rows = ended.requests
    good, bad = rows[rows["outcome"] == "ok"], rows[rows["outcome"] != "ok"]
    assert endings_of(bad) <= {
        ("connection_error", "service", "connection refused"),
        ("connection_error", "network", "connection reset"),
        ("connection_error", "network", "connection closed before the response"),
    }
    assert bad["done_at"].min() >= killed
    assert bad["sent_at"].max() <= back
    assert bad["sent_at"].max() < good["sent_at"].max()
    second = good[good["done_at"] > restarting]
    assert len(second) == service.count()["answered"] > 20
    # Each user has one request at most on its way when the service dies.
    refused = int((rows["error"] == "connection refused").sum())
    assert refused > 5
    assert 0 <= service.came - len(good) <= 4
    # One that was lost on a connection of long standing is sent again, and then it may be refused.
    assert abs(len(rows) - refused - service.came) <= 4
    assert ended.locust_count == len(rows)
    assert_failed(ended)
    assert "connection refused" in (ended.run / "report.html").read_text()


def endings_of(rows: pd.DataFrame) -> set[tuple[str, str, str]]:
    """The different outcomes, causes and texts."""
    return set(rows[["outcome", "cause", "error"]].itertuples(index=False, name=None))


def assert_failed(ended: Ended) -> None:
    """A failed criterion, in words, on the terminal and in the report; in the time that was asked for."""
    # A machine that has too much to do makes the run INVALID as well, which comes first.
    assert ended.code in {1, 4}, ended.err
    (verdict,) = ended.summary["verdicts"]["criteria"]
    assert verdict["verdict"] == "FAIL"
    assert "> critical 5 %" in verdict["reason"]
    assert "Traceback" not in ended.err
    for told in (ended.out, (ended.run / "report.md").read_text()):
        assert "rror rate" in told
        assert "FAIL" in told or "INVALID" in told
    assert json.loads((ended.run / "manifest.json").read_text())["samples_missing"] == 0
