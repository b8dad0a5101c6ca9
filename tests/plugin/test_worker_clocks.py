"""A worker whose clock is an hour ahead or behind: its rows are as the master's clock had it."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.plugin.conftest import SUPPORT, LocustRunner, Service
from tests.support.processes import ROOT, free_port

HOUR_S = 3600
WORK = str(SUPPORT / "work_user.py")

#: `locust`, in a process whose clock is wrong from the start.
LOCUST_AT = "import time; now_ns = time.time_ns; time.time_ns = lambda: now_ns() + {} * 10**9; \
import locust.main; locust.main.main()"


def _worker(folder: Path, port: int, ahead_s: int) -> subprocess.Popen[bytes]:
    locust = ["-c", LOCUST_AT.format(ahead_s), "-f", WORK, "--worker", "--master-port", str(port)]
    return subprocess.Popen(
        [sys.executable, *locust], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.slow
@pytest.mark.parametrize("wrong_by_s", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_a_clock_wrong_by_an_hour_comes_out_right(
    run_locust: LocustRunner, service: Service, tmp_path: Path, wrong_by_s: int
) -> None:
    port = free_port()
    with ExitStack() as stack:
        for ahead_s in (0, wrong_by_s):
            worker = stack.enter_context(_worker(tmp_path, port, ahead_s))
            stack.callback(worker.kill)
        before_s = time.time()
        ended = run_locust(
            *("-H", service.url, "--master", "--master-bind-port", str(port), "--expect-workers", "2"),
            *("-u", "4", "-r", "4", "-t", "4s", "WorkUser"),
        )
        after_s = time.time()
    records = sorted(ended.manifest["workers"], key=lambda record: abs(record["clock_offset_us"]))
    for record, ahead_us in zip(records, (0, wrong_by_s * 1_000_000), strict=True):
        assert abs(record["clock_offset_us"] - ahead_us) <= record["clock_uncertainty_us"] + 1_000
    rows = ended.requests
    assert len(rows) == service.answered
    for index, own in rows.groupby("worker"):
        assert len(own) > 10, index
        assert own["intended_at"].min().timestamp() > before_s
        assert own["done_at"].max().timestamp() < after_s
        assert "4-users" in set(own["phase"])
