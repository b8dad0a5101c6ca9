"""The open loop: what the generator adds to a known service time, how it keeps its schedule, what it
holds."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._engine_load import Generator, LoadFailedError, Recorded, Window, locust, measure, recorded
from benchmarks._engine_servers import Cores, Server, open_files_allowed, responder
from benchmarks._engine_table import Reach, Row

SERVICE_MS = 20.0
LATENCY_RATE_PER_S = 1000
SCHEDULE_RATE_PER_S = 2000
TOKENS = 10
PACED_PER_S = 5

IN_FLIGHT = 10_000
SLOW_MS = 5000.0
#: More than enough, so that arrivals and answers need not balance to the request.
IN_FLIGHT_RATE_PER_S = round(1.02 * IN_FLIGHT / (SLOW_MS / 1000))
OPEN_FILES = round(IN_FLIGHT * 1.02) + 500
RSS_MB = 500

Samples = NDArray[np.int64] | NDArray[np.float64]


def arrivals(rate_per_s: int, kind: str) -> Generator:
    """The harness's open loop at a rate, over TOKENS users."""
    return locust(
        "ours",
        "_engine_arrivals.py",
        "OurArrivals",
        users=TOKENS,
        BENCH_ARRIVALS_PER_USER=str(rate_per_s / TOKENS),
        BENCH_ARRIVALS=kind,
    )


def latency(cores: Cores, *, rounds: int, settle_s: float, window_s: float) -> list[Row]:
    """What is reported beyond what the server's side saw: the median and the 99th percentile."""
    table = _latency_rows()
    paced = locust(
        "FastHttpUser",
        "_engine_stock_users.py",
        "PacedFastUser",
        users=LATENCY_RATE_PER_S // PACED_PER_S,
        BENCH_PACED_PER_S=str(PACED_PER_S),
        BENCH_TIMES_FILE="times",
    )
    sides = [(arrivals(LATENCY_RATE_PER_S, "poisson"), _our_times), (paced, _stock_times)]
    for turn in range(rounds):
        for generator, read in sides if turn % 2 == 0 else reversed(sides):
            try:
                figures, window, short = _added_ms(generator, read, cores, settle_s, window_s)
            except LoadFailedError as error:
                for row in table:
                    row.failed = str(error)
                return table
            for row, figure in zip(table, figures, strict=True):
                row.saw(window.server_busy, window.others_busy)
                if generator is paced:
                    row.others.append(figure)
                    row.remark = row.remark or (short and f"{generator.name}: {short}")
                else:
                    row.ours.append(figure)
                    row.spoiled = row.spoiled or short
    return table


def _latency_rows() -> list[Row]:
    return [
        Row(
            name="latency",
            what=f"added latency, {LATENCY_RATE_PER_S:,} arrivals/s of {SERVICE_MS:g} ms, p{percent}",
            unit="ms",
            digits=2,
            signed=True,
            with_ratio=False,
            reach=Reach("ours", at_most=at_most_ms),
            against="Locust FastHttpUser",
        )
        for percent, at_most_ms in ((50, 0.3), (99, 2.0))
    ]


Reader = Callable[[Path, Window], tuple[Samples, Samples]]


def _added_ms(
    generator: Generator, read: Reader, cores: Cores, settle_s: float, window_s: float
) -> tuple[list[float], Window, str]:
    """Reported minus served, p50 and p99 in ms, over the window; and whether too few were sent."""
    with responder(SERVICE_MS, cores.server) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        window = measure(generator, server, cores, folder, settle_s=settle_s, window_s=window_s)
        at_us, response_us = read(folder, window)
        served = server.samples()
        service_us = _within(np.array(served["at_us"]), np.array(served["service_us"]), window)
        added_us = np.quantile(_within(at_us, response_us, window), [0.5, 0.99]) - np.quantile(
            service_us, [0.5, 0.99]
        )
        return [float(us) / 1000 for us in added_us], window, _short(len(at_us), LATENCY_RATE_PER_S, window)


def _our_times(folder: Path, window: Window) -> tuple[Samples, Samples]:
    """Intended start and response time, which counts from it."""
    log = recorded(folder)
    _check_all_ok(log)
    mine = _slice(log, window)
    return log.intended_us[mine], (log.done_us - log.intended_us)[mine]


