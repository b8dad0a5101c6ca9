"""What a shape learns of the load step that it holds, from real Locust processes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.plugin.conftest import SHORT_RUNS, SUPPORT, LocustRunner, Service

RULES = """
criteria = ["errors", "quick", "nowhere"]

[criteria]
errors = "error_rate < 1 %, critical < 5 %"
quick = "p50(response_time) < 10 s"
nowhere = "p50(response_time){category=complex} < 10 s"
"""
SHAPED = f"{SUPPORT / 'work_user.py'},{SUPPORT / 'feedback_shape.py'}"


@pytest.mark.parametrize(
    "mode", [pytest.param((), id="local"), pytest.param(("--processes", "2"), id="two workers")]
)
def test_a_shape_is_told_the_outcome_of_its_step(
    run_locust: LocustRunner, service: Service, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    """Half of the requests fail: the shape says so when it ends, and the rule on errors is FAIL."""
    (tmp_path / "harness.toml").write_text(SHORT_RUNS + RULES)
    ended = run_locust("-H", service.url, *mode, "FailingUser", locustfile=SHAPED)
    assert ended.code in (1, 4), ended.err  # 4 on a machine that is too busy to measure
    told = [json.loads(line) for line in (tmp_path / "feedback.jsonl").read_text().splitlines()]
    assert told[0] is None, "before the first hold there is nothing to tell"
    last: dict[str, Any] = told[-1]
    assert (last["phase"], last["users"]) == ("6-users", 6)
    hold = next(phase for phase in ended.manifest["phases"] if phase["kind"] == "hold")
    settled_at = pd.Timestamp(hold["start_us"] + 1_000_000, unit="us", tz="UTC")
    rows = ended.requests
    settled = rows[(rows["phase"] == "6-users") & (rows["intended_at"] >= settled_at)]
    assert 60 <= last["requests"] <= len(settled)
    assert 0 < last["errors"] <= int((settled["outcome"] != "ok").sum())
    assert last["errors_by_cause"] == {"service": last["errors"]}
    share = 100 * last["errors"] / last["requests"]
    assert ended.manifest["stop_reason"] == f"the shape ended: error rate {share:.0f} %"
    assert 50 <= last["mean_ms"] <= last["p95_ms"] < 10_000
    assert last["criteria"] == {"errors": "FAIL", "quick": "PASS", "nowhere": "NO DATA"}
    assert last["seconds"] > 0
