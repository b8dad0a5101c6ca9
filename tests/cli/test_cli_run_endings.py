"""`harness run` told to end while requests hang: one run, its code, and nothing left of four processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.runs import open_run
from tests.plugin.conftest import SUPPORT, Service, service
from tests.support.endings import assert_in_time, wait_until_none_is_left
from tests.support.processes import ROOT

__all__ = ["service"]

HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main())"]
DRAIN_DEADLINE_S = 3.0


@pytest.mark.parametrize(
    ("number", "to_group"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C at the terminal"),
        pytest.param(signal.SIGTERM, False, id="SIGTERM to the command alone"),
        pytest.param(signal.SIGHUP, True, id="the terminal is closed"),
    ],
)
def test_it_ends_in_order_and_in_time(service: Service, tmp_path: Path, number: int, to_group: bool) -> None:
    (tmp_path / "work_user.py").write_text((SUPPORT / "work_user.py").read_text())
    (tmp_path / "harness.toml").write_text(
        'runs_dir = "runs"\n[scenarios.work]\nlocustfiles = ["work_user.py"]\n'
        f'host = "{service.url}"\nuser_classes = ["WorkUser", "HangingUser"]\nworkers = 2\n'
        f"[scenarios.work.load]\nusers = 6\nspawn_rate = 6\ndrain_deadline_s = {DRAIN_DEADLINE_S}\n"
    )
    process = subprocess.Popen(
        [*HARNESS, "run", "work"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 40
    while service.answered < 60 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    told_at = time.time()
    (os.killpg if to_group else os.kill)(process.pid, number)
    output, _ = process.communicate(timeout=60)
    wait_until_none_is_left(process.pid, timeout_s=20)
    assert_in_time(told_at, DRAIN_DEADLINE_S)
    assert process.returncode == 130, output
    (run,) = (tmp_path / "runs").iterdir()
    outcomes = open_run(run).requests()["outcome"].value_counts().to_dict()
    assert outcomes == {"ok": service.answered, "incomplete": 3}
