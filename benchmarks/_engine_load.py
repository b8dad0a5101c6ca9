"""One load of a generator, measured in a window after it has settled, the same way for every generator.

The window is the driver's: requests are counted by the server, CPU time is read from the generator's process,
start-up and end are outside. Generators are real processes with an ordinary command line.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks._engine_servers import Cores, Server, pinned

FOLDER = Path(__file__).parent
USERS = 50
BEGIN_S = 60.0
END_S = 120.0
#: Seconds that a generator is told to go on beyond the window; less SLACK_S, what a window may come late.
TAIL_S = 1.5
SLACK_S = 0.2
#: Exit codes of a test that ran to its end: fine, a criterion missed, measurement invalid (which a generator
#: that is driven as fast as it can go has to say of itself).
RAN_TO_ITS_END = {0, 1, 4}


class LoadFailedError(Exception):
    """A generator did not start or did not run to its end; one line."""


@dataclass(frozen=True, slots=True)
class Generator:
    """A command line with places for `{host}`, `{seconds}` and `{folder}`, and the variables it needs."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def argv(self, host: str, seconds: int, folder: Path) -> list[str]:
        """The line for one load; not every generator takes fractions of seconds."""
        values = {"{host}": host, "{seconds}": f"{seconds}s", "{folder}": str(folder)}
        line = list(self.command)
        for place, value in values.items():
            line = [part.replace(place, value) for part in line]
        return line


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in the window; `served` counts the whole load. Shares of busy cores are of 1."""

    requests: int
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    server_busy: float
    others_busy: float
    start_us: int
    end_us: int
    served: int = 0

    @property
    def per_s(self) -> float:
        return self.requests / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        return self.requests / self.cpu_s


def locust(name: str, locustfile: str, user_class: str, *, users: int = USERS, **env: str) -> Generator:
    """Headless Locust with one class of a locustfile beside this module."""
    ours = locustfile != "_engine_stock_users.py"
    command = [
        *(sys.executable, "-m", "locust", "-f", str(FOLDER / locustfile), user_class, "--headless"),
        *("--only-summary", "--loglevel", "WARNING", "--users", str(users), "--spawn-rate", str(users)),
        *("--host", "{host}", "--run-time", "{seconds}"),
        *(("--runs-dir", "{folder}/runs", "--quiet-locust") if ours else ()),
    ]
    return Generator(name, tuple(command), env)


def measure(
    generator: Generator,
    server: Server,
    cores: Cores,
    folder: Path,
    *,
    settle_s: float,
    window_s: float,
) -> Window:
    """Run a generator against a server. `folder` takes its output. Raises LoadFailedError."""
    seconds = math.ceil(settle_s + window_s + TAIL_S)
    argv = generator.argv(server.url, seconds, folder)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "HARNESS_"))}
    before = server.requests()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            pinned(argv, cores.generator),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**inherited, **generator.env},
        )
        try:
            window = _watch(child, server, cores, before, settle_s, window_s, seconds)
            code = child.wait(END_S)
        except (LoadFailedError, subprocess.TimeoutExpired, psutil.Error) as error:
            line = _last_line(log.fileno()) or "nothing"
            raise LoadFailedError(f"{generator.name}: {error}; the last it said: {line}") from error
        finally:
            _end(child)
        if code not in RAN_TO_ITS_END:
            raise LoadFailedError(f"{generator.name}: exit code {code}: {_last_line(log.fileno())}")
    return replace(window, served=server.requests() - before)


def _watch(
    child: subprocess.Popen[bytes],
    server: Server,
    cores: Cores,
    before: int,
    settle_s: float,
    window_s: float,
    seconds: int,
) -> Window:
    deadline_s = time.monotonic() + BEGIN_S
    while server.requests() == before:
        if child.poll() is not None:
            raise LoadFailedError(f"ended with exit code {child.returncode} before any load")
        if time.monotonic() > deadline_s:
            raise LoadFailedError(f"no load within {BEGIN_S:.0f} s")
        time.sleep(0.01)
    begun_s = time.perf_counter()
    time.sleep(settle_s)
    process = psutil.Process(child.pid)
    first = _look(process, server, cores)
    time.sleep(window_s)
    last = _look(process, server, cores)
    if child.poll() is not None or last.at_s - begun_s > seconds - SLACK_S:
        raise LoadFailedError("the load may have ended before the window did: the machine is too busy")
    wall_s = last.at_s - first.at_s
    cpu_s = last.cpu_s - first.cpu_s
    return Window(
        requests=last.requests - first.requests,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_rss_bytes=_peak_rss_bytes(process),
        server_busy=(last.server_cpu_s - first.server_cpu_s) / wall_s,
        others_busy=0.0 if cores.generator is None else max(last.core_s - first.core_s - cpu_s, 0.0) / wall_s,
        start_us=first.at_us,
        end_us=last.at_us,
    )


@dataclass(frozen=True, slots=True)
class _Look:
    requests: int
    at_s: float
    at_us: int
    cpu_s: float
    server_cpu_s: float
    core_s: float


def _look(process: psutil.Process, server: Server, cores: Cores) -> _Look:
    times = process.cpu_times()
    core_s = 0.0
    if cores.generator is not None:
        core = psutil.cpu_times(percpu=True)[cores.generator]
        # `user` holds the guest's share already.
        core_s = sum(core[:8]) - core.idle - getattr(core, "iowait", 0.0)
    return _Look(
        server.requests(),
        time.perf_counter(),
        time.time_ns() // 1000,
        times.user + times.system,
        server.cpu_s(),
        core_s,
    )


def _peak_rss_bytes(process: psutil.Process) -> int:
    """The most the process has held so far; what it holds now where the kernel keeps no peak."""
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)


def _last_line(log: int) -> str:
    size = os.fstat(log).st_size
    text = os.pread(log, 4000, max(size - 4000, 0)).decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The request log that a run of the harness left, with times in µs."""

    intended_us: NDArray[np.int64]
    sent_us: NDArray[np.int64]
    done_us: NDArray[np.int64]
    not_ok: int
    dropped: int
    common_error: str

    @property
    def trouble(self) -> str:
        """What did not go well, in one line; empty for a run without a failure or a dropped arrival."""
        if not self.not_ok and not self.dropped:
            return ""
        return f"{self.not_ok} requests not ok ({self.common_error}), {self.dropped} arrivals dropped"


def recorded(folder: Path) -> Recorded:
    """The log of the one run in a generator's folder. Raises LoadFailedError when there is none."""
    runs: Sequence[Path] = list((folder / "runs").glob("*/requests.parquet"))
    if len(runs) != 1:
        raise LoadFailedError("the run left no request log")
    table = pq.read_table(runs[0], columns=["intended_at", "sent_at", "done_at", "outcome", "error"])
    health = pq.read_table(runs[0].with_name("generator.parquet"), columns=["dropped"])
    intended_us, sent_us, done_us = (
        table[name].cast(pa.int64()).fill_null(0).to_numpy() for name in ("intended_at", "sent_at", "done_at")
    )
    bad = table.filter(pc.field("outcome") != "ok")
    errors = Counter(zip(bad["outcome"].to_pylist(), bad["error"].to_pylist(), strict=True))
    return Recorded(
        intended_us,
        sent_us,
        done_us,
        not_ok=bad.num_rows,
        dropped=sum(number or 0 for number in health["dropped"].to_pylist()),
        common_error=": ".join(filter(None, errors.most_common(1)[0][0])) if errors else "none",
    )
