"""A subprocess on a native thread, which gevent may never see end, must not stop the asyncio loop with it."""

import subprocess
import sys

_LOGS_BESIDE_A_SUBPROCESS = """
from gevent import monkey
monkey.patch_all()
import asyncio, logging, os, subprocess
from harness.engine._async_loop import async_bridge

async def work():
    started = [asyncio.create_task(asyncio.to_thread(subprocess.run, ["true"])) for _ in range(4)]
    for turn in range(100):
        logging.getLogger(f"turn.{turn}").info("a line")
        await asyncio.sleep(0.005)

async_bridge().run(work(), lambda: None)
print("done", flush=True)
os._exit(0)  # the threads may never end
"""


def test_the_loop_goes_on_logging_beside_a_subprocess() -> None:
    """As a process forks, logging's own lock is held; where gevent never comes back, it stays so."""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", _LOGS_BESIDE_A_SUBPROCESS],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == "done\n", done.stderr
