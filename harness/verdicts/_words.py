"""Figures in verdicts: short, and never rounded onto the level that they are compared with."""

from collections.abc import Sequence

from harness.stats import Estimate


def plain(value: float, digits: int = 3) -> str:
    """A number with that many significant digits, all of the integer part, no exponent.

    >>> plain(812.4), plain(12345.6), plain(0.5217), plain(100), plain(0)
    ('812', '12346', '0.522', '100', '0')
    """
    rounded = float(f"{value:.{digits}g}") if abs(value) < 10**digits else float(round(value))
    text = f"{rounded:.10f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def level(value: float, unit: str) -> str:
    """A level as written: `500 ms`, `1 %`, `3`."""
    return f"{plain(value, 9)} {unit}".rstrip()


def with_interval(estimate: Estimate, levels: Sequence[float] = ()) -> str:
    """`812 ms [774, 861]`, in as many digits as keep every end apart from the levels.

    >>> with_interval(Estimate(812.4, 774.2, 861.0, 400, "p95", "ms"))
    '812 ms [774, 861]'
    >>> with_interval(Estimate(499.96, 480.0, 499.99, 400, "p95", "ms"), [500])
    '499.96 ms [480, 499.99]'
    """
    if estimate.value is None:
        return "not measured"
    ends = (estimate.value, estimate.low, estimate.high)
    digits = next((d for d in range(3, 10) if not _collide(ends, levels, d)), 10)
    value, low, high = ("…" if end is None else plain(end, digits) for end in ends)
    return f"{level_of(value, estimate.unit)} [{low}, {high}]"


def level_of(number: str, unit: str) -> str:
    """A number already in words, with its unit."""
    return f"{number} {unit}".rstrip()


def _collide(ends: Sequence[float | None], levels: Sequence[float], digits: int) -> bool:
    return any(
        end is not None and end != level and plain(end, digits) == plain(level, digits)
        for end in ends
        for level in levels
    )
