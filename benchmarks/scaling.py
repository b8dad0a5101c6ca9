"""How far a test scales: what more workers send, and how many workers and rows one master takes in.

    .venv/bin/python benchmarks/scaling.py [--quick] [--json] [--only workers | --only master]

`workers`: real ones against a server with a fixed answer, all on this machine, so that more than there are
cores for cannot send more. `master`: a real master and simulated workers (`_scaling_workers.py`: the real
protocol and real rows, six components per request; no user runs). A load is TOO MUCH for the master where a
worker or a row was lost, where the run did not end, or where the master gave no sign for more than 10 s
(after 38 s, workers leave). From the loads that it carried follow, by least squares, its CPU per worker and
per 1,000 requests/s. Exit code 1 if a load of the smallest kind was too much.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._engine_servers import Server, fixed_answers, machine, raise_open_files
from harness.runs import Manifest

FOLDER = Path(__file__).parent
LOCUSTFILE = FOLDER / "_engine_users.py"
WORKERS = (1, 2, 4)
USERS_PER_WORKER = 32
LOADS = ((50, 50), (50, 2000), (100, 100), (100, 5000), (200, 200), (500, 500), (1000, 1000))
QUICK_LOADS = ((10, 50), (40, 400))
SILENCE_S = 10.0
SETTLE_S = 4.0
START_S = 120.0
END_S = 60.0
CONFIGURATION = """
[criteria]
p95 = "p95(response_time) < 1000 ms"
errors = "error_rate < 1 %"
throughput = "throughput > 1 req/s"

[scenarios.scaling]
locustfiles = ["{locustfile}"]
criteria = ["p95", "errors", "throughput"]
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What so many real workers sent. CPU in cores: 1 is one core busy."""

    workers: int
    requests_per_s: float
    worker_cpu: float
    master_cpu: float
    server_cpu: float

    @property
    def per_worker_core(self) -> float:
        """Requests per second for each core that the workers got."""
        return self.requests_per_s / self.worker_cpu


@dataclass(frozen=True, slots=True)
class Taken:
    """How a master took a load. CPU in cores, memory in MB; `end_s` is from the last request to its exit."""

    workers: int
    requests_per_s: float
    master_cpu: float
    rss_mb: float
    silence_s: float
    rows_sent: int
    rows_received: int
    workers_lost: int
    own_lag_s: float
    end_s: float = 0.0
    ended: bool = True

    @property
    def too_much(self) -> bool:
        lost = self.workers_lost or self.rows_received != self.rows_sent
        return bool(lost) or not self.ended or self.silence_s > SILENCE_S

    @property
    def said(self) -> str:
        """In the last column."""
        if not self.ended:
            return f"too much: did not end within {END_S:.0f} s"
        if self.own_lag_s > 1:
            return f"the simulated workers were up to {self.own_lag_s:.1f} s late themselves"
        return "too much" if self.too_much else ""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a master: what is there without load, for each worker, and for each 1,000 requests/s."""

    base: float
    per_worker: float
    per_1000_per_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what workers send and what a master takes in.")
    parser.add_argument("--quick", action="store_true", help="few workers, a few seconds each: does it run?")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--only", choices=("workers", "master"))
    parser.add_argument("--window-s", type=float, help="how long each load is measured (default: 12)")
    options = parser.parse_args()
    raise_open_files()
    window_s = options.window_s or (4.0 if options.quick else 12.0)
    before = machine()
    sent: list[Sent] = []
    if options.only != "master":
        counts = WORKERS[:1] if options.quick else WORKERS
        sent = [real_workers(count, window_s) for count in counts]
        if not options.json:
            print(sent_table(sent), flush=True)
    taken: list[Taken] = []
    if options.only != "workers":
        for workers, rate in QUICK_LOADS if options.quick else LOADS:
            taken.append(simulated_workers(workers, rate, window_s))
            if not options.json:
                print(taken_table(taken[-1:], heading=len(taken) == 1), flush=True)
    if options.json:
        print(json.dumps(_document(before, sent, taken), indent=2))
    elif taken:
        print(cost_text(taken))
    sys.exit(bool(taken) and taken[0].too_much)


