"""What the bundled target costs, and how far it is from the ideal.

    make bench            or            .venv/bin/python benchmarks/target.py

Services and simulator are processes of their own on this machine; the clients are in this one. Rows:

cases per CPU-second   a moderate case of five model calls, the provider answers at once, one process, 16
                       clients; against the same agents and HTTP front over agno's stock Groq class and the
                       SDK's default httpx client. Pairs in alternating order.
p50, 64 cases at once  every model call takes 300 ms and nothing else, so that a case of triage, specialists
                       in parallel and synthesis takes 900 ms at best; stock is there for comparison
overhead / total       what a case spends outside its stages, by its own timings, with the mixed corpus over
                       the reference profile
beyond the provider    what a case takes over those 900 ms, by its own timings: agno, SDK and HTTP included

The last two are at 50 cases/s; ours and other are medians in ms, ratio and spread are of the 95th percentiles
of the cases' shares, in three rounds.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._services import (
    SIMULATOR,
    STOCK,
    TARGET,
    Answer,
    Service,
    client,
    corpus,
    require_ok,
    running,
)

PAIRS = 5
CPU_CASES = 160
CONCURRENT = 64
CALL_MS = 300.0
IDEAL_MS = 3 * CALL_MS
RATE_PER_S = 50
OVERHEAD_S = 8
MODERATE: list[dict[str, Any]] = [case for case in corpus("moderate", specialists=3) if not case["conflict"]][
    :1
]

Cases = Sequence[dict[str, Any]]

PROFILE = """
[models."{name}"]
owned_by = "nobody"
context_window_tokens = 131072
queue_median_ms = 0.001
queue_p95_ms = 0.001
network_ms = {ms}
prefill_tokens_per_s = 1_000_000_000
decode_tokens_per_s = 1_000_000_000
jitter = 0.0
decode_slots = 100_000
"""


def main() -> None:
    """Print one table."""
    print(f"{'what':45} {'ours':>9} {'other':>9} {'ratio':>6}  {'spread':11} goal")
    cpu()
    p50()
    overhead()


def row(what: str, ours: list[float], other: list[float], ratios: list[float], goal: str) -> None:
    """Medians of both and of the pairs' ratios, with the ratios' range."""
    spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
    middle = [statistics.median(side) for side in (ours, other, ratios)]
    print(f"{what:45} {middle[0]:9.1f} {middle[1]:9.1f} {middle[2]:6.3f}  {spread:11} {goal}", flush=True)


def cpu() -> None:
    """Ours against stock, over a provider without delay."""
    with (
        running((*SIMULATOR, "--speed-factor", "0")) as simulator,
        running(TARGET, INFERENCE_URL=simulator.url) as ours,
        running(STOCK, INFERENCE_URL=simulator.url) as stock,
    ):
        for service in (ours, stock):
            asyncio.run(_cases_per_cpu_s(service, 48))  # warm up
        pairs: list[tuple[float, float]] = []
        for turn in range(PAIRS):
            order = (ours, stock) if turn % 2 == 0 else (stock, ours)
            rates = {service.url: asyncio.run(_cases_per_cpu_s(service, CPU_CASES)) for service in order}
            pairs.append((rates[ours.url], rates[stock.url]))
    a, b = [list(side) for side in zip(*pairs, strict=True)]
    row("cases per CPU-second / stock", a, b, [x / y for x, y in pairs], ">= 2")


async def _cases_per_cpu_s(service: Service, count: int) -> float:
    async with client(service.url) as sender:
        before_s = service.cpu_s()
        require_ok(await sender.closed_loop(MODERATE, count=count, clients=16))
        return count / (service.cpu_s() - before_s)


def p50() -> None:
    """Against the critical path of a provider that always takes the same time."""
    with (
        slow_provider() as simulator,
        running(TARGET, INFERENCE_URL=simulator.url) as ours,
        running(STOCK, INFERENCE_URL=simulator.url) as stock,
    ):
        asyncio.run(_p50_ms(ours, 2 * CONCURRENT))  # warm up
        figures = [asyncio.run(_p50_ms(ours, 6 * CONCURRENT)) for _ in range(3)]
        slow = asyncio.run(_p50_ms(stock, 2 * CONCURRENT))
    ideal = [IDEAL_MS] * len(figures)
    row(
        f"p50 ms, {CONCURRENT} cases at once / ideal",
        figures,
        ideal,
        [x / IDEAL_MS for x in figures],
        "<= 1.15",
    )
    row("  the same for stock / ideal", [slow], [IDEAL_MS], [slow / IDEAL_MS], "")


async def _p50_ms(service: Service, count: int) -> float:
    async with client(service.url) as sender:
        answers = require_ok(
            await sender.closed_loop(MODERATE, count=count, clients=CONCURRENT, ramp_s=IDEAL_MS / 1000)
        )
    return statistics.median(answer.total_ms for answer in answers)


@contextmanager
def slow_provider() -> Iterator[Service]:
    """A simulator whose every call takes CALL_MS."""
    names = ("openai/gpt-oss-120b", "openai/gpt-oss-20b")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as profile:
        profile.write("".join(PROFILE.format(name=name, ms=CALL_MS) for name in names))
        profile.flush()
        with running((*SIMULATOR, "--profile", profile.name)) as simulator:
            yield simulator


def overhead() -> None:
    """By the timings in the answers."""
    with running(SIMULATOR) as simulator, running(TARGET, INFERENCE_URL=simulator.url) as ours:
        _share_row("overhead / total", ours, corpus(), lambda timings: timings["overhead_ms"], "<= 0.05")
    with slow_provider() as simulator, running(TARGET, INFERENCE_URL=simulator.url) as ours:
        _share_row(
            "beyond the provider / total", ours, MODERATE, lambda timings: timings["total_ms"] - IDEAL_MS
        )


def _share_row(
    what: str, service: Service, cases: Cases, part_ms: Callable[[dict[str, float]], float], goal: str = ""
) -> None:
    asyncio.run(_steady(service, cases, 2))  # warm up
    parts, totals, shares = [], [], []
    for _ in range(3):
        timings = [answer.timings for answer in asyncio.run(_steady(service, cases, OVERHEAD_S))]
        parts.append(statistics.median(map(part_ms, timings)))
        totals.append(statistics.median(row["total_ms"] for row in timings))
        shares.append(float(np.quantile([part_ms(row) / row["total_ms"] for row in timings], 0.95)))
    row(f"{what}, p95 at {RATE_PER_S} cases/s", parts, totals, shares, goal)


async def _steady(service: Service, cases: Cases, seconds: float) -> Sequence[Answer]:
    async with client(service.url) as sender:
        return require_ok(await sender.open_loop(cases, rate_per_s=RATE_PER_S, seconds=seconds))


if __name__ == "__main__":
    main()
