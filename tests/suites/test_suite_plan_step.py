"""The step of a suite that plans from the run of an earlier step."""

from pathlib import Path
from typing import Any

import pytest

from harness.cli._suite_steps import Steps
from harness.config import Config
from harness.suites import StepRecord, StepResult, StepState, SuiteRecord
from tests.support.recorded_runs import phase, request, write_run

PHASES = [phase("5-users", "hold", 5, 0, 30), phase("10-users", "hold", 10, 30, 60)]


def planned(tmp_path: Path, criteria: dict[str, str], phases: list[Any]) -> StepResult:
    """What a plan comes to from a run of 100 ms a request, 20 requests/s."""
    requests = [request(i / 20, 100.0 + i % 7) for i in range(1200)]
    run = write_run(tmp_path, requests, phases=phases, criteria=criteria)
    folder = tmp_path / "suite"
    folder.mkdir()
    config = Config.model_validate(
        {"suites": {"s": {"steps": [{"command": ["true"], "name": "load"}, {"plan": "load"}]}}}
    )
    load = StepRecord(name="load", kind="run", state=StepState.ENDED, run=f"../{run.path.name}")
    return Steps(config, folder, None, None)(
        config.suite("s").steps[1], SuiteRecord(suite_id="i", suite="s", steps=[load])
    )


@pytest.mark.parametrize(
    ("rule", "phases", "ending"),
    [
        pytest.param("p95(response_time) < 500 ms", PHASES, (0, ""), id="loads that met the criteria"),
        pytest.param(
            "p95(response_time) < 20 ms", PHASES, (1, "NO DATA"), id="none did: the service's doing"
        ),
        pytest.param("p95(response_time) < 500 ms", PHASES[:1], (2, ""), id="one level: the suite's mistake"),
    ],
)
def test_what_a_plan_comes_to(tmp_path: Path, rule: str, phases: list[Any], ending: tuple[int, str]) -> None:
    found = planned(tmp_path, {"fast": rule}, phases)
    assert (found.code, found.word) == ending, found.headline
