"""Faults of the provider, seen from the far end: in the harness's rows and report, with the right cause.

One Locust run; the simulator is told to fail in one way after the other. Oracle: what each fault must
look like to a client of the medical assistant.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.support.processes import ROOT, simulated_target

#: fault of the simulator -> outcome, cause and the error text's beginning
FAULTS = {
    "status=500@triage": ("server_error", "provider", "HTTP 502 provider"),
    "status=429@triage": ("rejected", "provider", "HTTP 503 provider"),
    "truncated-json@synthesis": ("server_error", "provider", "HTTP 502 provider"),
    "status=500@specialist": ("server_error", "provider", "HTTP 502 provider"),
    "status=400@cardiology": ("degraded", "provider", "degraded answer"),
}


@pytest.fixture
def services() -> Iterator[tuple[str, str]]:
    """Simulator (a tenth of its latencies) and target: their addresses."""
    with simulated_target(0.1, {"MAX_RETRIES": "0"}) as addresses:
        yield addresses


def _tell(inference: str, faults: list[str]) -> None:
    request = urllib.request.Request(
        f"{inference}/control", json.dumps({"faults": faults}).encode(), method="PATCH"
    )
    urllib.request.urlopen(request, timeout=5).close()


def test_each_fault_has_its_outcome_and_its_cause(services: tuple[str, str], tmp_path: Path) -> None:
    inference, target = services
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", "locustfiles/cases.py", "--headless", "--host", target),
            *("-u", "10", "-r", "10", "-t", "40s", "--runs-dir", str(tmp_path)),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 40
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "Locust did not come up"
        time.sleep(0.1)
    time.sleep(3)
    spans = {}
    for fault in FAULTS:
        _tell(inference, [fault])
        time.sleep(1.5)  # cases that met the fault before have ended
        begun = pd.Timestamp.now("UTC")
        time.sleep(4)
        spans[fault] = (begun, pd.Timestamp.now("UTC"))
    _tell(inference, [])
    assert process.wait(90) in {1, 4}

    (run,) = tmp_path.iterdir()
    requests = pd.read_parquet(run / "requests.parquet")
    for fault, (outcome, cause, error) in FAULTS.items():
        begun, ended = spans[fault]
        during = requests[(requests["sent_at"] >= begun) & (requests["done_at"] <= ended)]
        if outcome == "degraded":  # where the lost specialist was the only one, nothing is left to answer
            during = during[during["category"] == "complex"]
        failed = during[during["outcome"] != "ok"]
        assert len(failed) > 1, fault
        assert set(failed["outcome"]) == {outcome}, fault
        assert set(failed["cause"]) == {cause}, fault
        assert failed["error"].str.startswith(error).all(), (fault, set(failed["error"]))

    errors = json.loads((run / "summary.json").read_text())["errors"]
    assert {(group["outcome"], group["cause"]) for group in errors} >= {
        ("server_error", "provider"),
        ("rejected", "provider"),
    }
    report = (run / "report.html").read_text()
    assert "provider" in report