def _stock_times(folder: Path, window: Window) -> tuple[Samples, Samples]:
    """Start and response time as the `request` event tells them, before Locust rounds them."""
    starts_s, times_ms = np.frombuffer((folder / "times").read_bytes()).reshape(2, -1)
    mine = (starts_s * 1e6 >= window.start_us) & (starts_s * 1e6 < window.end_us)
    return starts_s[mine] * 1e6, times_ms[mine] * 1000


def schedule(cores: Cores, *, rounds: int, settle_s: float, window_s: float) -> list[Row]:
    """How late requests leave: sent minus intended."""
    row = Row(
        name="schedule",
        what=f"schedule delay p99, {SCHEDULE_RATE_PER_S:,} arrivals/s, one worker",
        unit="ms",
        digits=2,
        reach=Reach("ours", at_most=5.0),
    )
    for _ in range(rounds):
        try:
            with responder(SERVICE_MS, cores.server) as server, tempfile.TemporaryDirectory() as name:
                generator = arrivals(SCHEDULE_RATE_PER_S, "poisson")
                window = measure(generator, server, cores, Path(name), settle_s=settle_s, window_s=window_s)
                log = recorded(Path(name))
                _check_all_ok(log)
                mine = _slice(log, window)
                row.spoiled = row.spoiled or _short(int(mine.sum()), SCHEDULE_RATE_PER_S, window)
                row.ours.append(float(np.quantile((log.sent_us - log.intended_us)[mine], 0.99)) / 1000)
                row.saw(window.server_busy, window.others_busy)
        except LoadFailedError as error:
            row.failed = row.failed or str(error)
    return [row]


def in_flight(cores: Cores, *, rounds: int, window_s: float) -> list[Row]:
    """Requests open at once, as the server counts them, and what the generator's process holds then."""
    what = f"in flight, one worker, answers after {SLOW_MS / 1000:g} s"
    held = Row(name="in-flight", what=f"requests {what}", reach=Reach("ours", at_least=IN_FLIGHT))
    memory = Row(name="in-flight", what="  its peak RSS", unit="MB", reach=Reach("ours", at_most=RSS_MB))
    if open_files_allowed() < OPEN_FILES:
        for row in (held, memory):
            row.skipped = f"this user may open {open_files_allowed():,} files, {OPEN_FILES:,} are needed"
        return [held, memory]
    for _ in range(rounds):
        try:
            with responder(SLOW_MS, cores.server) as server, tempfile.TemporaryDirectory() as name:
                _hold(server, cores, Path(name), window_s, (held, memory))
        except LoadFailedError as error:
            held.failed = memory.failed = held.failed or str(error)
    return [held, memory]


def _hold(server: Server, cores: Cores, folder: Path, window_s: float, table: tuple[Row, Row]) -> None:
    held, memory = table
    generator = arrivals(IN_FLIGHT_RATE_PER_S, "constant")
    # The first answers come after SLOW_MS; from then on the number in flight is level.
    settle_s = SLOW_MS / 1000 + 1
    window = measure(generator, server, cores, folder, settle_s=settle_s, window_s=window_s)
    log = recorded(folder)
    held.spoiled = held.spoiled or log.trouble
    held.ours.append(server.peak_in_flight())
    memory.ours.append(window.peak_rss_bytes / 1e6)
    if held.ours[-1] < IN_FLIGHT:
        memory.spoiled = "too few in flight"
    for row in table:
        row.saw(window.server_busy, window.others_busy)


def _slice(log: Recorded, window: Window) -> NDArray[np.bool_]:
    return (log.intended_us >= window.start_us) & (log.intended_us < window.end_us)


def _within(at_us: Samples, values: Samples, window: Window) -> Samples:
    return values[(at_us >= window.start_us) & (at_us < window.end_us)]


def _check_all_ok(log: Recorded) -> None:
    if log.trouble:
        raise LoadFailedError(f"ours: {log.trouble}")


def _short(count: int, rate_per_s: int, window: Window) -> str:
    """A generator that sends less has it easier. Four standard deviations of a Poisson stream are allowed."""
    due = rate_per_s * window.wall_s
    return "" if count >= due - 4 * math.sqrt(due) else f"{count:,} requests in the window, {due:,.0f} due"
