"""The services of a benchmark as processes of their own, and clients that send them cases."""

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "locustfiles" / "data" / "cases.jsonl"
SIMULATOR = ("-m", "target_app.inference", "--port", "0")
TARGET = ("-m", "target_app", "--port", "0")
STOCK = (str(ROOT / "benchmarks" / "_stock_target.py"),)
_JSON = {"content-type": "application/json"}
_START_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Service:
    """A running process and its address."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU seconds so far, user and system."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered case; `timings` are the service's own."""

    status: int
    total_ms: float
    timings: dict[str, float]


@contextmanager
def running(arguments: Sequence[str], **env: str) -> Iterator[Service]:
    """`python ARGUMENTS` until the end of the block; it has to print its address."""
    with tempfile.TemporaryFile("w+") as log:
        argv = [sys.executable, *arguments]
        with subprocess.Popen(argv, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, **env}) as child:
            try:
                url = _address(child, log.fileno())
                yield Service(url, psutil.Process(child.pid))
            finally:
                child.terminate()
                child.wait(90)


def _address(child: subprocess.Popen[bytes], log: int) -> str:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    text = ""
    while time.monotonic() < deadline_s and child.poll() is None:
        text = os.pread(log, 100_000, 0).decode()
        found = re.search(r"http://[0-9.]+:[0-9]+", text)
        if found:
            return found[0]
        time.sleep(0.02)
    raise SystemExit(f"{child.args!r} did not start:\n{text}")


def corpus(category: str | None = None, specialists: int | None = None) -> list[dict[str, Any]]:
    """The cases of a category, or those for which exactly so many specialists are required."""
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    return [
        row
        for row in rows
        if category in {None, row["category"]} and specialists in {None, len(row["required_specialists"])}
    ]


class Client:
    """Sends cases over as many connections as it takes."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._base = url
        self._url = f"{url}/api/cases"
        self._serial = itertools.count()

    async def send(self, case: dict[str, Any]) -> Answer:
        """One case and its answer."""
        body = json.dumps({"case_id": f"{case['case_id']}.{next(self._serial)}", **case["request"]})
        started_s = time.perf_counter()
        async with self._session.post(self._url, data=body, headers=_JSON) as response:
            content = await response.json(content_type=None)
            total_ms = (time.perf_counter() - started_s) * 1000
            return Answer(response.status, total_ms, content.get("timings", {}))

    async def get(self, path: str) -> str:
        """The text of a page."""
        async with self._session.get(self._base + path) as response:
            return await response.text()

    async def closed_loop(
        self, cases: Sequence[dict[str, Any]], *, count: int, clients: int, ramp_s: float = 0.0
    ) -> list[Answer]:
        """`count` cases by `clients` that each send the next when they have their answer.

        The clients start one after the other, over `ramp_s` seconds.
        """
        left = iter(range(count))
        answers: list[Answer] = []

        async def one(place: int) -> None:
            await asyncio.sleep(ramp_s * place / clients)
            answers.extend([await self.send(cases[number % len(cases)]) for number in left])

        await asyncio.gather(*(one(place) for place in range(clients)))
        return answers

    async def open_loop(
        self, cases: Sequence[dict[str, Any]], *, rate_per_s: float, seconds: float
    ) -> list[Answer]:
        """Cases at a steady rate, whether the ones before are answered or not."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        tasks = []
        for number in range(int(rate_per_s * seconds)):
            await asyncio.sleep(start_s + number / rate_per_s - loop.time())
            tasks.append(asyncio.create_task(self.send(cases[number % len(cases)])))
        return await asyncio.gather(*tasks)


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """A client without a limit on its connections, which closes the idle ones soon."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=120)
    ) as session:
        yield Client(session, url)


def require_ok(answers: Sequence[Answer]) -> Sequence[Answer]:
    """The same answers, or the end of the benchmark: figures of failures mean something else."""
    bad = [answer.status for answer in answers if answer.status != 200]
    if bad:
        raise SystemExit(f"{len(bad)} of {len(answers)} cases failed, the first with {bad[0]}")
    return answers
