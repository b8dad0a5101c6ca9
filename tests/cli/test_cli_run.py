"""`harness run`: the line it builds, what it refuses before, how it accounts for the child after."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli._child import Ended
from harness.cli._environment import folder_in
from harness.cli._locust_line import RunRequest, as_typed, locust_arguments
from harness.cli._net import why_unreachable
from harness.cli._run import _exit_code
from harness.config import Config

SCENARIO = {
    "locustfiles": ["a.py", "b.py"],
    "shape": "s.py",
    "workers": 2,
    "user_classes": ["Slow", "Fast"],
    "tags": ["x"],
    "load": {"levels": [1, 2], "hold_s": 0.5, "profile": "a b", "equal_weights": True, "print_stats": False},
}
LINES = [
    (
        "all that a scenario can say",
        SCENARIO,
        RunRequest("t"),
        (
            "locust -f {a},{b},{s} Slow Fast --tags x --headless --processes 2 "
            "--master-bind-port 5 --master-port 5 --quiet-locust --loglevel WARNING "
            "--host http://h --scenario t --levels 1,2 --hold-s 0.5 --profile 'a b' --equal-weights"
        ),
    ),
    (
        "one process, and all that the command line can say",
        {"locustfiles": ["a.py"], "workers": 2},
        RunRequest("t", workers=0, seed=7, runs_dir="my runs", config_file="c.toml", extra=("-u", "3")),
        (
            "locust -f {a} --headless --quiet-locust --loglevel WARNING --host http://h --scenario t "
            "--run-seed 7 --runs-dir 'my runs' --config-file c.toml -u 3"
        ),
    ),
]


@pytest.mark.parametrize(
    ("scenario", "request_", "expected"), [row[1:] for row in LINES], ids=[row[0] for row in LINES]
)
def test_the_line(tmp_path: Path, scenario: dict[str, Any], request_: RunRequest, expected: str) -> None:
    paths = {name: tmp_path / f"{name}.py" for name in "abs"}
    for path in paths.values():
        path.touch()
    config = Config.model_validate({"scenarios": {"t": scenario}, "source": tmp_path / "harness.toml"})
    assert as_typed(locust_arguments(config, request_, "http://h", 5)) == expected.format(**paths)


def test_dry_run_prints_the_line_alone(project: Any) -> None:
    ended = project.run("run", "smoke", "--dry-run", "--host", "http://127.0.0.1:1/", "--", "-t", "10s")
    assert (ended.returncode, ended.stderr) == (0, "")
    words = shlex.split(ended.stdout)
    assert words[:5] == ["locust", "-f", "load.py", "--headless", "--processes"]
    assert words[-6:] == ["--host", "http://127.0.0.1:1", "--scenario", "smoke", "-t", "10s"]


def test_a_dead_target_is_exit_code_5(project: Any) -> None:
    ended = project.run("run", "smoke")
    assert ended.returncode == 5
    assert re.fullmatch(
        r"harness: the target does not answer at http://127\.0\.0\.1:\d+/ready \(connection refused\); "
        r"start it with `harness serve app` or --with-services, or give another --host\n",
        ended.stderr,
    )


def test_a_busy_master_port_is_exit_code_2(project: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = project.run("run", "smoke", "--master-port", str(port))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"harness: port {port} cannot be used (Address already in use); ")


def test_a_missing_locustfile_is_named(project: Any) -> None:
    (project.folder / "load.py").rename(project.folder / "loads.py")
    ended = project.run("run", "smoke")
    assert ended.returncode == 2
    assert ended.stderr == "harness: no file load.py; in .: did you mean 'loads.py'?\n"


def test_a_child_that_left_no_run_is_exit_code_2(project: Any, answering: str) -> None:
    ended = project.run("run", "broken", "--host", answering)
    assert ended.returncode == 2
    assert "SyntaxError" in ended.stderr, "Locust's own words come first"
    assert ended.stderr.splitlines()[-1].startswith("harness: Locust ended with code 1 before a run began")


def test_a_master_that_is_killed_is_exit_code_4_and_takes_its_workers_along(
    project: Any, answering: str
) -> None:
    command = ("run", "smoke", "--host", answering, "--workers", "1", "--", "-u", "1", "-t", "60s")
    with project.start(*command) as process:
        said = _read_until(process.stderr, "Run folder: ")
        master, worker = psutil.Process(process.pid).children(recursive=True)
        master.kill()
        last = process.stderr.read().splitlines()[-1]
    assert process.returncode == 4
    assert said.splitlines()[0].startswith("locust -f load.py --headless --processes 1 ")
    assert re.match(r"harness: Locust ended with signal SIGKILL before the run was sealed; .* results/", last)
    psutil.wait_procs([worker], timeout=30)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def _read_until(stream: Any, words: str) -> str:
    said = ""
    for line in stream:
        said += str(line)
        if words in line:
            return said
    raise AssertionError(f"ended without '{words}': {said}")


ENDINGS = [
    ("sealed and passed", "sealed", Ended(0, False), 0),
    ("sealed and failed", "sealed", Ended(1, False), 1),
    ("sealed and interrupted", "sealed", Ended(130, True), 130),
    ("sealed, then killed", "sealed", Ended(-9, False), 4),
    ("died in the middle", "running", Ended(0, False), 4),
    ("killed in the middle", "running", Ended(-9, False), 4),
    ("ended before a run", None, Ended(0, False), 2),
    ("target gone at the last moment", None, Ended(5, False), 5),
    ("a bug before a run", None, Ended(70, False), 70),
    ("Ctrl-C before a run", None, Ended(-2, True), 130),
]


@pytest.mark.parametrize(
    ("state", "ended", "code"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS]
)
def test_how_an_ending_is_accounted_for(tmp_path: Path, state: str | None, ended: Ended, code: int) -> None:
    if state:
        (tmp_path / "manifest.json").write_text(json.dumps({"state": state}))
    assert _exit_code(ended, tmp_path) == code


def test_the_last_path_in_the_file_is_the_run(tmp_path: Path) -> None:
    path_file = tmp_path / "f"
    assert folder_in(path_file) is None
    path_file.write_text("/runs/one\n/runs/two words\n")
    assert folder_in(path_file) == Path("/runs/two words")


def test_any_answer_of_a_host_counts_and_a_ready_url_needs_a_2xx(answering: str) -> None:
    assert why_unreachable(answering, 5) is None
    assert why_unreachable(answering, 5, any_answer=False) == "HTTP 404"


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert why_unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2) == "no answer in time"


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:99999/", "http://no such host/"])
def test_a_url_that_leads_nowhere_has_a_reason(url: str) -> None:
    assert why_unreachable(url, 5)


PARENT = """\
import os, sys
from harness.cli._child import run_foreground
ended = run_foreground([sys.executable, "-c", sys.argv[1]], os.environ)
print("interrupted" if ended.interrupted else "undisturbed", flush=True)
sys.exit(ended.code)
"""
CHILD = """\
import signal, sys, time
def stop(number, frame):
    print("child got", signal.Signals(number).name, flush=True)
    sys.exit(9)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "to_group"),
    [(signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["Ctrl-C reaches both", "SIGTERM is handed on"],
)
def test_the_child_decides_what_a_signal_means(number: signal.Signals, to_group: bool) -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        (os.killpg if to_group else os.kill)(parent.pid, number)
        assert parent.stdout.read() == f"child got {number.name}\ninterrupted\n"
    assert parent.returncode == 9
