"""Oracle: clocks whose true offset is known, and the bound that follows from the round trip."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plugin._clock_sync import BETWEEN_BURSTS_US, BURST, DRIFT_PER_US, WorkerClock

HOUR_US = 3_600_000_000


def _exchange(clock: WorkerClock, at_us: int, ahead_us: int, there_us: int, back_us: int) -> int:
    """One question and its answer, with a worker whose clock is `ahead_us` ahead; when it came back."""
    received_us = at_us + there_us + back_us
    clock.note(at_us, at_us + there_us + ahead_us, received_us)
    return received_us


def _burst(clock: WorkerClock, at_us: int, ahead_us: int, ways_us: list[tuple[int, int]]) -> int:
    clock.begin_burst(at_us)
    for there_us, back_us in ways_us:
        at_us = _exchange(clock, at_us, ahead_us, there_us, back_us)
    return at_us


_ways = st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)), min_size=BURST, max_size=BURST)


@given(st.integers(-2 * HOUR_US, 2 * HOUR_US), _ways)
def test_the_truth_lies_within_the_uncertainty(ahead_us: int, ways_us: list[tuple[int, int]]) -> None:
    clock = WorkerClock()
    _burst(clock, 1_000_000, ahead_us, ways_us)
    assert clock.measured is not None
    quickest_us = min(there + back for there, back in ways_us)
    assert quickest_us / 2 <= clock.measured.uncertainty_us <= quickest_us / 2 + 1
    assert abs(clock.measured.offset_us - ahead_us) <= clock.measured.uncertainty_us
    assert abs(clock.applied_us - ahead_us) <= 2 * clock.measured.uncertainty_us


@pytest.mark.parametrize(
    ("case", "ahead_us", "ways_us", "applied_us"),
    [
        ("one machine: nothing can be shown", 0, [(60, 90)] * 5, 0),
        ("one machine, a busy master", 0, [(60, 40_000)] * 4 + [(60, 70)], 0),
        ("less than the round trip tells", 70, [(100, 100)] * 5, 0),
        ("an hour ahead", HOUR_US, [(100, 100)] * 5, HOUR_US),
        ("an hour behind, even ways once", -HOUR_US, [(9_000, 100), (100, 100)], -HOUR_US),
    ],
)
def test_what_is_applied(case: str, ahead_us: int, ways_us: list[tuple[int, int]], applied_us: int) -> None:
    clock = WorkerClock()
    _burst(clock, 1_000_000, ahead_us, ways_us)
    assert clock.applied_us == applied_us, case


@given(
    st.lists(st.tuples(st.integers(-5_000, 5_000), _ways), min_size=2, max_size=8),
    st.integers(-HOUR_US, HOUR_US),
)
def test_no_step_is_larger_than_what_is_uncertain(
    bursts: list[tuple[int, list[tuple[int, int]]]], ahead_us: int
) -> None:
    clock = WorkerClock()
    seen = []
    for number, (moved_us, ways_us) in enumerate(bursts):
        _burst(clock, number * BETWEEN_BURSTS_US, ahead_us + moved_us, ways_us)
        assert clock.measured is not None
        seen.append((clock.applied_us, clock.measured))
    for (before_us, earlier), (after_us, later) in itertools.pairwise(seen):
        allowed_us = later.uncertainty_us + round((later.at_us - earlier.at_us) * DRIFT_PER_US)
        assert abs(after_us - before_us) <= allowed_us


def test_measuring_again_on_one_machine_changes_nothing() -> None:
    clock = WorkerClock()
    applied = set()
    for number in range(50):
        _burst(clock, number * BETWEEN_BURSTS_US, 0, [(50 + 37 * number % 200, 400 - number)] * BURST)
        applied.add(clock.applied_us)
    assert applied == {0}


def test_a_drifting_clock_is_followed() -> None:
    """50 µs per second for half an hour: 90 ms in the end, followed within a burst's drift."""
    clock = WorkerClock()
    for number in range(180):
        at_us = number * BETWEEN_BURSTS_US
        ahead_us = HOUR_US + at_us * 50 // 1_000_000
        _burst(clock, at_us, ahead_us, [(100, 100)] * BURST)
        assert abs(clock.applied_us - ahead_us) <= 600


def test_when_a_burst_is_due_and_when_it_ends() -> None:
    clock = WorkerClock()
    at_us = 1_790_000_000_000_000
    assert clock.is_due(at_us)
    clock.begin_burst(at_us)
    assert [clock.note(at_us, at_us, at_us) for _ in range(BURST)] == [True] * (BURST - 1) + [False]
    assert not clock.is_due(at_us + BETWEEN_BURSTS_US - 1)
    assert clock.is_due(at_us + BETWEEN_BURSTS_US)


def test_a_burst_that_was_cut_short_still_counts() -> None:
    clock = WorkerClock()
    clock.begin_burst(0)
    _exchange(clock, 0, HOUR_US, 100, 100)
    assert clock.applied_us == HOUR_US
    clock.begin_burst(BETWEEN_BURSTS_US)
    _burst(clock, 2 * BETWEEN_BURSTS_US, HOUR_US, [(10, 10)] * BURST)
    assert clock.measured is not None
    assert clock.measured.uncertainty_us == 10
