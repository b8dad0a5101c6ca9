"""A soak as it would be recorded, made in a second: response times, failures and memory of a service.

Half an hour at ten requests per second. What is not planted wanders all the same, as it does in
life: the level of the response times by a few percent over minutes, the memory as a garbage
collector lets it.
"""

from pathlib import Path

import numpy as np

from harness.runs import Run
from tests.support.recorded_runs import phase, request, resource, write_run

SECONDS = 1800
PER_S = 10
BASE_BYTES = 200_000_000


def simulated_soak(
    folder: Path,
    seed: int,
    *,
    slower_percent_per_min: float = 0.0,
    leak_bytes_per_min: float = 0.0,
    errors_percent_at_end: float = 0.5,
) -> Run:
    """`errors_percent_at_end`: 0.5 % of the requests fail at the start, and so many at the end."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, SECONDS, SECONDS * PER_S))
    wander = np.interp(at, np.arange(SECONDS + 1), _wander(rng, 0.02))
    took = rng.lognormal(np.log(200), 0.3, at.size) * (1 + wander)
    took *= 1 + slower_percent_per_min / 100 * at / 60
    fails = rng.random(at.size) < np.linspace(0.5, errors_percent_at_end, at.size) / 100
    rows = [
        request(float(second), float(ms), category=("simple", "complex")[index % 2])
        | ({"outcome": "server_error", "cause": "service"} if failed else {})
        for index, (second, ms, failed) in enumerate(zip(at, took, fails, strict=True))
    ]
    seconds = np.arange(SECONDS)
    sawtooth = 3_000_000 * (seconds % 37) / 37
    memory = BASE_BYTES * (1 + _wander(rng, 0.005)[:SECONDS]) + sawtooth + leak_bytes_per_min * seconds / 60
    told = [
        resource(float(second), memory_bytes=int(held), cpu_percent=20.0)
        for second, held in zip(seconds, memory, strict=True)
    ]
    return write_run(
        folder, rows, resources=told, phases=[phase("20-users", "hold", 20, 0, SECONDS)], warm_up_s=5.0
    )


def _wander(rng: np.random.Generator, size: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """An AR(1) process of that standard deviation, which forgets itself in about 20 s."""
    keep = 0.95
    steps = rng.normal(0, size * np.sqrt(1 - keep**2), SECONDS + 1)
    level = np.zeros(SECONDS + 1)
    for second in range(1, SECONDS + 1):
        level[second] = keep * level[second - 1] + steps[second]
    return level
