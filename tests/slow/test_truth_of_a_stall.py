"""A service that stalls for 1 s in every 10 s: what an open loop tells of it, and what a closed loop hides.

Response time as arrivals see it, at a rate that does not depend on the service: an arrival falls at
any moment u of the 10 s with the same chance. With u in the stall (one in ten) it takes 1 s - u and
the service's 5 ms, else 5 ms. So for q > 0.9

    quantile(q) = 5 ms + 1000 ms * (1 - (1 - q) / 0.1)

which is 505 ms at q = 0.95 and 905 ms at q = 0.99. The window is five whole periods long. An even
stream, at a rate that does not fit the period, meets every moment of it. Of n Poisson arrivals, a
quantile has a standard deviation of sqrt(q (1 - q) / n) / 0.1 s: at n = 10,000 it is 10 ms at
q = 0.99 and 3 ms at 0.999. So only the highest quantiles are held against the formula; all are held
against what the service's own stamps say. Where others keep the machine busy, a stall ends late: the
formula's 5 ms grow by as much as the stamps tell.

What is held to be true is what the harness calls VALID: a run that it calls INVALID, since others kept
the machine busy, is made again.

Rates are low for a reason: when a stall ends, all that waited is answered at once, which takes
the service and the load generator 15 to 30 µs each.

    pytest -m slow -s tests/slow/test_truth_of_a_stall.py     # prints the table
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.plugin.conftest import SUPPORT, Ended, LocustRunner, run_locust
from tests.support.processes import free_port, get, running

__all__ = ["run_locust"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Floats = NDArray[np.float64]

USERS = str(SUPPORT / "stamped_users.py")
SERVICE_MS, STALL_S, EVERY_S, PERIODS = 5.0, 1.0, 10.0, 5
#: Begins so long after the first request, and lasts whole periods.
WARM_UP_S = 2.0
TRIES = 3
LEVELS = (0.5, 0.95, 0.98, 0.99, 0.995, 0.9975, 0.999)


@pytest.fixture
def stalling() -> Iterator[str]:
    """The address of a service that stalls."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    plan = ["--delay-ms", str(SERVICE_MS), "--stall-s", str(STALL_S), "--every-s", str(EVERY_S)]
    with running([str(SUPPORT / "stamping_service.py"), "--port", str(port), *plan], f"{url}/stamps"):
        yield url


def analytic_ms(q: float) -> float:
    """The q-quantile of the response time of arrivals that do not wait for each other."""
    share = STALL_S / EVERY_S
    return SERVICE_MS + max(0.0, 1000 * STALL_S * (1 - (1 - q) / share))


def load(run: LocustRunner, runs: Path, url: str, user: str, users: int, per_user: float) -> Ended:
    """A run that the harness calls VALID, of a few tries; `runs` is where run folders go."""
    seconds = f"{WARM_UP_S + PERIODS * EVERY_S + 2:.0f}s"
    for _ in range(TRIES):
        ended = run(
            *("-H", url, "-u", str(users), "-r", str(users), "-t", seconds, "--skip-target-check", user),
            locustfile=USERS,
            env={"ARRIVALS_PER_USER": str(per_user)},
        )
        verdicts = ended.summary["verdicts"]
        if verdicts["validity"] == "VALID":
            return ended
        print("\nINVALID:", *(c["reason"] for c in verdicts["checks"] if c["verdict"] == "INVALID"))
        shutil.rmtree(runs)
    pytest.fail(f"{TRIES} runs were INVALID: this machine has other things to do")


def in_window(ended: Ended, url: str) -> pd.DataFrame:
    """What was due in the window: when it was due, when the service answered it, and what it took.

    The service answers in the order in which it is read, so that its stamps and the rows pair by rank.
    """
    *_, answered_s = [stamps for path, stamps in json.loads(get(f"{url}/stamps")).items() if "/job/" in path]
    rows = ended.requests.sort_values("done_at")
    assert set(rows["outcome"]) == {"ok"}
    due_s = (rows["intended_at"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    took_ms = (rows["done_at"] - rows["intended_at"]).dt.total_seconds() * 1000
    table = pd.DataFrame({"due_s": due_s, "answered_s": sorted(answered_s), "took_ms": took_ms})
    start_s = due_s.min() + WARM_UP_S
    return table[(due_s >= start_s) & (due_s < start_s + PERIODS * EVERY_S)]


def late_ms(rows: pd.DataFrame) -> float:
    """How much later than planned the service itself was after a stall, in the median."""
    stalled_s = STALL_S - rows["due_s"] % EVERY_S
    late_s = rows["answered_s"] - rows["due_s"] - stalled_s
    return float(late_s[stalled_s > 0].median()) * 1000 - SERVICE_MS


def tell(title: str, measured_ms: Floats, truth_ms: Sequence[float]) -> dict[float, float]:
    """Print measured beside true quantiles; the relative differences by level."""
    print(f"\n{title}: {len(measured_ms)} requests")
    off = {}
    for q, truth in zip(LEVELS, truth_ms, strict=True):
        measured = float(np.quantile(measured_ms, q))
        off[q] = measured / truth - 1
        print(f"| p{100 * q:<5g} | measured {measured:6.1f} ms | true {truth:6.1f} ms | {off[q]:+8.2%} |")
    return off


@pytest.mark.parametrize(
    ("user", "per_user", "well_known"),
    [
        pytest.param("ConstantArrivals", 75.65, LEVELS[1:], id="constant, 151.3 per s"),
        pytest.param("PoissonArrivals", 100, LEVELS[-2:], id="Poisson, 200 per s"),
    ],
)
def test_an_open_loop_tells_the_truth(
    run_locust: LocustRunner,
    stalling: str,
    tmp_path: Path,
    user: str,
    per_user: float,
    well_known: tuple[float, ...],
) -> None:
    ended = load(run_locust, tmp_path / "runs", stalling, user, 2, per_user)
    rows = in_window(ended, stalling)
    took_ms = rows["took_ms"].to_numpy()
    expected = 2 * per_user * PERIODS * EVERY_S
    assert len(rows) == pytest.approx(expected, abs=2 + 4 * (user == "PoissonArrivals") * expected**0.5)
    late = late_ms(rows)
    print(f"\nthe service was {late:.1f} ms late after a stall")
    off = tell(f"{user} against the formula", took_ms, [analytic_ms(q) + late for q in LEVELS])
    assert [off[q] for q in well_known] == pytest.approx([0.0] * len(well_known), abs=0.02)
    answer_ms = (rows["answered_s"] - rows["due_s"]).to_numpy() * 1000
    off = tell(f"{user} against the service's stamps", took_ms, np.quantile(answer_ms, LEVELS).tolist())
    assert [off[q] for q in LEVELS[1:]] == pytest.approx([0.0] * (len(LEVELS) - 1), abs=0.02)


def test_a_closed_loop_hides_it(run_locust: LocustRunner, stalling: str, tmp_path: Path) -> None:
    """Five users wait through a stall with one request each: 5 of some 1800 in 10 s."""
    ended = load(run_locust, tmp_path / "runs", stalling, "ClosedLoop", 5, 1)
    took_ms = in_window(ended, stalling)["took_ms"].to_numpy()
    tell("five users in a closed loop", took_ms, [analytic_ms(q) for q in LEVELS])
    share = float((took_ms > 100).mean())
    print(f"longer than 100 ms: {share:.2%} of its requests; of arrivals it is 9 %")
    assert np.quantile(took_ms, 0.99) < analytic_ms(0.99) / 2
    assert share < 0.01
    assert took_ms.max() > 900, "it did meet the stalls"
