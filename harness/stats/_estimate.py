"""The one way a figure travels: with its interval, its sample size and its method."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, frozen=True)
class Estimate:
    """A value with its 95 % interval.

    `value` is None where nothing was measured. `low` or `high` is None where the sample is too
    small for the interval to be bounded on that side; such an estimate is shown hollow and no
    rule may be decided on it. `method` names the estimator and the interval in a few words.
    `n_effective` is how many independent samples the n are worth, where the interval took them for
    fewer; summary.json tells it in `method`.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    unit: str = ""
    warnings: tuple[str, ...] = ()
    n_effective: int | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether value, low and high all exist, so that a rule can be decided on them."""
        return self.value is not None and self.low is not None and self.high is not None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for summary.json; keys in a fixed order."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "unit": self.unit,
            "method": self.method,
            "warnings": list(self.warnings),
        }
