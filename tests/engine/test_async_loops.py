"""The asyncio loop beside gevent's: threads and names in it, its lag, and neither holding up the other."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import gevent
import pyarrow as pa
from gevent import monkey

from harness.engine import HealthMonitor, RunTicket, recorder
from harness.engine._async_loop import async_bridge
from harness.runs import GENERATOR_SCHEMA
from tests.support.processes import ROOT

native_sleep = monkey.get_original("time", "sleep")


def in_the_loop(coroutine: Any) -> Any:
    with gevent.Timeout(20):
        return async_bridge().run(coroutine, interrupted=lambda: None)


def test_threads_and_names_work_in_the_loop() -> None:
    """With the standard library's own pool, the second of these never returns."""

    async def use() -> tuple[list[int], set[Any]]:
        squares = [await asyncio.to_thread(pow, number, 2) for number in range(5)]
        found = await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=1)
        return squares, {address[4][0] for address in found}

    squares, addresses = in_the_loop(use())
    assert squares == [0, 1, 4, 9, 16]
    assert "127.0.0.1" in addresses


def test_greenlets_go_on_while_the_asyncio_thread_is_blocked() -> None:
    async def block() -> int:
        native_sleep(0.5)
        return monkey.get_original("threading", "get_native_id")()  # type: ignore[no-any-return]

    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.01)
            ticks += 1

    ticking = gevent.spawn(tick)
    there = in_the_loop(block())
    ticking.kill()
    assert there != threading.get_native_id()
    assert ticks > 10


def test_the_lag_of_the_asyncio_loop_is_in_the_generators_health() -> None:
    async def block() -> None:
        native_sleep(0.6)

    in_the_loop(asyncio.sleep(0))
    recorder.begin(RunTicket(token="test"))
    monitor = HealthMonitor(recorder, lambda: 1)
    gevent.sleep(0.2)
    in_the_loop(block())
    gevent.sleep(1.2)
    monitor.stop()
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(data), GENERATOR_SCHEMA) for data in recorder.ship().generator
    ]
    kept = [row for batch in batches for row in batch.to_pylist()]
    recorder.close()
    assert max(row["loop_lag_ms"] for row in kept) >= 500
    assert max(row["heartbeats_late"] for row in kept) >= 20


WITHOUT_UVLOOP = """
import sys
sys.modules["uvloop"] = None
import asyncio, gevent, locust
from harness.engine._async_loop import async_bridge
async def use():
    reader, writer = await asyncio.open_connection("localhost", int(sys.argv[1]))
    writer.write(b"GET /job HTTP/1.1\\r\\n\\r\\n")
    line = await reader.readline()
    writer.close()
    loop = type(asyncio.get_running_loop()).__mro__[1].__name__
    return line.decode().strip(), await asyncio.to_thread(pow, 3, 2), loop
with gevent.Timeout(20):
    print(*async_bridge().run(use(), interrupted=lambda: None))
    print(*async_bridge().run(use(), interrupted=lambda: None))
"""


def test_without_uvloop_the_standard_librarys_loop_does_the_same(service: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_UVLOOP, service.rsplit(":", 1)[1]],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == ["HTTP/1.1 200 OK 9 _UnixSelectorEventLoop"] * 2
