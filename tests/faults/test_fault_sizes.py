"""A run that grows: a thousand names, ten thousand error texts, a disk that is full.

Oracle: the service's own counts, and sizes that do not depend on how many there are.
"""

import contextlib
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from harness.runs import open_run
from tests.plugin.conftest import Ended, LocustRunner
from tests.support.memory import MB, MemoryWatch
from tests.support.misbehaving import USERS, Misbehaving
from tests.support.processes import ROOT, free_port, get

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]

#: A master takes some 250 MB once it judges, most of it the libraries for that.
MOST_MASTER_BYTES = 400 * MB
#: The report's charts bring their library along, 4.6 MB.
MOST_REPORT_BYTES = 6 * MB
MOST_SUMMARY_BYTES = 1.5 * MB


def test_a_thousand_endpoints(run_locust: LocustRunner, service: Misbehaving, tmp_path: Path) -> None:
    """Every request is kept under its own name; what people and Prometheus read stays small, and says so."""
    port = free_port()
    with MemoryWatch(str(tmp_path / "runs")) as memory, scraping(port) as scrapes:
        ended = run_locust(
            *("-H", service.url, "-u", "16", "-r", "16", "-t", "10s", "--processes", "2", "NamesUser"),
            locustfile=USERS,
            env={"HARNESS_METRICS_PORT": str(port)},
        )
    assert ended.code in {0, 4}, ended.err  # 4 where the machine had too much to do
    rows = ended.requests
    assert rows["name"].nunique() == 1000
    assert len(rows) == service.count()["answered"] == ended.locust_count
    assert len(pd.read_csv(ended.run / "locust_stats.csv")) == 1000 + 1
    history = pd.read_csv(ended.run / "locust_stats_history.csv")
    assert len(history) < 200  # a row per name and second would be some ten thousand
    assert int(history["Total Request Count"].iloc[-1]) == len(rows)
    assert_small(ended, memory)
    assert len(ended.summary["groups"]["by_name"]) == 100
    assert "1,000 different names" in " ".join(ended.out.split())
    assert_scrape_is_bounded(scrapes[-1])


@contextmanager
def scraping(port: int) -> Iterator[list[str]]:
    """What the exporter said, once a second."""
    scrapes: list[str] = []
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(1):
            with contextlib.suppress(OSError):
                scrapes.append(get(f"http://127.0.0.1:{port}/metrics"))

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield scrapes
    finally:
        over.set()
        thread.join()


def assert_scrape_is_bounded(text: str) -> None:
    """200 series of response times and the rest as `other`, however many names there are."""
    names = set(re.findall(r'harness_response_time_seconds_count\{.*?name="([^"]*)"', text))
    assert 190 <= len(names) <= 201
    assert "other" in names
    (folded,) = re.findall(r'harness_series_folded_total\{metric="response_time"\} (\S+)', text)
    assert float(folded) > 0
    assert len(text) < 1 * MB


def test_ten_thousand_error_texts(run_locust: LocustRunner, service: Misbehaving, tmp_path: Path) -> None:
    """Every request is kept with its own text; tables are bounded, add up, and tell how many were folded."""
    with MemoryWatch(str(tmp_path / "runs")) as memory:
        ended = run_locust(
            *("-H", service.url, "-u", "30", "-r", "30", "-t", "15s", "--processes", "2", "MessagesUser"),
            locustfile=USERS,
        )
    assert ended.code in {1, 4}, ended.err
    rows = ended.requests
    assert len(rows) == service.count()["answered"] == ended.locust_count
    assert rows["error"].nunique() == len(rows) > 10_000
    failures = pd.read_csv(ended.run / "locust_failures.csv")
    assert len(failures) == 2 * (100 + 1) - 1  # of each worker 100, and what comes after under one text
    assert int(failures["Occurrences"].sum()) == len(rows)
    assert len(ended.err.splitlines()) < 300  # Locust prints its table of errors
    assert_small(ended, memory)
    errors = ended.summary["errors"]
    assert len(errors) == 100 + 1
    assert sum(group["count"] for group in errors) == len(rows)
    assert errors[-1] == {
        "name": "(other)",
        "outcome": "invalid_answer",
        "cause": "answer",
        "error": f"{len(rows) - 100:,} further kinds",
        "count": len(rows) - 100,
    }
    told = f"{len(rows) - 100:,} errors are told together"
    assert told in " ".join(ended.out.split())
    assert told in (ended.run / "report.html").read_text()


def assert_small(ended: Ended, memory: MemoryWatch) -> None:
    """What a person reads of a run, and what its master takes."""
    sizes = {path.name: path.stat().st_size for path in ended.run.iterdir()}
    print(f"\n{len(ended.requests)} requests, master {memory.master_peak / MB:.0f} MB, {sizes}")
    assert sizes["report.html"] < MOST_REPORT_BYTES
    assert sizes["summary.json"] < MOST_SUMMARY_BYTES
    assert sizes["locust_failures.csv"] < 0.1 * MB
    assert sizes["locust_stats_history.csv"] < 0.2 * MB
    assert len((ended.run / "report.md").read_text().splitlines()) < 60
    assert len(ended.out.splitlines()) < 60
    assert memory.master_peak < MOST_MASTER_BYTES
    assert "Traceback" not in ended.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB of its own, where runs go."""
    folder = tmp_path / "runs"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    line = [mount or "", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if not (mount and unmount) or subprocess.run(line, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; a file-size limit stands in, in tests/plugin")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def test_the_masters_disk_is_full(
    run_locust: LocustRunner, service: Misbehaving, small_disk: Path, tmp_path: Path
) -> None:
    """The run ends soon and says why; what was written can be reported, and is whole up to there."""
    ended = run_locust(
        *("-H", service.url, "-u", "20", "-r", "20", "-t", "300s", "--processes", "2", "WorkUser"),
        locustfile=USERS,
        within_s=60,
    )
    assert ended.code == 4, ended.err
    assert "(No space left on device): the run ends, and what was written until now is kept" in ended.err
    assert "Traceback" not in ended.err
    rows = open_run(ended.run).requests()
    print(f"\n{len(rows)} of {service.count()['answered']} rows were written")
    assert 1000 < len(rows) <= service.count()["answered"]
    for _, of_worker in rows.groupby("worker"):
        ids = of_worker["request_id"].astype("uint64") & ((1 << 40) - 1)
        assert sorted(ids) == list(range(len(of_worker)))  # nothing is missing before the end
    judged = subprocess.run(
        [*HARNESS, "report", str(ended.run), "--out", str(tmp_path / "report")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 4, judged.stdout + judged.stderr
    assert "INVALID" in judged.stdout
    assert (tmp_path / "report" / "report.html").exists()
