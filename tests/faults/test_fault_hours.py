"""A run of hours. What must not happen: that the master's memory, or the report, grows with it.

Hours are accelerated in two ways, and neither is the whole of a long run. Three hours of rows are taken in
by the real parts of a master as fast as they can, on a clock that runs ahead: 324,000 requests at
30/s, see `accelerated_hours.py`. And a real run of a minute, with processes and network, sends as many
requests as one of an hour at 10/s would.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.plugin.conftest import SUPPORT, LocustRunner
from tests.support.memory import MB, MemoryWatch
from tests.support.processes import ROOT, free_port, get, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOURS = 3
PER_S = 30
MOST_REPORT_BYTES = 6 * MB

CONFIG = """
[criteria]
p95 = "p95(response_time) < 500 ms"
errors = "error_rate < 1 %"

[scenarios.stamped_users]
locustfiles = ["stamped_users.py"]
criteria = ["p95", "errors"]
"""


def test_three_hours_of_rows(tmp_path: Path) -> None:
    """Every row is on disk, sealed and judged; between the first hour and the last memory hardly grows."""
    line = ["--folder", str(tmp_path), "--hours", str(HOURS), "--per-s", str(PER_S)]
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "accelerated_hours.py"), *line],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    resident = told["resident"]
    print(f"\nMB after each quarter of an hour: {[round(size / MB) for size in resident]}")
    assert len(resident) == 4 * HOURS
    assert resident[-1] - resident[3] < 25 * MB  # two hours' rows take 60 MB in memory
    folder = Path(told["run"])
    assert told["rows"] == HOURS * 3600 * PER_S == pq.read_metadata(folder / "requests.parquet").num_rows
    assert {path.suffix for path in folder.iterdir()} == {".parquet", ".json"}  # no stream is left
    assert_reported(folder, tmp_path / "report")


def assert_reported(folder: Path, out: Path) -> None:
    """`harness report` judges all of it."""
    command = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]
    judged = subprocess.run(
        [*command, "report", str(folder), "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert f"{HOURS * 3600 * PER_S:,} requests in {HOURS} h 0 min" in judged.stdout
    assert (out / "report.html").stat().st_size < MOST_REPORT_BYTES
    assert (out / "summary.json").stat().st_size < 1 * MB
    summary = json.loads((out / "summary.json").read_text())
    assert summary["verdicts"]["validity"] == "VALID"
    # One request failed of each of two workers in every 20th second.
    assert summary["totals"]["errors"] == HOURS * 3600 // 20 * 2


def test_a_minute_with_an_hours_requests(run_locust: LocustRunner, tmp_path: Path) -> None:
    """36,000 requests or more, open loop, through processes and network; the master stays as it was."""
    (tmp_path / "harness.toml").write_text(CONFIG)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running([str(SUPPORT / "stamping_service.py"), "--port", str(port)], f"{url}/stamps"),
        MemoryWatch(str(tmp_path / "runs")) as memory,
    ):
        ended = run_locust(
            *("-H", url, "-u", "14", "-r", "14", "-t", "60s", "--processes", "2", "PoissonArrivals"),
            locustfile=str(SUPPORT / "stamped_users.py"),
            env={"ARRIVALS_PER_USER": "50"},
            within_s=150,
        )
        stamps = json.loads(get(f"{url}/stamps"))
    assert ended.code in {0, 4}, ended.err  # 4 where the machine had too much to do
    served = sum(len(each) for path, each in stamps.items() if path.startswith("/job/"))
    assert len(ended.requests) == served == ended.locust_count > 36_000
    early, late = memory.master_between(15, 25), memory.master_between(45, 58)
    print(f"\n{served} requests, master {early / MB:.0f} MB after 20 s, {late / MB:.0f} MB after 50 s")
    assert late - early < 25 * MB  # the 50,000 rows that live criteria look back on among it
    assert (ended.run / "report.html").stat().st_size < MOST_REPORT_BYTES
    assert not list(ended.run.glob("*.arrows"))