def _document(before: dict[str, Any], sent: Sequence[Sent], taken: Sequence[Taken]) -> dict[str, Any]:
    return {
        "machine": before,
        "workers": [asdict(each) for each in sent],
        "master": [{**asdict(each), "too_much": each.too_much} for each in taken],
        "cpu": asdict(cost_of(taken, "master_cpu")) if len(taken) > 2 else None,
        "rss_mb": asdict(cost_of(taken, "rss_mb")) if len(taken) > 2 else None,
    }


# --- real workers ------------------------------------------------------------------------------------------


def real_workers(workers: int, window_s: float) -> Sent:
    """As many as asked for, each with users that send as fast as they are answered."""
    port, users = _free_port(), workers * USERS_PER_WORKER
    options = ["--processes", str(workers), "--users", str(users), "--spawn-rate", str(users)]
    with fixed_answers(None) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options += ["--run-time", str(round(SETTLE_S + window_s + 2)), "--host", server.url]
        with _locust(folder, port, *options) as master:
            _await(lambda: server.requests() > 100, master, "no request came")
            time.sleep(SETTLE_S)
            found = _watch_real(psutil.Process(master.pid), server, window_s)
            master.wait(START_S)
    return found


def _watch_real(master: psutil.Process, server: Server, window_s: float) -> Sent:
    # Forked, and so of the same command line; others come and go.
    children = [child for child in master.children() if child.cmdline() == master.cmdline()]

    def look() -> tuple[float, int, float, float, float]:
        workers_s = sum(_cpu_s(child) for child in children)
        return time.monotonic(), server.requests(), workers_s, _cpu_s(master), server.cpu_s()

    before = look()
    time.sleep(window_s)
    took_s, requests, *cpu_s = np.subtract(look(), before)
    return Sent(len(children), requests / took_s, *(each / took_s for each in cpu_s))


# --- simulated workers -------------------------------------------------------------------------------------


