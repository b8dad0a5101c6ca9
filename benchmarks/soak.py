"""Whether the bundled target stays flat under load: memory, sockets, tasks.

    .venv/bin/python benchmarks/soak.py [--minutes 10] [--rate CASES_PER_S]

Sends the mixed corpus at a steady rate, 70 % of what the machine carried in a short test before, over the
reference profile. A quarter of the time is for warming up; the rest is cut in two. A level GROWS when the
slope of its samples (Theil-Sen) is above zero with 95 % confidence in both halves, and the smaller of the two
would add more than a tenth within an hour. A single step, as after a pause of the machine, which leaves a
larger pool of connections behind, is no growth. Exit code 1 if a level grows or a case fails.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from scipy import stats

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._services import (
    SIMULATOR,
    TARGET,
    Answer,
    Client,
    Service,
    client,
    corpus,
    require_ok,
    running,
)

CAPACITY_CASES = 600
CAPACITY_CLIENTS = 96
SHARE = 0.7
WARM_UP_SHARE = 0.25
SAMPLES = 120
TOLERANCE_PER_HOUR = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """The target at one moment."""

    at_s: float
    rss_mb: float
    sockets: int
    tasks: float


def main() -> None:
    """Print capacity, a table of levels, and the verdict."""
    parser = argparse.ArgumentParser(description="Watch the target's memory, sockets and tasks under load.")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--rate", type=float, help="cases/s; default: 70 %% of the capacity found")
    options = parser.parse_args()
    with running(SIMULATOR) as simulator, running(TARGET, INFERENCE_URL=simulator.url) as target:
        failed = asyncio.run(soak(target, options.minutes * 60, options.rate))
    raise SystemExit(1 if failed else 0)


async def soak(target: Service, seconds: float, rate_per_s: float | None) -> bool:
    """Load and watch; returns whether something failed or grew."""
    async with client(target.url) as sender:
        if rate_per_s is None:
            capacity_per_s = await _capacity(sender)
            rate_per_s = SHARE * capacity_per_s
            print(f"capacity {capacity_per_s:.0f} cases/s")
        print(f"{rate_per_s:.0f} cases/s for {seconds:.0f} s", flush=True)
        watching = asyncio.create_task(_watch(sender, target, seconds))
        statuses = await _load(sender, rate_per_s, seconds)
        samples = await watching
    bad = sum(status != 200 for status in statuses)
    print(f"{len(statuses)} cases, {bad} failed")
    return _judge(samples) or bad > 0


async def _capacity(sender: Client) -> float:
    started_s = time.perf_counter()
    require_ok(await sender.closed_loop(corpus(), count=CAPACITY_CASES, clients=CAPACITY_CLIENTS))
    return CAPACITY_CASES / (time.perf_counter() - started_s)


async def _load(sender: Client, rate_per_s: float, seconds: float) -> list[int]:
    """A steady rate; only statuses are kept, so that this process stays flat as well."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    statuses: list[int] = []
    pending: set[asyncio.Task[Answer]] = set()

    def done(task: asyncio.Task[Answer]) -> None:
        pending.discard(task)
        statuses.append(task.result().status)

    for number, case in enumerate(itertools.cycle(corpus())):
        await asyncio.sleep(start_s + number / rate_per_s - loop.time())
        if loop.time() - start_s > seconds:
            break
        task = asyncio.create_task(sender.send(case))
        pending.add(task)
        task.add_done_callback(done)
    await asyncio.gather(*pending)
    return statuses


async def _watch(sender: Client, target: Service, seconds: float) -> list[Sample]:
    started_s = time.monotonic()
    samples: list[Sample] = []
    while (at_s := time.monotonic() - started_s) < seconds:
        sockets = len(target.process.net_connections("inet"))
        rss_mb = target.process.memory_info().rss / 1e6
        samples.append(Sample(at_s, rss_mb, sockets, await _gauge(sender, "target_asyncio_tasks")))
        await asyncio.sleep(max(1.0, seconds / SAMPLES))
    return samples


async def _gauge(sender: Client, name: str) -> float:
    text = await sender.get("/metrics")
    families = text_string_to_metric_families(text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def _judge(samples: Sequence[Sample]) -> bool:
    kept = samples[int(len(samples) * WARM_UP_SHARE) :]
    if len(kept) < 20:
        raise SystemExit("too short to judge: give more --minutes")
    hours = np.array([sample.at_s / 3600 for sample in kept])
    slope_title = "slope per hour in each half, with 95 % interval"
    print(f"{'level':8} {'1st half':>8} {'2nd half':>8} {'highest':>8}  {slope_title:64} verdict")
    grown = False
    for name in ("rss_mb", "sockets", "tasks"):
        values = np.array([getattr(sample, name) for sample in kept], dtype=float)
        half = len(values) // 2
        slopes = [
            stats.theilslopes(values[part], hours[part], 0.95) for part in (slice(half), slice(half, None))
        ]
        per_hour = min(slope for slope, *_ in slopes)
        surely_up = all(low > 0 for *_, low, _ in slopes)
        grows = surely_up and per_hour > TOLERANCE_PER_HOUR * float(np.median(values))
        grown |= grows
        medians = [float(np.median(values[:half])), float(np.median(values[half:]))]
        slope_text = " ".join(f"{slope:+9.1f} [{low:+.1f}, {high:+.1f}]" for slope, _, low, high in slopes)
        print(
            f"{name:8} {medians[0]:8.1f} {medians[1]:8.1f} {values.max():8.1f}  {slope_text:64} "
            f"{'GROWS' if grows else 'FLAT'}"
        )
    return grown


if __name__ == "__main__":
    main()
