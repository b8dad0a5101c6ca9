"""A search for the breaking point of a service whose capacity is known, again and again.

The inference simulator with a set number of decode slots is such a service: it carries as many
requests per second as it has slots, over the mean time that one is taken. Arrivals are evenly spaced,
so that the response time stays what it is up to that rate, and grows without end beyond it.
"""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tests.support.completion_users import BODY, KEY
from tests.support.processes import ROOT, free_port, running

RUNS = 10
SLOTS = (3, 6, 12)

#: A request takes 54 tokens / 500 per s = 108 ms.
PROFILE = """
description = "one model with {slots} decode slots"

[models."llama-3.1-8b-instant"]
owned_by = "Meta"
context_window_tokens = 131072
queue_median_ms = 0.1
queue_p95_ms = 0.2
network_ms = 1.0
prefill_tokens_per_s = 1_000_000
decode_tokens_per_s = 500
jitter = 0.06
decode_slots = {slots}
"""

CONFIG = """
[criteria]
fast = "p95(response_time) < 300 ms"

[scenarios.search]
locustfiles = ["completion_users.py"]
load_criteria = ["fast"]
"""

SEARCH = {
    "--breakpoint-start": 20,
    "--breakpoint-max": 400,
    "--breakpoint-hold-s": 5,
    "--breakpoint-longest-hold-s": 30,
    "--breakpoint-settle-s": 1,
    "--breakpoint-ramp-s": 0.5,
    "--load-unit": "arrivals_per_s",
}


def seconds_in_a_slot(port: int) -> float:
    """The mean over some requests of what the service says of itself."""
    taken = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(20):
        connection.request("POST", "/openai/v1/chat/completions", json.dumps(BODY), KEY)
        usage = json.loads(connection.getresponse().read())["usage"]
        taken.append(usage["prompt_time"] + usage["completion_time"])
    connection.close()
    return fmean(taken)


def search(folder: Path, port: int) -> dict[str, Any]:
    """Run Locust with the shape; what the manifest says of the search."""
    folder.mkdir()
    (folder / "harness.toml").write_text(CONFIG)
    files = f"{ROOT / 'tests/support/completion_users.py'},{ROOT / 'shapes/breakpoint.py'}"
    options = [str(word) for pair in SEARCH.items() for word in pair]
    subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", files, "--headless", "--quiet-locust"),
            *("-H", f"http://127.0.0.1:{port}", "--scenario", "search", "--runs-dir", str(folder / "runs")),
            *options,
            "EvenCompletions",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,  # a busy machine may make a run invalid; what it found is looked at all the same
        capture_output=True,
        timeout=600,
    )
    (manifest,) = (folder / "runs").glob("*/manifest.json")
    found: dict[str, Any] = json.loads(manifest.read_text())["search"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_capacity_is_found_within_ten_percent_in_nine_of_ten_runs(tmp_path: Path) -> None:
    ratios = {}
    for run in range(RUNS):
        slots = SLOTS[run % len(SLOTS)]
        profile = tmp_path / f"profile-{run}.toml"
        profile.write_text(PROFILE.format(slots=slots))
        port = free_port()
        simulator = ["-m", "target_app.inference", "--port", str(port), "--profile", str(profile)]
        with running(simulator, f"http://127.0.0.1:{port}/healthz"):
            capacity = slots / seconds_in_a_slot(port)
            found = search(tmp_path / f"run-{run}", port)
        ratios[run] = (slots, round((found["met"] or 0.0) / capacity, 3), found["words"])
        print(f"run {run}: {slots} slots carry {capacity:.1f}/s; {found['words']}", flush=True)
    near = [ratio for _, ratio, _ in ratios.values() if 0.9 <= ratio <= 1.1]
    assert len(near) >= 0.9 * RUNS, ratios
