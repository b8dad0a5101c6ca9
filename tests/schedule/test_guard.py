"""Oracle: the interval of harness.stats, and the rule of the stress ramp written out per row."""

import pytest

from harness.schedule import StepOutcome, exceeds_error_rate, wilson_low
from harness.stats import proportion


def _outcome(errors: int, requests: int) -> StepOutcome:
    causes = {"service": errors - errors // 3, "provider": errors // 3}
    return StepOutcome("40-users", 40, 30.0, requests, errors, causes)


@pytest.mark.parametrize(("errors", "n"), [(0, 10), (1, 3), (5, 100), (300, 1000), (7, 7)])
def test_the_lower_end_is_that_of_the_statistics(errors: int, n: int) -> None:
    assert 100 * wilson_low(errors, n) == pytest.approx(proportion(errors, n).low or 0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("errors", "n", "ended", "stops"),
    [
        pytest.param(0, 0, True, False, id="no request"),
        pytest.param(3, 100, True, False, id="below the limit"),
        pytest.param(5, 100, True, False, id="at the limit"),
        pytest.param(8, 100, False, False, id="above, not surely, while it lasts"),
        pytest.param(8, 100, True, True, id="above at its end"),
        pytest.param(3, 39, True, False, id="above at its end, of too few"),
        pytest.param(10, 100, False, True, id="surely above while it lasts"),
        pytest.param(2, 2, False, True, id="surely above, of two: from 34 %"),
    ],
)
def test_when_a_step_has_failed(errors: int, n: int, ended: bool, stops: bool) -> None:
    assert (exceeds_error_rate(_outcome(errors, n), 5, ended=ended) is not None) is stops


def test_the_reason_names_step_rate_and_causes() -> None:
    assert exceeds_error_rate(_outcome(12, 100), 5, ended=True) == (
        "12.0 % errors at 40-users (12 of 100 requests; by cause: provider 4, service 8), "
        "above the limit of 5 %"
    )
