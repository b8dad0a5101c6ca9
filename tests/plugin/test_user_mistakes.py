"""Mistakes: one line, the documented exit code, no run folder, no traceback."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, LocustRunner, Service
from tests.support.processes import free_port

SHAPE = str(SUPPORT.parents[1] / "shapes" / "concurrency_steps.py")
WORK = str(SUPPORT / "work_user.py")
SLOW_TO_BEGIN = """
import gevent
from locust import events, task
import harness.plugin
from harness.engine import ServiceUser

class WorkUser(ServiceUser):
    @task
    def work(self):
        self.client.post("/work", json={})

@events.test_start.add_listener
def prepare(**_):
    gevent.sleep(10)
"""


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


def test_a_busy_master_port_with_workers_leaves_none_behind(
    run_locust: LocustRunner, service: Service
) -> None:
    """Bare Locust's own code; its workers end up at whoever has the port, or at nobody."""
    with socket.create_server(("", 0)) as busy:
        port = str(busy.getsockname()[1])
        ended = run_locust(
            *("-H", service.url, "--master-bind-port", port, "--master-port", port),
            *("-t", "5s", "--processes", "2", "WorkUser"),
        )
    assert ended.code == 1
    assert "Address already in use" in ended.err
    assert ended.runs == []
    assert service.answered == 0


def test_a_level_that_cannot_be_run(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust("-H", service.url, "--levels", "10,0", "WorkUser", locustfile=f"{WORK},{SHAPE}")
    assert ended.code == 2
    assert "levels must all be at least 1, not 10,0" in _one_line(ended.err)


@pytest.mark.parametrize(
    ("toml", "arguments", "says"),
    [
        pytest.param("", ("--scenario", "caes"), "no scenario 'caes'", id="unknown scenario"),
        pytest.param("[scenarios.x\n", (), "harness.toml: TOML syntax: ", id="bad TOML"),
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


def test_a_host_name_that_does_not_exist(run_locust: LocustRunner) -> None:
    ended = run_locust("-H", "http://no-such-host.invalid", "-t", "5s", "WorkUser")
    assert ended.code == 5
    assert "the service at http://no-such-host.invalid does not answer" in _one_line(ended.err)


def test_an_option_that_does_not_exist(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust("-H", service.url, "--levles", "10", "WorkUser")
    assert ended.code == 2
    assert "unrecognized arguments: --levles" in ended.err


def test_a_full_disk_ends_the_run_and_keeps_what_was_written(
    run_locust: LocustRunner, service: Service
) -> None:
    """A file-size limit stands in for a full disk: writes fail in the same way, and safely."""
    started = time.monotonic()
    ended = run_locust(
        *("-H", service.url, "-u", "20", "-r", "20", "-t", "300s", "WorkUser"),
        prefix=("bash", "-c", 'ulimit -f 60; exec "$@"', "bash"),
    )
    assert ended.code == 4, ended.err
    assert time.monotonic() - started < 60
    assert "the run ends, and what was written until now is kept" in ended.err
    assert "Traceback" not in ended.err
    assert len(open_run(ended.run).requests()) > 50


def test_a_target_that_dies_half_way_is_a_failed_criterion(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    """Not an unreachable target: the load had begun, and the service is what failed."""
    (tmp_path / "harness.toml").write_text(
        '[criteria]\nerrors = "error_rate < 1 %, critical < 5 %"\n'
        '[scenarios.work_user]\nlocustfiles = ["x.py"]\nwarm_up_s = 0.5\ncriteria = ["errors"]\n'
    )

    def kill() -> bool:
        if service.answered > 100:
            service.process.kill()
            return True
        return False

    ended = run_locust(
        *("-H", service.url, "-u", "6", "-r", "6", "-t", "12s", "WorkUser"), when=kill, send=signal.SIGCONT
    )
    # A starved machine may make the run INVALID as well, which comes first.
    assert ended.code in {1, 4}, ended.err
    (verdict,) = ended.summary["verdicts"]["criteria"]
    assert verdict["verdict"] == "FAIL"
    assert {"connection_error"} <= set(ended.requests["outcome"])
    assert set(ended.requests.loc[ended.requests["outcome"] == "connection_error", "error"]) <= {
        "connection refused",
        "connection reset",
        "connection closed before the response",
    }


def test_two_runs_at_once_do_not_meet(run_locust: LocustRunner, service: Service) -> None:
    with ThreadPoolExecutor(2) as both:
        arguments = ("-H", service.url, "-u", "4", "-r", "4", "-t", "6s", "--processes", "1", "WorkUser")
        futures = [both.submit(run_locust, *arguments) for _ in range(2)]
        ended = [future.result() for future in futures]
    runs = sorted(set(ended[0].runs) | set(ended[1].runs))
    assert len(runs) == 2
    assert sum(len(open_run(run).requests()) for run in runs) == service.answered


def test_something_that_does_not_speak_http(run_locust: LocustRunner) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        with ThreadPoolExecutor(1) as server:
            server.submit(answer)
            ended = run_locust("-H", f"http://127.0.0.1:{port}", "-t", "5s", "WorkUser")
    assert ended.code == 5
    assert "does not speak HTTP" in _one_line(ended.err)


def test_a_host_that_is_no_address(run_locust: LocustRunner) -> None:
    ended = run_locust("-H", "http://localhost:abc", "-t", "5s", "WorkUser")
    assert ended.code == 2
    assert "not an address" in _one_line(ended.err)


def test_a_terminal_without_unicode(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        *("-H", service.url, "-u", "2", "-r", "2", "-t", "3s", "WorkUser"), env={"PYTHONIOENCODING": "ascii"}
    )
    assert ended.code == ended.summary["verdicts"]["exit_code"]
    assert "Report: " in ended.out
    assert "Traceback" not in ended.err


def test_the_run_path_cannot_be_told(run_locust: LocustRunner, service: Service) -> None:
    ended = run_locust(
        *("-H", service.url, "-t", "5s", "WorkUser"), env={"HARNESS_RUN_PATH_FILE": "/nonexistent/x"}
    )
    assert ended.code == 2
    assert "HARNESS_RUN_PATH_FILE: cannot write" in ended.err
    assert service.answered == 0


def test_a_run_time_that_is_over_before_the_run_began(
    run_locust: LocustRunner, service: Service, tmp_path: Path
) -> None:
    """Locust ends with 0: it has seen no failure."""
    (tmp_path / "slow.py").write_text(SLOW_TO_BEGIN)
    ended = run_locust("-H", service.url, "-t", "1s", locustfile=str(tmp_path / "slow.py"))
    assert ended.code == 2
    assert _one_line(ended.err) == "harness: no run began within the run time; nothing was measured"
    assert ended.runs == []
