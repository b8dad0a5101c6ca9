"""Mistakes: one line, the documented exit code, no run folder, no traceback."""

from pathlib import Path

import pytest

from tests.plugin.conftest import SUPPORT, LocustRunner, Service, free_port

SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")
WORK = str(SUPPORT / "work_user.py")


def _one_line(err: str) -> str:
    (line,) = [line for line in err.splitlines() if line.startswith("harness: ")]
    assert "Traceback" not in err
    return line


def test_a_dead_target(run_locust: LocustRunner) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = run_locust("-H", url, "-t", "5s", "WorkUser")
    assert ended.code == 5
    assert f"the service at {url} does not answer (Connection refused)" in _one_line(ended.err)
    assert ended.runs == []


def test_a_dead_target_with_workers_leaves_none_behind(run_locust: LocustRunner) -> None:
    ended = run_locust("-H", f"http://127.0.0.1:{free_port()}", "-t", "5s", "--processes", "2", "WorkUser")
    assert ended.code == 5


def test_a_level_that_cannot_be_run(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust("-H", service.url, "--levels", "10,0", "WorkUser", locustfile=f"{WORK},{SHAPE}")
    assert ended.code == 2
    assert "levels must all be at least 1, not 10,0" in _one_line(ended.err)


@pytest.mark.parametrize(
    ("toml", "arguments", "says"),
    [
        pytest.param("", ("--scenario", "caes"), "no scenario 'caes'", id="unknown scenario"),
        pytest.param("[scenario.x]\n", (), "did you mean 'scenarios'?", id="unknown key"),
        pytest.param(
            '[criteria]\nx = "p95(response_tim) < 5 ms"\n'
            '[scenarios.work_user]\nlocustfiles = ["x.py"]\ncriteria = ["x"]\n',
            (),
            "response_time",
            id="a rule with a misspelt metric",
        ),
    ],
)
def test_configuration(
    run_locust: LocustRunner,
    service: Service,
    tmp_path: Path,
    toml: str,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    (tmp_path / "harness.toml").write_text(toml)
    ended = run_locust("-H", service.url, "-t", "5s", *arguments, "WorkUser")
    assert ended.code == 2
    assert says in _one_line(ended.err)


def test_a_results_folder_that_cannot_be_written(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ended = run_locust("-H", service.url, "-t", "5s", "--runs-dir", str(tmp_path / "file"), "WorkUser")
    assert ended.code == 2
    assert "choose another with --runs-dir" in _one_line(ended.err)
