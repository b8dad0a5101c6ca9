"""The regression rule, case by case, on comparisons written down by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from harness.stats import (
    ChangeLimits,
    ChangeWord,
    Comparison,
    Estimate,
    compare_mean,
    compare_quantile,
    decide,
    false_discovery,
)


def comparison(
    percent: float | None,
    *,
    p: float | None = 0.001,
    low: float | None = None,
    high: float | None = None,
    difference: float | None = None,
    detectable: float | None = 5.0,
    more_samples: int | None = 0,
    more_runs: int | None = 0,
) -> Comparison:
    """A figure of 100 ms that changed by so many percent, or one of 0 where the percent are None."""
    base = 100.0 if percent is not None else 0.0
    moved = difference if difference is not None else percent if percent is not None else 5.0
    return Comparison(
        Estimate(base, None, None, 100, "", "ms"),
        Estimate(base + moved, None, None, 100, "", "ms"),
        Estimate(percent, low, high, 200, "", "%"),
        Estimate(moved, None, None, 100, "", "ms"),
        p,
        None,
        1,
        1,
        4.0,
        detectable,
        more_samples,
        more_runs,
    )


@pytest.mark.parametrize(
    ("percent", "word"),
    [
        pytest.param(10.1, ChangeWord.BLOCK, id="over 10 % worse"),
        pytest.param(100 * (110 / 100 - 1), ChangeWord.INVESTIGATE, id="10 % in floating point"),
        pytest.param(10.0, ChangeWord.INVESTIGATE, id="10 % exactly"),
        pytest.param(7.5, ChangeWord.INVESTIGATE, id="between"),
        pytest.param(5.0, ChangeWord.INVESTIGATE, id="5 % exactly"),
        pytest.param(4.9, ChangeWord.OK, id="under 5 %"),
        pytest.param(0.0, ChangeWord.OK, id="the same"),
        pytest.param(-10.0, ChangeWord.OK, id="10 % better exactly"),
        pytest.param(-10.1, ChangeWord.IMPROVED, id="over 10 % better"),
    ],
)
def test_what_the_evidence_carries(percent: float, word: ChangeWord) -> None:
    found = decide(comparison(percent, low=percent - 1, high=percent + 1))
    assert (found.word, found.text) == (word, str(word))
    assert decide(comparison(-percent), lower_is_worse=True).word is word


@pytest.mark.parametrize(
    ("case", "text"),
    [
        pytest.param(
            comparison(14.0, p=0.2, low=-5, high=40, more_samples=120, more_runs=1),
            "INCONCLUSIVE (120 more samples needed)",
            id="over 10 %, more samples help",
        ),
        pytest.param(
            comparison(14.0, p=0.2, low=-5, high=40, more_samples=None, more_runs=3),
            "INCONCLUSIVE (3 more runs a side needed)",
            id="over 10 %, only more runs help",
        ),
        pytest.param(
            comparison(14.0, p=0.05, low=1, high=30, more_samples=0, more_runs=0),
            "INCONCLUSIVE (another run needed)",
            id="over 10 %, evidence almost there",
        ),
        pytest.param(
            comparison(14.0, p=None, more_samples=22),
            "INCONCLUSIVE (22 more samples needed)",
            id="no interval",
        ),
        pytest.param(
            comparison(7.0, p=0.2, low=-3, high=18, detectable=9.0),
            "OK",
            id="5 to 10 %, 10 % would have shown",
        ),
        pytest.param(
            comparison(7.0, p=0.2, low=-9, high=23.4, detectable=22.0),
            "OK (underpowered: could hide up to 23 %)",
            id="5 to 10 %, 10 % would not have shown",
        ),
        pytest.param(
            comparison(1.0, p=0.8, low=-20, high=25.2, detectable=30.0),
            "OK (underpowered: could hide up to 25 %)",
            id="under 5 %, but anything could be",
        ),
        pytest.param(
            comparison(1.0, p=0.8, low=-7, high=9.9, detectable=12.0), "OK", id="the interval ends below 10 %"
        ),
        pytest.param(
            comparison(-30.0, p=0.2, low=-60, high=20, detectable=70.0),
            "OK (underpowered: could hide up to 20 %)",
            id="better, without evidence",
        ),
        pytest.param(
            comparison(2.0, p=None, detectable=None),
            "OK (underpowered: could hide any change)",
            id="too few samples for an interval",
        ),
        pytest.param(
            comparison(2.0, p=0.9, low=-80, high=1234.5, detectable=900.0),
            "OK (underpowered: could hide up to 1234 %)",
            id="no powers of ten",
        ),
        pytest.param(comparison(None, p=0.001), "BLOCK", id="a base of 0, with evidence"),
        pytest.param(
            comparison(None, p=0.3, more_samples=None, more_runs=None),
            "INCONCLUSIVE (another run needed)",
            id="a base of 0, without evidence",
        ),
    ],
)
def test_what_it_does_not_carry(case: Comparison, text: str) -> None:
    assert decide(case).text == text


def test_better_is_not_worse_where_lower_is_worse() -> None:
    hidden = decide(comparison(1.0, p=0.8, low=-31.0, high=40.0, detectable=50.0), lower_is_worse=True)
    assert hidden.could_hide_percent == 31.0
    assert decide(comparison(30.0), lower_is_worse=True).word is ChangeWord.IMPROVED


@pytest.mark.parametrize(
    ("case", "floor", "word"),
    [
        pytest.param(comparison(50.0, difference=0.5), 1.0, ChangeWord.OK, id="50 % of next to nothing"),
        pytest.param(comparison(50.0, difference=1.0), 1.0, ChangeWord.OK, id="the floor itself"),
        pytest.param(comparison(50.0, difference=1.1), 1.0, ChangeWord.BLOCK, id="above the floor"),
        pytest.param(comparison(50.0, p=0.5, difference=0.5), 1.0, ChangeWord.OK, id="no evidence either"),
        pytest.param(comparison(-50.0, difference=-0.5), 1.0, ChangeWord.OK, id="better by next to nothing"),
    ],
)
def test_the_absolute_floor(case: Comparison, floor: float, word: ChangeWord) -> None:
    assert decide(case, floor=floor).word is word


def test_the_adjusted_p_value_decides() -> None:
    case = comparison(20.0, p=0.01)
    assert decide(case).word is ChangeWord.BLOCK
    assert decide(case, p_value=0.05).word is ChangeWord.INCONCLUSIVE
    assert decide(case, p_value=0.05, limits=ChangeLimits(level=0.1)).word is ChangeWord.BLOCK


def test_other_limits() -> None:
    limits = ChangeLimits(block_percent=20.0, investigate_percent=15.0)
    words = [decide(comparison(percent), limits=limits).word for percent in (14.0, 16.0, 21.0, -21.0)]
    assert words == [ChangeWord.OK, ChangeWord.INVESTIGATE, ChangeWord.BLOCK, ChangeWord.IMPROVED]


def test_nothing_measured_on_a_side_is_inconclusive() -> None:
    nothing = Estimate(None, None, None, 0, "", "ms")
    case = Comparison(nothing, nothing, nothing, nothing, None, None, 1, 1, 0.0, None, None, None)
    assert decide(case).word is ChangeWord.INCONCLUSIVE


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_false_discovery_is_scipys(p_values: list[float]) -> None:
    assert false_discovery(p_values) == pytest.approx(tuple(false_discovery_control(p_values)))


def test_metrics_without_a_p_value_do_not_count() -> None:
    assert false_discovery([None, 0.02, None]) == (None, 0.02, None)
    assert false_discovery([]) == ()
    assert false_discovery([None]) == (None,)


def test_a_service_that_became_20_percent_slower_and_one_that_did_not() -> None:
    base = np.random.default_rng(1).lognormal(6, 0.5, 2000)
    other = np.random.default_rng(2).lognormal(6, 0.5, 2000)
    runs = [base[i::4] for i in range(4)], [other[i::4] for i in range(4)]
    slower = runs[0], [1.25 * run for run in runs[1]]
    assert decide(compare_quantile(*slower, 0.5)).word is ChangeWord.BLOCK
    assert decide(compare_mean(*slower)).word is ChangeWord.BLOCK
    same = decide(compare_mean(*runs))
    assert same.word is ChangeWord.OK
    assert same.worse_percent is not None
    assert math.isfinite(same.worse_percent)
