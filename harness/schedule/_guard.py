"""When a step has failed by its own error rate: with confidence while it lasts, by count at its end."""

import math

from harness.schedule._feedback import StepOutcome

#: Below this many requests a step's error rate at its end decides nothing.
MIN_REQUESTS = 40

_Z_95 = 1.959963984540054


def wilson_low(events: int, n: int) -> float:
    """Lower end of the two-sided 95 % Wilson score interval of a rate (Wilson 1927). 0 for n = 0.

    >>> round(wilson_low(10, 100), 4)
    0.0552
    """
    if n == 0:
        return 0.0
    rate, z2 = events / n, _Z_95**2
    centre = rate + z2 / (2 * n)
    half = _Z_95 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z2 / n))


def exceeds_error_rate(outcome: StepOutcome, max_error_percent: float, *, ended: bool) -> str | None:
    """Why the step's error rate is above the limit, in words; None when it is not, or not surely.

    While the step lasts, the lower end of the rate's 95 % interval must lie above the limit; at its end
    (`ended`) the rate itself, with at least `MIN_REQUESTS` requests.
    """
    errors, n = outcome.errors, outcome.requests
    if n == 0:
        return None
    limit = max_error_percent / 100
    by_confidence = wilson_low(errors, n) > limit
    by_count = ended and n >= MIN_REQUESTS and errors / n > limit
    if not (by_confidence or by_count):
        return None
    causes = ", ".join(
        f"{cause} {count}" for cause, count in sorted(outcome.errors_by_cause.items()) if count
    )
    return (
        f"{errors / n * 100:.1f} % errors at {outcome.phase} ({errors} of {n} requests"
        f"{f'; by cause: {causes}' if causes else ''}), above the limit of {max_error_percent:g} %"
    )
