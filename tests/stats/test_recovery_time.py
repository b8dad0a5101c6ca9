"""Oracle: a service whose p95 is planted to be back at a known moment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import recovery_time

Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def _service(
    seed: int, back_s: float, watched_s: float = 60, per_s: int = 20, times: float = 4.0
) -> tuple[Values, Values, Values]:
    """Baseline, times after the peak and response times: `times` as slow until `back_s`."""
    rng = np.random.default_rng(seed)
    baseline = rng.lognormal(4.6, 0.3, 1200)
    at = np.sort(rng.uniform(0, watched_s, int(watched_s * per_s)))
    values = rng.lognormal(4.6, 0.3, at.size) * np.where(at < back_s, times, 1.0)
    return baseline, at, values


@given(seed=st.integers(0, 2**20), back_s=st.floats(5, 50))
def test_the_interval_contains_its_value_and_lies_in_the_time_watched(seed: int, back_s: float) -> None:
    time = recovery_time(*_service(seed, back_s)).time
    assert time.low is not None
    if time.value is not None:
        assert 0 <= time.low <= time.value <= 60
        assert time.high is None or time.value <= time.high <= 60.01


def test_the_interval_covers_the_planted_moment_nearly_always() -> None:
    """95 % is promised; of 100 runs 90 is what a fair chance gives at the very least."""
    hits = 0
    for seed in range(100):
        time = recovery_time(*_service(seed, back_s=20)).time
        assert time.low is not None
        hits += time.low <= 20 <= (time.high or np.inf)
    assert hits >= 90


def test_a_peak_that_leaves_no_trace_takes_no_time() -> None:
    time = recovery_time(*_service(1, back_s=0)).time
    assert (time.value, time.low) == (0.0, 0.0)


def test_a_service_that_stays_slow_has_no_recovery_time() -> None:
    found = recovery_time(*_service(1, back_s=100))
    assert (found.time.value, found.time.high) == (None, None)
    assert found.time.low == pytest.approx(60, abs=5)
    assert found.time.warnings == ("p95 was not back when the run ended",)


def test_quick_refusals_are_no_recovery() -> None:
    """All fail within no time until 30 s: as samples they are infinite."""
    baseline, at, values = _service(1, back_s=0)
    time = recovery_time(baseline, at, np.where(at < 30, np.inf, values)).time
    assert time.value == pytest.approx(30, abs=4)


def test_within_how_much_is_the_callers_choice() -> None:
    """At 1.5 times the baseline the service never is within 25 %, and always within 100 %."""
    sample = _service(3, back_s=100, times=1.5)
    assert recovery_time(*sample).time.value is None
    assert recovery_time(*sample, within_percent=100).time.value == 0


def test_order_does_not_matter() -> None:
    baseline, at, values = _service(5, back_s=15)
    mixed = np.random.default_rng(0).permutation(at.size)
    assert recovery_time(baseline, at[mixed], values[mixed]) == recovery_time(baseline, at, values)


@pytest.mark.parametrize(("base", "after"), [(39, 500), (500, 79)], ids=["baseline", "after the peak"])
def test_too_few_requests_are_refused(base: int, after: int) -> None:
    with pytest.raises(ValueError, match=f"not {base} and {after}"):
        recovery_time(np.ones(base), np.arange(after), np.ones(after))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN is no time"):
        recovery_time(np.full(100, np.nan), np.arange(100), np.ones(100))
