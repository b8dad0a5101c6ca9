"""Async users whose loop is blocked by one of its tasks: the run ends all the same, and so does the process.

Oracle: the process has ended, and the rows that it left. Without a limit it would wait for ever.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pandas as pd
import pytest
from gevent import monkey

from harness.engine._async_loop import AsyncBridge, NotInTimeError, async_bridge
from tests.support.processes import ROOT, free_port

native_lock = monkey.get_original("_thread", "allocate_lock")

#: Far more than any limit here: who waits as long waits for ever.
LONG_S = 600

USERS = """
import asyncio, time
from pathlib import Path

from gevent import monkey
from locust import constant, task

import harness.plugin
from harness.engine import AsyncUser

native_sleep = monkey.get_original("time", "sleep")


class Blocked(AsyncUser):
    wait_time = constant(0)

    async def on_stop(self):
        await asyncio.sleep(0)

    @task
    async def block(self):
        async with self.measure("chat"):
            Path("blocked").touch()
            BLOCK


class Thinking(AsyncUser):
    "Is waiting when it is asked to stop, so that its `on_stop` comes first."

    wait_time = constant(LONG)

    def on_stop(self):
        self.run_async(asyncio.sleep(0))

    @task
    def think(self):
        pass
"""


def started(tmp_path: Path, block: str, *options: str) -> subprocess.Popen[str]:
    (tmp_path / "users.py").write_text(USERS.replace("BLOCK", block).replace("LONG", str(LONG_S)))
    command = [sys.executable, "-m", "locust", "-f", "users.py", "--headless", "--host", "http://127.0.0.1:1"]
    options = (*options, "--skip-target-check", "--drain-deadline-s", "1", "--runs-dir", "runs")
    return subprocess.Popen(
        [*command, "-u", "2", "-r", "10", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What it said; fails, and ends it, where it goes on."""
    try:
        return process.communicate(timeout=60)[1]
    finally:
        process.kill()


def outcomes(tmp_path: Path) -> list[tuple[str, str]]:
    (folder,) = (tmp_path / "runs").glob("*-users-*")
    assert json.loads((folder / "manifest.json").read_text())["state"] == "sealed"
    rows = pd.read_parquet(folder / "requests.parquet")
    return list(zip(rows["name"], rows["outcome"], strict=True))


def test_the_process_ends_at_its_run_time(tmp_path: Path) -> None:
    said = ended(started(tmp_path, f"native_sleep({LONG_S})", "-t", "2s"))
    assert outcomes(tmp_path) == [("chat", "incomplete")]
    assert said.count("The asyncio loop does not answer") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("workers", "block"),
    [
        pytest.param(0, "time.sleep", id="local, in gevent's sleep"),
        pytest.param(1, "native_sleep", id="on a worker, in the system's sleep"),
    ],
)
def test_the_process_ends_at_a_signal(tmp_path: Path, workers: int, block: str) -> None:
    port = str(free_port())
    spread = ("--processes", str(workers), "--master-bind-port", port, "--master-port", port)
    process = started(tmp_path, f"{block}({LONG_S})", *(spread if workers else ()))
    deadline = time.monotonic() + 60
    while not (tmp_path / "blocked").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert process.returncode == 130, said
    assert outcomes(tmp_path) == [("chat", "incomplete")]


# --- the bridge alone -----------------------------------------------------------------------


@pytest.fixture
def blocked() -> Iterator[AsyncBridge]:
    """A bridge of its own, whose loop's thread waits for the test to end."""
    bridge, gate = AsyncBridge(), native_lock()
    gate.acquire()
    bridge.loop.call_soon_threadsafe(gate.acquire)
    try:
        yield bridge
    finally:
        gate.release()
        bridge.close()


def test_a_limit_ends_the_wait_for_a_blocked_loop(blocked: AsyncBridge) -> None:
    begun, told = [], []

    async def work() -> None:
        begun.append(1)

    with gevent.Timeout(20), pytest.raises(NotInTimeError, match=r"not done within 0.1 s"):
        blocked.run(work(), lambda: told.append(1), limit_s=0.1)
    assert (begun, told) == ([], [1])


def test_a_limit_ends_a_coroutine_that_hangs() -> None:
    ends: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.sleep(LONG_S)
        finally:
            ends.append("cancelled")

    with gevent.Timeout(20), pytest.raises(NotInTimeError):
        async_bridge().run(hang(), lambda: None, limit_s=0.2)
    with gevent.Timeout(20):
        while not ends:
            gevent.sleep(0.01)


def test_what_is_called_off_before_the_loop_takes_it_up_never_begins(blocked: AsyncBridge) -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    waiting = gevent.spawn(blocked.run, work(), lambda: None)
    gevent.sleep(0.05)
    waiting.kill(timeout=20)
    assert waiting.ready()
    assert not begun


def test_the_platform_is_known_before_a_native_thread_asks() -> None:
    """gevent's subprocess fails on a native thread: the SDK would call the platform unknown, or hang."""
    program = """
import asyncio, gevent, locust
from groq._base_client import get_platform
from harness.engine._async_loop import async_bridge

async def ask():
    return await asyncio.to_thread(get_platform)

with gevent.Timeout(20):
    print(async_bridge().run(ask(), lambda: None), get_platform())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT, check=True
    )
    in_the_thread, in_the_greenlet = done.stdout.split()
    assert in_the_thread == in_the_greenlet != "Unknown"
