"""How often the checks of the load generator accuse one that did nothing wrong, and find one that did.

Synthetic runs of one hold, 20 s or 10 s long, of which nothing is wrong but what always is a little:
counts and stamps some microseconds apart, a pause of the garbage collector now and then.
Run with `-s` to see the tables.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis._generator_load import compare_in_flight
from harness.verdicts._generator import littles_law_off, p99_delay_ms
from harness.verdicts._limits import LITTLE_SHARE, allowed_delay_ms

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TRIALS = 1000
MOST = 0.01

Times = NDArray[np.float64]


def accused_by_littles_law(
    rng: np.random.Generator, rate: float, service_s: float, *, lost: float = 0.0
) -> bool:
    """Poisson arrivals for 20 s, counted once a second; a share of the rows is lost."""
    begin = -10 * service_s
    n = rng.poisson(rate * (20 - begin))
    sent = rng.uniform(begin, 20, n)
    done = sent + rng.lognormal(np.log(service_s), 0.5, n)
    looks = np.arange(1.0, 20.0) + rng.uniform(0, 0.01, 19)
    # The stamp in the row and the moment from which it is counted are up to 0.08 ms apart.
    in_flight = [
        int(((sent + edge <= at) & (at < done + edge)).sum())
        for at, edge in zip(looks, rng.uniform(-8e-5, 8e-5, 19), strict=True)
    ]
    kept = rng.random(n) >= lost
    stamps = (np.round(1e6 * times).astype(np.int64) for times in (sent[kept], done[kept], looks))
    return littles_law_off(compare_in_flight(sum(in_flight), *stamps))[1] > LITTLE_SHARE


@pytest.mark.parametrize("service_s", [0.0005, 0.02, 0.4, 5.0])
@pytest.mark.parametrize("rate", [1, 10, 100, 1000])
def test_littles_law_on_clean_runs(rate: float, service_s: float) -> None:
    rng = np.random.default_rng(2026)
    accused = float(np.mean([accused_by_littles_law(rng, rate, service_s) for _ in range(TRIALS // 5)]))
    print(f"\n| Little's law | {rate:5} /s | {service_s:6} s | accused {accused:.3f} |")
    assert accused <= MOST


@pytest.mark.parametrize(
    ("rate", "service_s", "lost"),
    [
        pytest.param(100, 0.4, 0.03, id="3 % lost, which is allowed"),
        pytest.param(1000, 0.4, 0.045, id="4.5 % lost, which is allowed, of many"),
        pytest.param(1, 0.4, 0.06, id="6 % of a few lost"),
    ],
)
def test_littles_law_does_not_accuse_of_less_than_its_limit(
    rate: float, service_s: float, lost: float
) -> None:
    rng = np.random.default_rng(2026)
    trials = [accused_by_littles_law(rng, rate, service_s, lost=lost) for _ in range(TRIALS // 2)]
    assert float(np.mean(trials)) <= MOST


@pytest.mark.parametrize(
    ("rate", "service_s", "lost"),
    [
        pytest.param(100, 0.4, 0.15, id="15 % of some 800 that were counted"),
        pytest.param(1000, 0.4, 0.08, id="8 % of some 8000"),
    ],
)
def test_littles_law_finds_lost_rows(rate: float, service_s: float, lost: float) -> None:
    rng = np.random.default_rng(2026)
    trials = [accused_by_littles_law(rng, rate, service_s, lost=lost) for _ in range(TRIALS // 5)]
    assert float(np.mean(trials)) >= 0.99


def delays_ms(rng: np.random.Generator, rate: float, seconds: float, pauses: Times) -> Times:
    """Delays of Poisson arrivals: 0.2 ms on average, and whatever is left of a pause they fall into.

    A pause is a row of begin and length in s; arrivals after it wait for those that it held up.
    """
    at = rng.uniform(0, seconds, rng.poisson(rate * seconds))
    delay = rng.exponential(0.0002, len(at))
    for begin, length in pauses:
        held = (at >= begin) & (at < begin + length)
        delay[held] += begin + length - at[held]
    return 1000 * delay


def accused_of_delay(delays: Times, median_ms: float) -> bool:
    allowed = allowed_delay_ms(median_ms)
    return p99_delay_ms(delays, allowed) > allowed


@pytest.mark.parametrize("median_ms", [5.0, 400.0])
@pytest.mark.parametrize("rate", [2, 10, 50, 200, 2000])
def test_schedule_delay_on_clean_runs(rate: float, median_ms: float) -> None:
    """A healthy generator: every ten seconds a pause of 5 to 20 ms, 0.13 % of the time in all."""
    rng = np.random.default_rng(2026)
    accused = 0
    for _ in range(TRIALS):
        n = rng.poisson(1.0)
        pauses = np.column_stack([rng.uniform(0, 10, n), rng.uniform(0.005, 0.02, n)])
        accused += accused_of_delay(delays_ms(rng, rate, 10.0, pauses), median_ms)
    print(f"\n| schedule delay | {rate:5} /s | p50 {median_ms:5} ms | accused {accused / TRIALS:.3f} |")
    assert accused / TRIALS <= MOST


@pytest.mark.parametrize("rate", [50, 200, 2000])
def test_schedule_delay_finds_a_generator_that_stalls(rate: float) -> None:
    """A pause of 60 ms in every second: 5.5 % of the arrivals are more than 5 ms late."""
    rng = np.random.default_rng(2026)
    pauses = np.column_stack([np.arange(10) + 0.5, np.full(10, 0.06)])
    trials = [accused_of_delay(delays_ms(rng, rate, 10.0, pauses), 20.0) for _ in range(TRIALS // 5)]
    assert float(np.mean(trials)) >= 0.99
