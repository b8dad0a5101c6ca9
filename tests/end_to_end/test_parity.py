"""One seeded scenario through the ways in: the same cases are sent, and the same verdicts follow.

Every case of the corpus is sent exactly once (`--case-order once`), so the counts per category are
the corpus's own, however the load was started and over however many processes it was spread.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.processes import ROOT, free_port, simulated_target

CORPUS = [
    json.loads(line)
    for line in (ROOT / "locustfiles" / "data" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
]
RUN_S = 25


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """The target on a simulator at a fifth of its latencies."""
    with simulated_target(0.2) as (_, address):
        yield address


def _locust(target: str, runs_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    port = str(free_port())
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", "locustfiles/cases.py", "--host", target),
            *("--scenario", "demo", "--case-order", "once", "--runs-dir", str(runs_dir)),
            *("--master-bind-port", port, "--master-port", port, *arguments),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _through_the_web_ui(target: str, runs_dir: Path) -> tuple[int, str]:
    web = f"http://127.0.0.1:{free_port()}"
    process = _locust(target, runs_dir, "--web-host", "127.0.0.1", "--web-port", web.rsplit(":", 1)[1])

    def post(path: str, **form: Any) -> None:
        urllib.request.urlopen(f"{web}{path}", urllib.parse.urlencode(form).encode(), timeout=60).close()

    deadline = time.monotonic() + 40
    while True:
        try:
            post("/swarm", user_count=10, spawn_rate=10)
            break
        except OSError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the web UI did not come up"
            time.sleep(0.1)
    time.sleep(RUN_S)
    post("/stop")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def _headless(target: str, runs_dir: Path, *arguments: str) -> tuple[int, str]:
    process = _locust(target, runs_dir, "--headless", "-u", "10", "-r", "10", "-t", f"{RUN_S}s", *arguments)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


WAYS = {
    "headless, one process": _headless,
    "headless, two workers": lambda target, runs_dir: _headless(target, runs_dir, "--processes", "2"),
    "web UI": _through_the_web_ui,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_cases_and_the_same_verdicts(way: str, target: str, tmp_path: Path) -> None:
    code, output = WAYS[way](target, tmp_path)
    (run,) = tmp_path.iterdir()
    requests = pd.read_parquet(run / "requests.parquet")
    assert Counter(requests["category"]) == Counter(case["category"] for case in CORPUS), output
    sent = Counter(case_id.rsplit(".", 2)[0] for case_id in requests["case_id"])
    assert sent == Counter(case["case_id"] for case in CORPUS)

    verdicts = json.loads((run / "summary.json").read_text())["verdicts"]
    assert {rule["name"]: rule["verdict"] for rule in verdicts["criteria"]} == {
        "simple_p95": "NO DATA",  # 40 cases of a kind are too few for a p95, and that is said
        "complex_p95": "NO DATA",
        "error_rate": "WARN",
        "success_rate": "WARN",
    }
    # Starved of CPU, a run may rightly be INVALID, which comes first.
    assert code == verdicts["exit_code"]
    assert code in {1, 4}, output
