"""Oracle: failures planted evenly, in a burst, or more of them the longer it lasts."""

import numpy as np
import pytest

from harness.stats import rate_drift

N = 20_000


def _failures(
    rate: "np.ndarray[tuple[int], np.dtype[np.float64]]", seed: int
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(np.random.default_rng(seed).random(rate.size) < rate)


def test_a_rate_that_grows_is_found_every_time() -> None:
    """From none to 2 %."""
    for seed in range(20):
        found = rate_drift(_failures(np.linspace(0, 0.02, N), seed))
        assert found.p_value < 0.001
        assert (found.last.value or 0) > (found.first.value or 0)


def test_a_rate_that_does_not_is_seldom_accused() -> None:
    """At a level of 1 %, of 300 runs: 3 on average, 9 or more in fewer than 1 in 200 suites."""
    accused = sum(rate_drift(_failures(np.full(N, 0.01), seed)).p_value < 0.01 for seed in range(300))
    assert accused < 9


def test_one_burst_is_no_drift() -> None:
    """A twentieth of the run fails, at its end."""
    burst = np.zeros(N, dtype=bool)
    burst[-N // 20 :] = True
    assert rate_drift(burst).p_value > 0.05


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_all_alike_is_no_drift(rate: float) -> None:
    found = rate_drift(np.full(500, bool(rate)))
    assert (found.p_value, found.first.value, found.last.value) == (1.0, 100 * rate, 100 * rate)


def test_too_few_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="100 requests or more, not 99"):
        rate_drift([False] * 99)
