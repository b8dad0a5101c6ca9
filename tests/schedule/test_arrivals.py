"""Arrival streams: the constant one against arithmetic, the Poisson one against its own law."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.schedule import Arrivals, ArrivalStream, unit_arrivals


def constant(position: int = 0, workers: int = 1) -> ArrivalStream:
    return ArrivalStream(unit_arrivals(Arrivals.CONSTANT, "", position=position, workers=workers))


def poisson(seed: str) -> ArrivalStream:
    return ArrivalStream(unit_arrivals(Arrivals.POISSON, seed))


@pytest.mark.parametrize(
    ("rates", "end_s", "expected"),
    [
        pytest.param([(0.0, 2.0)], 2.0, [0.5, 1.0, 1.5, 2.0], id="one rate"),
        pytest.param([], 9.0, [], id="no rate, no arrival"),
        pytest.param([(0.0, 1.0), (2.5, 0.0)], 9.0, [1.0, 2.0], id="stopped between two arrivals"),
        pytest.param(
            [(0.0, 1.0), (1.5, 0.0), (10.0, 1.0)], 11.6, [1.0, 10.5, 11.5], id="half a unit kept in a pause"
        ),
        pytest.param([(0.0, 1.0), (0.5, 2.0)], 2.0, [0.75, 1.25, 1.75], id="doubled half way"),
        pytest.param([(0.0, 4.0), (0.5, 1.0)], 2.5, [0.25, 0.5, 1.5, 2.5], id="slowed just at an arrival"),
        pytest.param([(0.0, 0.001)], 2000.0, [1000.0, 2000.0], id="one in a thousand seconds"),
        pytest.param([(3.0, 1.0)], 5.0, [4.0, 5.0], id="begun late"),
    ],
)
def test_constant_arrivals(rates: list[tuple[float, float]], end_s: float, expected: list[float]) -> None:
    stream, found = constant(), []
    for at_s, rate in rates:
        found += stream.set_rate(rate, at_s=at_s)
    found += stream.until(end_s)
    assert found == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.0, 50.0)), min_size=1, max_size=20))
def test_as_many_arrivals_as_the_rate_integrates_to(stretches: list[tuple[float, float]]) -> None:
    stream, now_s, found = constant(), 0.0, []
    for length_s, rate in stretches:
        found += stream.set_rate(rate, at_s=now_s)
        now_s += length_s
    found += stream.until(now_s)
    expected = sum(length_s * rate for length_s, rate in stretches)
    assert len(found) == pytest.approx(math.floor(expected), abs=1)  # 1: an arrival just at the end
    assert found == sorted(found)
    assert all(0 <= at_s <= now_s for at_s in found)


@given(
    st.sampled_from(Arrivals),
    st.lists(st.floats(0.0, 10.0), max_size=30),
    st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 30.0)), max_size=5),
)
def test_when_one_looks_changes_nothing(
    kind: Arrivals, looks: list[float], rates: list[tuple[float, float]]
) -> None:
    """A scheduler that is late, or woken in vain, finds the same arrivals at the same times."""

    def run(looks: list[float]) -> list[float]:
        stream = ArrivalStream(unit_arrivals(kind, "seed"))
        steps = sorted([(at_s, None) for at_s in looks] + [*rates], key=lambda step: step[0])
        found = []
        for at_s, rate in steps:
            found += stream.until(at_s) if rate is None else stream.set_rate(rate, at_s=at_s)
        return found + stream.until(10.0)

    assert run(looks) == run([])


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_constant_streams_of_several_workers_interleave(workers: int) -> None:
    """Oracle: one worker at all their rates. The rates change half way."""

    def run(stream: ArrivalStream, share: float) -> list[float]:
        found = stream.set_rate(12.0 * share, at_s=0.0) + stream.set_rate(30.0 * share, at_s=2.0)
        return found + stream.until(4.001)

    apart = [run(constant(position, workers), 1 / workers) for position in range(workers)]
    together = sorted(itertools.chain.from_iterable(apart))
    assert together == pytest.approx(run(constant(), 1.0))


def test_poisson_gaps_are_exponential() -> None:
    stream = poisson("7/0/0")
    stream.set_rate(200.0, at_s=0.0)
    gaps = np.diff(stream.until(100.0))
    assert len(gaps) > 19_000
    assert stats.kstest(gaps, "expon", args=(0, 1 / 200)).pvalue > 0.01
    lag_one = np.corrcoef(gaps[:-1], gaps[1:])[0, 1]
    assert abs(lag_one) < 4 / math.sqrt(len(gaps))


def test_poisson_counts_have_the_variance_of_their_mean() -> None:
    """Under a rate that climbs from 10 to 100/s in 10 s: 1000 seeded runs, 550 arrivals on average."""
    counts = []
    for seed in range(1000):
        stream = poisson(f"{seed}")
        found = sum(len(stream.set_rate(10.0 * (second + 1), at_s=float(second))) for second in range(10))
        counts.append(found + len(stream.until(10.0)))
    assert np.mean(counts) == pytest.approx(550, abs=4 * math.sqrt(550 / 1000))
    assert np.var(counts, ddof=1) == pytest.approx(550, rel=4 * math.sqrt(2 / 999))


def test_a_seed_is_repeatable_and_another_is_another() -> None:
    def first(seed: str) -> list[float]:
        stream = poisson(seed)
        return stream.set_rate(10.0, at_s=0.0) + stream.until(20.0)

    assert first("7/0/0") == first("7/0/0")
    assert not set(first("7/0/0")) & set(first("7/1/1"))


def test_no_drift_after_a_million_arrivals() -> None:
    stream = constant()
    stream.set_rate(1000.0, at_s=0.0)
    last = stream.until(1000.0)[-1]
    assert last == pytest.approx(1000.0, abs=1e-9)


def test_the_next_arrival_is_known_before() -> None:
    stream = constant()
    assert stream.next_s == math.inf
    stream.set_rate(4.0, at_s=1.0)
    assert stream.next_s == 1.25
    assert stream.until(1.24) == []
    assert stream.until(1.25) == [1.25]
    assert stream.rate_per_s == 4.0


@pytest.mark.parametrize(
    ("rate", "at_s", "message"),
    [
        pytest.param(-1.0, 5.0, "at least 0", id="negative"),
        pytest.param(math.inf, 5.0, "at least 0", id="infinite"),
        pytest.param(math.nan, 5.0, "at least 0", id="not a number"),
        pytest.param(1.0, 1.0, "last set at 2", id="back in time"),
    ],
)
def test_rates_that_cannot_be(rate: float, at_s: float, message: str) -> None:
    stream = constant()
    stream.set_rate(1.0, at_s=2.0)
    with pytest.raises(ValueError, match=message):
        stream.set_rate(rate, at_s=at_s)


@pytest.mark.parametrize(("position", "workers"), [(1, 1), (-1, 2), (0, 0)])
def test_places_that_no_worker_has(position: int, workers: int) -> None:
    with pytest.raises(ValueError, match="position"):
        unit_arrivals(Arrivals.CONSTANT, "", position=position, workers=workers)
