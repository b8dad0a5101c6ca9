"""Scalability and capacity on curves whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.stats import fit_scalability, slo_capacity

LOADS = np.array([1, 10, 20, 40, 80, 120, 160, 200], dtype=float)


def curve(loads: NDArray[np.float64], one: float, contention: float, coherency: float) -> NDArray[np.float64]:
    below = 1 + contention * (loads - 1) + coherency * loads * (loads - 1)
    return np.asarray(one * loads / below, dtype=np.float64)


@pytest.mark.parametrize(
    ("one", "contention", "coherency", "peak"),
    [
        pytest.param(0.5, 0.03, 0.0004, np.sqrt(0.97 / 0.0004), id="falls beyond 49"),
        pytest.param(20.0, 0.02, 0.0001, np.sqrt(0.98 / 0.0001), id="falls beyond 99"),
        pytest.param(3.0, 0.05, 0.0, None, id="levels off: Amdahl"),
        pytest.param(3.0, 0.0, 0.0, None, id="linear"),
    ],
)
def test_an_exact_curve_is_found_again(
    one: float, contention: float, coherency: float, peak: float | None
) -> None:
    fit = fit_scalability(LOADS, curve(LOADS, one, contention, coherency))
    assert fit.rate_of_one.value == pytest.approx(one)
    assert fit.contention.value == pytest.approx(contention, abs=1e-9)
    assert fit.coherency.value == pytest.approx(coherency, abs=1e-9)
    assert fit.peak_load.value == pytest.approx(peak)
    assert fit.r_squared == pytest.approx(1.0)
    assert fit.throughput_at(LOADS) == pytest.approx(curve(LOADS, one, contention, coherency))


def test_intervals_hold_a_noisy_curve() -> None:
    rng = np.random.default_rng(1)
    noisy = curve(LOADS, 0.5, 0.03, 0.0004) * np.exp(rng.normal(0, 0.02, LOADS.size))
    fit = fit_scalability(LOADS, noisy)
    truth = {"rate_of_one": 0.5, "contention": 0.03, "coherency": 0.0004, "peak_load": 49.24}
    for name, value in truth.items():
        estimate = getattr(fit, name)
        assert estimate.low <= value <= estimate.high
        assert estimate.low <= estimate.value <= estimate.high
    assert fit.peak_throughput.value == pytest.approx(
        float(curve(np.array(49.24), 0.5, 0.03, 0.0004)), rel=0.05
    )
    assert fit.r_squared > 0.98
    assert fit.warnings == ()


@pytest.mark.parametrize(
    ("loads", "coherency", "warning"),
    [
        pytest.param(LOADS, 0.0, "no falling throughput seen: the peak cannot be told", id="no peak"),
        pytest.param(
            LOADS,
            0.00001,
            "the peak lies beyond the largest load tried (200): extrapolated",
            id="a peak that was not reached",
        ),
    ],
)
def test_warnings(loads: NDArray[np.float64], coherency: float, warning: str) -> None:
    fit = fit_scalability(loads, curve(loads, 1.0, 0.01, coherency))
    assert fit.warnings == fit.peak_load.warnings == (warning,)


@pytest.mark.parametrize(
    ("loads", "rates", "message"),
    [
        pytest.param(
            [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], "needs 6 levels of load or more, not 5", id="five levels"
        ),
        pytest.param([1, 1, 2, 2, 3, 3], [1, 1, 2, 2, 3, 3], "not 3", id="six values at three levels"),
        pytest.param(range(1, 7), [0, 1, 1, 1, 1, 1], "above 0", id="a level without throughput"),
        pytest.param(range(6), range(1, 7), "loads of 1 or more", id="a load of 0"),
        pytest.param(range(1, 7), range(1, 8), "do not belong together", id="unequal lengths"),
    ],
)
def test_refusals_are_one_line(loads: list[float], rates: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        fit_scalability(list(loads), list(rates))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("levels", "value", "high", "warnings"),
    [
        pytest.param([(10, True), (20, True), (30, False)], 20.0, 30.0, (), id="between two levels"),
        pytest.param([(30, False), (10, True), (20, True)], 20.0, 30.0, (), id="in any order"),
        pytest.param(
            [(10, True), (20, None), (30, False)],
            10.0,
            30.0,
            ("1 of 3 levels could not be decided",),
            id="a gap",
        ),
        pytest.param(
            [(10, True), (20, False), (30, True)],
            10.0,
            20.0,
            ("levels above 20 passed, but 20 failed",),
            id="a pass above a failure is not believed",
        ),
        pytest.param(
            [(10, True), (20, True)],
            20.0,
            None,
            ("no level failed: capacity may be larger",),
            id="never failed",
        ),
        pytest.param([(10, False), (20, False)], None, 10.0, (), id="never passed"),
        pytest.param([(10, None)], None, None, ("no level could be decided",), id="no data"),
        pytest.param([], None, None, ("no level could be decided",), id="no level"),
    ],
)
def test_slo_capacity(
    levels: list[tuple[float, bool | None]],
    value: float | None,
    high: float | None,
    warnings: tuple[str, ...],
) -> None:
    found = slo_capacity(levels)
    assert (found.value, found.low, found.high) == (value, value, high)
    assert (found.n, found.unit, found.warnings) == (len(levels), "users", warnings)