def simulated_workers(workers: int, rate_per_s: float, window_s: float) -> Taken:
    """A real master that is told what so many workers would tell it."""
    port = _free_port()
    options = ["--master", "--expect-workers", str(workers), "--users", str(workers)]
    options += ["--spawn-rate", str(workers), "--host", "http://127.0.0.1:9", "--skip-target-check"]
    options += ["--run-time", str(round(SETTLE_S + window_s + 2)), "--metrics-port", str(_free_port())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _locust(folder, port, *options) as master, _many(port, workers, rate_per_s) as many:
            assert many.stdout is not None
            line, running = many.stdout.readline(), "running\n"
            time.sleep(SETTLE_S if line == running else 0)
            cpu, rss_mb = _watch_master(psutil.Process(master.pid), window_s if line == running else 1.0)
            # Without `running` the workers had left before all of them had users.
            seen = json.loads((many.stdout.read() if line == running else line) or "{}")
            ended = _ended(master)
            end_s = time.monotonic() - (seen.get("drained_s") or time.monotonic())
        manifests = list((folder / "runs").glob("*/manifest.json"))
        if not seen or not manifests:
            raise SystemExit(f"{workers} workers: the run left nothing behind:\n{_said(folder)}")
        manifest = Manifest.model_validate_json(manifests[0].read_text())
        taken = _taken(manifest, seen, rate_per_s, cpu, rss_mb)
        return replace(taken, end_s=end_s, ended=ended)


def _watch_master(master: psutil.Process, window_s: float) -> tuple[float, float]:
    """Its CPU in cores over the window, and its memory at the end, in MB."""
    before_s, since_s = _cpu_s(master), time.monotonic()
    time.sleep(window_s)
    cpu = (_cpu_s(master) - before_s) / (time.monotonic() - since_s)
    return cpu, master.memory_info().rss / 1e6


def _ended(master: "subprocess.Popen[bytes]") -> bool:
    """Whether it ended by itself; one whose workers speak faster than it reads never comes to that."""
    try:
        master.wait(END_S)
    except subprocess.TimeoutExpired:
        master.kill()
        return False
    return True


def _taken(manifest: Manifest, seen: dict[str, Any], rate_per_s: float, cpu: float, rss_mb: float) -> Taken:
    return Taken(
        workers=seen["workers"],
        requests_per_s=rate_per_s,
        master_cpu=cpu,
        rss_mb=rss_mb,
        silence_s=seen["longest_silence_s"],
        rows_sent=seen["rows"],
        rows_received=sum(worker.rows_received for worker in manifest.workers),
        workers_lost=max(sum(worker.lost for worker in manifest.workers), seen["left"]),
        own_lag_s=seen["own_lag_s"],
    )


@contextmanager
def _many(port: int, workers: int, rate_per_s: float) -> Iterator["subprocess.Popen[str]"]:
    argv = [sys.executable, "-m", "benchmarks._scaling_workers", "--port", str(port)]
    argv += ["--workers", str(workers), "--rate", str(rate_per_s), "--locustfile", str(LOCUSTFILE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent) as child:
        try:
            yield child
        finally:
            child.terminate()


# --- both --------------------------------------------------------------------------------------------------


@contextmanager
def _locust(folder: Path, port: int, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A headless Locust whose run folder and output are below `folder`; ended if it has not ended."""
    configuration = folder / "harness.toml"
    configuration.write_text(CONFIGURATION.format(locustfile=LOCUSTFILE), encoding="utf-8")
    argv = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--quiet-locust"]
    argv += ["--loglevel", "WARNING", "--scenario", "scaling", "--config-file", str(configuration)]
    argv += ["--master-bind-port", str(port), "--master-port", str(port), *options]
    env = {name: text for name, text in os.environ.items() if not name.startswith(("LOCUST_", "HARNESS_"))}
    env["HARNESS_RUNS_DIR"] = str(folder / "runs")
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=env)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(START_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _await(condition: Any, child: "subprocess.Popen[bytes]", otherwise: str) -> None:
    deadline_s = time.monotonic() + START_S
    while not condition():
        if child.poll() is not None or time.monotonic() > deadline_s:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def _said(folder: Path) -> str:
    return (folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def cost_of(taken: Sequence[Taken], figure: str) -> Cost:
    """Least squares of a figure over workers and requests/s; needs three loads that differ."""
    rows = [(1.0, each.workers, each.requests_per_s / 1000) for each in taken]
    solved, *_ = np.linalg.lstsq(np.array(rows), np.array([getattr(each, figure) for each in taken]))
    return Cost(*(float(each) for each in solved))


def sent_table(sent: Sequence[Sent]) -> str:
    lines = ["workers  requests/s  cores: workers  master  server  requests/s per worker core"]
    lines += [
        f"{each.workers:7}  {each.requests_per_s:10,.0f}  {each.worker_cpu:14.2f}  {each.master_cpu:6.2f}"
        f"  {each.server_cpu:6.2f}  {each.per_worker_core:26,.0f}"
        for each in sent
    ]
    return "\n".join(lines) + "\n"


def taken_table(taken: Sequence[Taken], *, heading: bool = True) -> str:
    lines = (
        ["workers  requests/s  master: cores    MB  silent s  end s  rows lost  workers lost"]
        if heading
        else []
    )
    lines += [
        f"{each.workers:7,}  {each.requests_per_s:10,.0f}  {each.master_cpu:13.2f}  {each.rss_mb:4,.0f}"
        f"  {each.silence_s:8.2f}  {each.end_s:5.1f}  {each.rows_sent - each.rows_received:9,}"
        f"  {each.workers_lost:12}  {each.said}"
        for each in taken
    ]
    return "\n".join(lines)


def cost_text(taken: Sequence[Taken]) -> str:
    """The sizing rule, from the loads that were carried."""
    carried = [each for each in taken if not each.too_much]
    if len(carried) < 3:
        return ""
    cpu, memory = cost_of(carried, "master_cpu"), cost_of(carried, "rss_mb")
    return (
        f"\nof a master: {cpu.base:.2f} cores, {100 * cpu.per_worker:.2f} more for 100 workers, "
        f"{cpu.per_1000_per_s:.2f} more for 1,000 requests/s\n"
        f"             {memory.base:.0f} MB, {100 * memory.per_worker:.0f} more for 100 workers, "
        f"{memory.per_1000_per_s:.0f} more for 1,000 requests/s"
    )


if __name__ == "__main__":
    main()
