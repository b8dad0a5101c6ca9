"""What can be changed while the simulator runs: speed, faults, rate limits. Groq has nothing of the kind.

`GET /control` shows the settings, `PATCH /control` changes those it names; a mistake changes nothing.
"""

import math
import time
from collections.abc import Sequence
from typing import Any

import orjson

from target_app.inference._errors import bad_request
from target_app.inference._faults import FaultError, FaultPlan, parse_faults
from target_app.inference._limits import LimitsError, ModelLimiter, parse_limits

_KEYS = ("speed_factor", "faults", "rate_limits")


class Control:
    """The settings in force. Setting faults starts their draws again; setting limits fills the buckets."""

    def __init__(
        self, models: list[str], seed: int, speed_factor: float, faults: Sequence[str], rate_limits: str
    ) -> None:
        self._models = models
        self._seed = seed
        self.speed_factor = speed_factor
        self.plan = self._planned(faults)
        self.limiters = self._limited(rate_limits)
        self._rate_limits = rate_limits

    def settings(self) -> dict[str, Any]:
        """The settings, as `change` takes them."""
        return {
            "speed_factor": self.speed_factor,
            "faults": [fault.text for fault in self.plan.faults],
            "rate_limits": self._rate_limits,
        }

    def change(self, body: bytes) -> None:
        """Apply a JSON object with some of the settings. Raises `WireError` 400 and then changes nothing."""
        try:
            wanted = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise bad_request("request body is not valid JSON") from None
        if not isinstance(wanted, dict) or wanted.keys() - set(_KEYS):
            raise bad_request(f"request body has to be a JSON object with some of {', '.join(_KEYS)}")
        try:
            speed_factor = _factor(wanted.get("speed_factor", self.speed_factor))
            plan = self._planned(_texts(wanted["faults"])) if "faults" in wanted else self.plan
            name = wanted.get("rate_limits", self._rate_limits)
            if not isinstance(name, str):
                raise LimitsError("rate_limits has to be a text")
            limiters = self._limited(name) if "rate_limits" in wanted else self.limiters
        except (FaultError, LimitsError) as error:
            raise bad_request(str(error)) from None
        self.speed_factor, self.plan, self.limiters, self._rate_limits = speed_factor, plan, limiters, name

    def _planned(self, faults: Sequence[str]) -> FaultPlan:
        return FaultPlan(parse_faults(faults, self._models), self._seed)

    def _limited(self, name: str) -> dict[str, ModelLimiter]:
        now_s = time.monotonic()
        limits = parse_limits(name, self._models)
        return {model: ModelLimiter(model, found, now_s) for model, found in limits.items()}


def _factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise bad_request("speed_factor has to be a number of 0 or more")
    return float(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise bad_request("faults has to be a list of texts")
    return value
