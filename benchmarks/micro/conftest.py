"""Shared by the microbenchmarks: how often each is called, and the process they run in."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# Locust monkey-patches whatever process imports it, which would slow asyncio's part of this one down.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]

ROUNDS = 200

#: For work that waits for nothing: what else the machine does is then left out.
CPU_TIME = pytest.mark.benchmark(timer=time.process_time)

Measure = Callable[..., Any]


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Iterator[Measure]:
    """Time `work` in 200 rounds of `calls` calls each, after ten that do not count.

    Fixed numbers, unlike a calibration, give each run of the benchmarks as many samples of the same
    size, so that the runs can be compared. The garbage collector waits until the end: when it comes
    depends on what else the process has allocated. Returns what `work` returned last.
    """

    def run(work: Callable[[], Any], *, calls: int, rounds: int = ROUNDS) -> Any:
        # The plugin is typed but for this method.
        return benchmark.pedantic(work, iterations=calls, rounds=rounds, warmup_rounds=10)  # type: ignore[no-untyped-call]

    gc.collect()
    gc.disable()
    yield run
    gc.enable()
