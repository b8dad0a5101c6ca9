"""Recorded runs of 400 cases that consist of triage and synthesis, for comparisons whose result is known."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.support.recorded_runs import one_hold, request, span, write_run

PARTS = {"scenario": "test", "provider": "simulated reference", "machine": "Linux x86_64, 2 CPUs"}
FAST, SAME, SLOW = (
    "20261124T060000Z-test-aaaaaa",
    "20261124T060500Z-test-bbbbbb",
    "20261124T061000Z-test-cccccc",
)


def record(runs_dir: Path, run_id: str, seed: int, triage: float = 1.0, **manifest: Any) -> None:
    """400 cases of about 200 ms, 120 of them triage, which takes `triage` times as long."""
    rng = np.random.default_rng(seed)
    requests, spans = [], []
    for i in range(400):
        parts = {"triage": 120 * triage * rng.lognormal(0, 0.05), "synthesis": 75 * rng.lognormal(0, 0.05)}
        requests.append(request(i / 20, sum(parts.values()) + 5, output_tokens=500, llm_calls=3))
        spans += [span(i, name, ms) for name, ms in parts.items()]
    fields = {"fingerprint_parts": PARTS, "fingerprint": "f", **manifest}
    write_run(runs_dir, requests, spans=spans, phases=one_hold(20.0), run_id=run_id, **fields)


def record_three(runs_dir: Path) -> Path:
    """FAST and SAME of an unchanged service, and SLOW, whose triage takes 1.7 times as long."""
    record(runs_dir, FAST, 1)
    record(runs_dir, SAME, 2)
    record(runs_dir, SLOW, 3, triage=1.7)
    return runs_dir
