"""Criteria that are critical while a run lasts, on real Locust processes and a real service."""

from pathlib import Path

import pytest

from tests.plugin.conftest import SHORT_RUNS as SCENARIO
from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, Service

LIVE = """
live_window_s = 3.0
live_grace_s = 2.0
criteria = ["errors", "quick"]
"""
RULES = """
[criteria]
errors = "error_rate < 1 %, critical < 80 %"
quick = "p95(response_time){category=simple} < 200 ms, critical < 300 ms"
"""
TURNING = str(SUPPORT / "turning_user.py")
ASKED = "abort_on_critical = true\n"


def _assert_ended_by(ended: Ended, criterion: str, within_s: float) -> None:
    manifest, summary = ended.manifest, ended.summary
    stop = manifest["stopped_by"]
    assert stop["criterion"] == criterion
    assert stop["at_s"] <= within_s
    assert manifest["stop_reason"].startswith(f"criterion {criterion} was critical at 00:")
    assert stop["reason"] in manifest["stop_reason"]
    assert stop["reason"].endswith("in the last 3 s")
    # 4 on a machine that is too busy to measure, which comes before a criterion that failed.
    assert ended.code == summary["verdicts"]["exit_code"] in (1, 4), ended.err
    (judged,) = (each for each in summary["verdicts"]["criteria"] if each["name"] == criterion)
    assert judged["verdict"] == "FAIL"
    assert summary["run"]["stopped_by"] == stop
    first_screen = ended.out[:1500]
    html = (ended.run / "report.html").read_text()
    for text in (first_screen, (ended.run / "report.md").read_text(), html[: html.index("<table")]):
        assert criterion in text


@pytest.mark.parametrize(
    ("mode", "in_the_file", "variables"),
    [
        pytest.param((), "", {"HARNESS_ABORT_ON_CRITICAL": "true"}, id="local, asked for by variable"),
        pytest.param(("--processes", "2"), ASKED, {}, id="two workers, asked for by the scenario"),
    ],
)
def test_a_service_that_turns_bad_ends_the_run(
    run_locust: LocustRunner,
    service: Service,
    tmp_path: Path,
    mode: tuple[str, ...],
    in_the_file: str,
    variables: dict[str, str],
) -> None:
    """Healthy for 4 s: over the whole run many requests are fine, and yet it has failed."""
    (tmp_path / "harness.toml").write_text(SCENARIO + LIVE + in_the_file + RULES)
    ended = run_locust(
        *("-H", service.url, *mode, "-u", "6", "-r", "6", "-t", "60s", "--scenario", "work_user"),
        locustfile=TURNING,
        env=variables,
    )
    _assert_ended_by(ended, "errors", within_s=40)
    assert (ended.requests["outcome"] == "ok").sum() > 100
    assert ended.manifest["stopped_by"]["low"] >= 80
    assert " criterion errors: error rate " in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("service", [0.4], indirect=True)
def test_a_slow_service_ends_the_run(run_locust: LocustRunner, service: Service, tmp_path: Path) -> None:
    (tmp_path / "harness.toml").write_text(SCENARIO + LIVE + ASKED + RULES)
    ended = run_locust("-H", service.url, "-u", "40", "-r", "40", "-t", "60s", "WorkUser")
    _assert_ended_by(ended, "quick", within_s=30)


def test_a_healthy_run_is_not_ended(run_locust: LocustRunner, service: Service, tmp_path: Path) -> None:
    """The levels are far away, so that a machine that is busy does not reach them either."""
    rules = RULES.replace("200 ms", "20 s").replace("300 ms", "30 s")
    (tmp_path / "harness.toml").write_text(SCENARIO + LIVE + ASKED + rules)
    ended = run_locust("-H", service.url, "-u", "4", "-r", "4", "-t", "10s", "WorkUser")
    assert ended.manifest["stopped_by"] is None
    assert ended.manifest["stop_reason"] == "the run time was reached"
    assert " criterion " not in ended.err


@pytest.mark.slow
def test_without_the_wish_a_critical_rule_is_only_told(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "harness.toml").write_text(SCENARIO + LIVE + RULES)
    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "16s", "--scenario", "work_user"),
        locustfile=TURNING,
    )
    assert ended.manifest["stop_reason"] == "the run time was reached"
    lines = [line for line in ended.err.splitlines() if " criterion errors: " in line]
    assert len(lines) == 1, lines
    assert "> critical 80 %" in lines[0]
