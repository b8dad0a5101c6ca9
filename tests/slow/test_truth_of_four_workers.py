"""Figures over four workers are those of all their samples together, to the last digit.

Oracle: numpy over the rows of requests.parquet, and over the parts of each worker put one after the other.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from harness.runs import open_run
from harness.stats import Distribution
from tests.plugin.conftest import SUPPORT, LocustRunner, run_locust
from tests.support.processes import free_port, running

__all__ = ["run_locust"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WORKERS = 4
STAMPS = ("done_at", "intended_at")
LEVELS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
#: Nothing is left out of the measured window but ramps and drain.
CONFIG = """
[scenarios.stamped_users]
locustfiles = ["stamped_users.py"]
warm_up_s = 0.0
settle_s = 0.0
"""


@pytest.fixture
def stalling() -> Iterator[str]:
    """A service that stalls 0.3 s in every 2 s: the workers' samples are spread, and differ."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    plan = ["--delay-ms", "3", "--stall-s", "0.3", "--every-s", "2"]
    with running([str(SUPPORT / "stamping_service.py"), "--port", str(port), *plan], f"{url}/stamps"):
        yield url


@pytest.mark.parametrize("user", ["PoissonArrivals", "ClosedLoop"])
def test_merged_percentiles_are_those_of_the_concatenated_samples(
    run_locust: LocustRunner, stalling: str, tmp_path: Path, user: str
) -> None:
    (tmp_path / "harness.toml").write_text(CONFIG)
    ended = run_locust(
        *("-H", stalling, "-u", "8", "-r", "8", "-t", "10s", "--processes", str(WORKERS), user),
        locustfile=str(SUPPORT / "stamped_users.py"),
        env={"ARRIVALS_PER_USER": "15"},
    )
    rows = open_run(ended.run).requests()
    (hold,) = [phase for phase in ended.manifest["phases"] if phase["kind"] == "hold"]
    rows = rows[rows["phase"] == hold["name"]]
    parts = [milliseconds(part) for _, part in rows.groupby("worker")]
    assert len(parts) == WORKERS
    assert min(len(part) for part in parts) > 50
    together = np.concatenate(parts)
    group = ended.summary["groups"]["all"]
    assert group["requests"] == len(together)
    figures = group["response_time"]
    told = {name: figures[name]["value"] for name in LEVELS}
    assert told == {name: np.quantile(together, q) for name, q in LEVELS.items()}
    assert told == {name: np.quantile(milliseconds(rows), q) for name, q in LEVELS.items()}
    assert (figures["min"]["value"], figures["max"]["value"]) == (np.min(together), np.max(together))
    averaged = {name: np.mean([np.quantile(part, q) for part in parts]) for name, q in LEVELS.items()}
    print(f"\n{user}: {len(together)} samples; averaging the workers' own percentiles would tell")
    for name in LEVELS:
        print(f"| {name} | {averaged[name]:8.3f} ms | instead of {told[name]:8.3f} ms |")
    assert averaged["p95"] != told["p95"]
    assert Distribution.of(together) == Distribution.of(milliseconds(rows))


def milliseconds(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Response times, from whole microseconds."""
    done_us, intended_us = (rows[name].to_numpy("datetime64[us]").astype(np.int64) for name in STAMPS)
    times: NDArray[np.float64] = (done_us - intended_us) / 1000
    return times
