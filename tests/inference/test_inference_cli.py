"""`python -m target_app.inference`: starts, answers, ends on a signal, and says in one line what is wrong."""

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

COMMAND = [sys.executable, "-m", "target_app.inference"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "high"], "'high' is not a port"),
        (["--port", "70000"], "'70000' is not a port"),
        (["--speed-factor", "-1"], "'-1' is not a number of 0 or more"),
        (["--speed-factor", "nan"], "'nan' is not a number"),
        (["--seed", "x"], "--seed"),
        (["--profle", "reference"], "unrecognized arguments: --profle"),
        (["--profile", "referense"], "did you mean reference?"),
        (["--profile", "/nowhere/mine.toml"], "cannot read profile"),
        (["--rate-limits", "fre"], "unknown rate limits 'fre'; use off, free, developer or rpm=30,tpm=8000"),
        (["--fault", "status=418"], "fault 'status=418': status has to be one of 400"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(options: list[str], words: str) -> None:
    ended = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert words in ended.stderr
    assert ended.stdout == ""


def test_a_busy_port_is_one_line_and_exit_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_serves_until_a_signal(ending: signal.Signals, code: int) -> None:
    command = [*COMMAND, "--port", "0", "--seed", "3", "--speed-factor", "0.5"]
    command += ["--rate-limits", "free", "--fault", "stall:0.01@cardiology", "--fault", "status=500:0.02"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            banner = process.stdout.readline()
            found = re.search(r"SIMULATED inference on (http://127\.0\.0\.1:\d+)", banner)
            assert found, banner
            assert "rate limits free, fault stall:0.01@cardiology, fault status=500:0.02" in banner
            assert httpx.get(f"{found[1]}/info").json() == {
                "mode": "simulated",
                "profile": "reference",
                "seed": 3,
                "speed_factor": 0.5,
                "faults": ["stall:0.01@cardiology", "status=500:0.02"],
                "rate_limits": "free",
            }
            process.send_signal(ending)
            assert process.wait(timeout=20) == code
            assert process.stderr.read() == ""
        finally:
            process.kill()
