"""Oracle: the requests themselves, counted and sorted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.monitoring import RecentWindow

NOW_S = 1_790_000_000
NOW_US = NOW_S * 1_000_000 + 500_000


def _extend(window: RecentWindow, done_us: list[int], times_ms: list[float], now_us: int = NOW_US) -> None:
    window.extend(
        np.array(done_us, dtype=np.int64), np.array(times_ms, dtype=np.float64), errors=0, now_us=now_us
    )


@given(st.lists(st.tuples(st.integers(-15_000, 3_000), st.floats(0.02, 1e6)), max_size=200))
def test_rate_and_p95_of_the_last_seconds(requests: list[tuple[int, float]]) -> None:
    """The window holds nine whole seconds and the one that has begun: 9.5 s at half past."""
    window = RecentWindow()
    done_us = [NOW_US + later_ms * 1000 for later_ms, _ in requests]
    _extend(window, done_us, [time_ms for _, time_ms in requests])
    inside = sorted(t for at, (_, t) in zip(done_us, requests, strict=True) if at >= (NOW_S - 9) * 1_000_000)
    rate, p95_ms = window.figures(NOW_US, elapsed_s=3600)
    assert window.requests == len(requests)
    assert rate == pytest.approx(len(inside) / 9.5)
    if inside:
        assert p95_ms == pytest.approx(inside[math.ceil(0.95 * len(inside)) - 1], rel=0.003)
    else:
        assert p95_ms is None


def test_what_is_old_is_forgotten() -> None:
    window = RecentWindow()
    _extend(window, [NOW_US], [5.0])
    assert window.figures(NOW_US + 9_000_000, 60)[0] > 0
    assert window.figures(NOW_US + 10_000_000, 60) == (0.0, None)
    assert window.requests == 1


def test_a_young_run_divides_by_its_own_age() -> None:
    window = RecentWindow()
    _extend(window, [NOW_US] * 20, [5.0] * 20)
    assert window.figures(NOW_US, elapsed_s=2)[0] == pytest.approx(10)


def test_times_beyond_the_scale_are_kept_at_its_ends() -> None:
    window = RecentWindow()
    _extend(window, [NOW_US] * 3, [0.0, -4.0, 1e12])
    rate, p95_ms = window.figures(NOW_US, 60)
    assert rate == pytest.approx(3 / 9.5)
    assert p95_ms is not None
    assert p95_ms > 1e6
