"""Rate limits per model: continuously refilling token buckets, Groq's headers and its two refusals.

A bucket holds `limit` and refills at `limit / window`; a live header pair shows it: with 500000 requests a
day, `reset-requests` is 86400 / 500000 = 172 ms after one request. A request needs its prompt and the most
tokens it may write; what it did not write is given back when it ends. Refused requests use up nothing.
The clock is passed in; the limits are real time, whatever the speed factor.
"""

import dataclasses
import importlib.resources
import math
import tomllib
from collections.abc import Iterable, Mapping

from target_app.inference._errors import Headers, WireError, rate_limited, request_too_large

WINDOW_S = {"rpm": 60, "rpd": 86_400, "tpm": 60, "tpd": 86_400}
_MAX_LIMIT = 10**12


class LimitsError(ValueError):
    """Rate limits that cannot be read; the text is one line that says what to change."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens per minute and per day; None is unlimited."""

    rpm: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None


class Bucket:
    """Refills continuously up to its capacity. May go below zero, when more was used than reserved."""

    __slots__ = ("_at_s", "_level", "capacity", "per_s")

    def __init__(self, capacity: int, window_s: float, now_s: float) -> None:
        self.capacity = capacity
        self.per_s = capacity / window_s
        self._level = float(capacity)
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """What is left now."""
        self._level = min(self.capacity, self._level + (now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        return self._level

    def take(self, amount: float, now_s: float) -> None:
        """Use up; a negative amount gives back."""
        self._level = min(self.capacity, self.level(now_s) - amount)

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until `amount` is there; 0 when it is."""
        missing = amount - self.level(now_s)
        # A bucket that refilled to within rounding of the amount has it.
        return missing / self.per_s if missing > 1e-6 else 0.0

    def full_in_s(self, now_s: float) -> float:
        """Seconds until the bucket is full again."""
        return (self.capacity - self.level(now_s)) / self.per_s


class ModelLimiter:
    """The buckets of one model."""

    def __init__(self, model: str, limits: Limits, now_s: float) -> None:
        self._model = model
        self._buckets = {
            name: Bucket(limit, WINDOW_S[name], now_s)
            for name, limit in dataclasses.asdict(limits).items()
            if limit is not None
        }

    def admit(self, tokens: int, tier: str, now_s: float) -> tuple[str, WireError] | None:
        """Reserve one request and its tokens, or say which limit refuses it and with what error."""
        per_minute = self._buckets.get("tpm")
        if per_minute is not None and tokens > per_minute.capacity:
            return "request-size", request_too_large(self._model, tier, per_minute.capacity, tokens)
        for name, bucket in self._buckets.items():
            needed = tokens if name[0] == "t" else 1
            wait_s = bucket.wait_s(needed, now_s)
            if wait_s > 0:
                figures = (bucket.capacity, math.ceil(bucket.capacity - bucket.level(now_s)), needed)
                error = rate_limited(
                    self._model, tier, name, figures, go_duration(wait_s), max(1, math.ceil(wait_s))
                )
                return name, error
        for name, bucket in self._buckets.items():
            bucket.take(tokens if name[0] == "t" else 1, now_s)
        return None

    def settle(self, reserved: int, used: int, now_s: float) -> None:
        """Correct a reservation to the tokens really used."""
        for name in ("tpm", "tpd"):
            if name in self._buckets:
                self._buckets[name].take(used - reserved, now_s)

    def headers(self, now_s: float) -> Headers:
        """The six headers: requests per day and tokens per minute. The other two limits have none."""
        found: Headers = []
        for name, header in (("rpd", "requests"), ("tpm", "tokens")):
            if (bucket := self._buckets.get(name)) is not None:
                values = {
                    "limit": str(bucket.capacity),
                    "remaining": str(max(0, math.floor(bucket.level(now_s) + 1e-6))),
                    "reset": go_duration(math.floor(bucket.full_in_s(now_s) * 1000 + 1e-6) / 1000),
                }
                found += [(f"x-ratelimit-{key}-{header}".encode(), values[key].encode()) for key in values]
        return found


def go_duration(seconds: float) -> str:
    """A duration as Go prints it: 2m59.56s, 7.66s, 391ms, 0s; to the microsecond.

    >>> go_duration(179.56), go_duration(7.66), go_duration(0.391), go_duration(3600), go_duration(31.0125)
    ('2m59.56s', '7.66s', '391ms', '1h0m0s', '31.0125s')
    """
    micros = round(seconds * 1e6)
    if micros < 1_000_000:
        return "0s" if micros == 0 else f"{_trimmed(micros, 1000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{prefix}{_trimmed(rest, 1_000_000)}s"


def _trimmed(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    digits = str(part).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def tier_names() -> list[str]:
    """Names that `parse_limits` knows besides numbers."""
    return ["off", *_tiers()]


def parse_limits(text: str, models: Iterable[str]) -> dict[str, Limits]:
    """Limits by model from "off", a tier's name, or numbers such as "rpm=30,tpm=8000" for every model.

    Models without figures in a tier are unlimited. Raises `LimitsError`.
    """
    if text == "off":
        return {}
    tiers = _tiers()
    if text in tiers:
        tier = tiers[text]
        return {model: Limits(**tier[model]) for model in models if model in tier}
    if "=" not in text:
        raise LimitsError(f"unknown rate limits {text!r}; use {', '.join(tier_names())} or rpm=30,tpm=8000")
    return dict.fromkeys(models, _numbers(text))


def _numbers(text: str) -> Limits:
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in WINDOW_S:
            raise LimitsError(f"unknown rate limit {name!r}; known: {', '.join(WINDOW_S)}")
        if name in found:
            raise LimitsError(f"rate limit {name} is given twice")
        if not number.isascii() or not number.isdecimal() or not 0 < int(number) <= _MAX_LIMIT:
            raise LimitsError(f"rate limit {name} has to be a whole number from 1 to 10^12, not {number!r}")
        found[name] = int(number)
    return Limits(**found)


def _tiers() -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    text = importlib.resources.files("target_app.inference").joinpath("rate_limits.toml").read_text("utf-8")
    return tomllib.loads(text)
