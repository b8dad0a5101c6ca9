"""Faults on request: their grammar, which request they hit, and the error that a status fault answers with.

    FAULT = KIND[=VALUE][,PARAMETER=VALUE ...][:PROBABILITY][@TARGET]

    status=503,retry-after=2:0.05@cardiology      slow-first-token=2.5      stall:0.01@openai/gpt-oss-20b

A target is a model, a role (triage, specialist, debate, synthesis, general) or a specialist's slug; without
one every completion is meant, without a probability each. `times=N` ends a fault after N hits. The kinds and
their values stand in docs/simulator.md.
"""

import dataclasses
import difflib
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence

from target_app.inference import _errors
from target_app.inference._case import SPECIALISTS
from target_app.inference._errors import WireError

ROLES = ("triage", "specialist", "debate", "synthesis", "general")
NO_FAULT = "none"
DEFAULT_STALL_S = 60.0
_CUTS = ("before-headers", "mid-body")
_NEEDS_VALUE = {"status", "slow-first-token", "cut"}
_PLAIN = ("truncated-json", "invalid-answer", "empty-content", "stream-error")
KINDS = ("status", "slow-first-token", "stall", "cut", *_PLAIN)
_STATUSES = (400, 401, 404, 413, 429, 498, 500, 502, 503)
_CODES = (
    "json_validate_failed",
    "tool_use_failed",
    "context_length_exceeded",
    "model_decommissioned",
    "invalid_request",
)
_DECIMAL = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


class FaultError(ValueError):
    """A fault that cannot be read; the text is one line that says what to change."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `seconds` belong to slow-first-token and stall, `where` to cut, the rest to status."""

    text: str
    kind: str
    status: int = 0
    code: str = "json_validate_failed"
    limit: str = "tpm"
    retry_after_s: int | None = None
    seconds: float = 0.0
    where: str = ""
    times: int | None = None
    probability: float = 1.0
    target: str = ""

    @property
    def label(self) -> str:
        """The kind with what tells its variants apart, for metrics."""
        if self.kind == "status":
            return f"status={self.status}"
        return f"cut={self.where}" if self.kind == "cut" else self.kind

    def hits(self, model: str, roles: tuple[str, str]) -> bool:
        """Whether a request to `model` in `roles` (role, specialist's slug) is meant."""
        return not self.target or self.target == model or self.target in roles

    def error(self, model: str, tier: str, tokens: int) -> WireError:
        """What a status fault answers with. `tokens` are those that the request asks for."""
        wait_s = 2 if self.retry_after_s is None else self.retry_after_s
        makers: dict[int, Callable[[], WireError]] = {
            400: lambda: _bad_request(self.code, model),
            401: _errors.unauthorised,
            404: lambda: _errors.model_not_found(model),
            413: lambda: _errors.request_too_large(model, tier, max(1, tokens - 1), tokens),
            429: lambda: _limited(model, tier, self.limit, wait_s, tokens),
            498: _errors.flex_capacity,
        }
        if self.status in makers:
            return makers[self.status]()
        return _errors.server_error(self.status, model, self.retry_after_s)


def _bad_request(code: str, model: str) -> WireError:
    match code:
        case "context_length_exceeded":
            return _errors.too_long()
        case "model_decommissioned":
            return _errors.decommissioned(model)
        case "invalid_request":
            return _errors.bad_request("'messages' : minimum number of items is 1", "messages")
    return _errors.generation_failed(code)


def _limited(model: str, tier: str, limit: str, wait_s: int, tokens: int) -> WireError:
    """Figures that agree with the wait: one request or `tokens` more than a full minute's or day's limit."""
    window_s = 60 if limit.endswith("m") else 86_400
    needed = tokens if limit[0] == "t" else 1
    allowed = max(needed, 30)
    used = allowed - needed + math.ceil(wait_s * allowed / window_s)
    return _errors.rate_limited(model, tier, limit, (allowed, used, needed), f"{wait_s}s", wait_s)


class FaultPlan:
    """The faults that are set. Each completion draws once; at most one fault hits it.

    Faults that could hit the same request share the draw, so that their probabilities add up. The draw
    depends on the seed and on how many completions were asked for since the faults were set.
    """

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self._left = [fault.times for fault in faults]
        self._rng = random.Random(f"faults/{seed}")
        self.needs_role = any(fault.target in {*ROLES, *SPECIALISTS} for fault in faults)

    def draw(self, model: str, roles: tuple[str, str]) -> Fault | None:
        """The fault that hits the next completion, if any."""
        point = self._rng.random()
        for place, fault in enumerate(self.faults):
            if self._left[place] == 0 or not fault.hits(model, roles):
                continue
            point -= fault.probability
            if point < 0:
                if (left := self._left[place]) is not None:
                    self._left[place] = left - 1
                return fault
        return None


def parse_faults(texts: Iterable[str], models: Iterable[str]) -> tuple[Fault, ...]:
    """Read several faults; raises `FaultError`."""
    known = tuple(models)
    return tuple(parse_fault(text, known) for text in texts)


def parse_fault(text: str, models: Sequence[str]) -> Fault:
    """Read one fault in the grammar above. Raises `FaultError`, which names the fault and what is wrong.

    >>> fault = parse_fault("status=503,retry-after=2:0.05@cardiology", ["m"])
    >>> fault.status, fault.retry_after_s, fault.probability, fault.target
    (503, 2, 0.05, 'cardiology')
    """
    try:
        head, at, target = text.strip().partition("@")
        head, colon, probability = head.partition(":")
        first, *parameters = (part.strip() for part in head.split(","))
        kind, equals, value = first.partition("=")
        if kind not in KINDS:
            raise FaultError(_unknown("kind", kind, KINDS))
        if kind in _NEEDS_VALUE and not equals:
            raise FaultError(f"{kind} needs a value, as in {_EXAMPLES[kind]}")
        if equals and kind in _PLAIN:
            raise FaultError(f"{kind} takes no value")
        fault = Fault(text.strip(), kind)
        if equals or kind == "stall":
            fault = _READ_VALUE[kind](fault, value if equals else str(DEFAULT_STALL_S))
        for parameter in parameters:
            fault = _with_parameter(fault, parameter)
        if colon:
            fault = dataclasses.replace(fault, probability=_probability(probability))
        return dataclasses.replace(fault, target=_target(target, models)) if at else fault
    except FaultError as error:
        raise FaultError(f"fault {text.strip()!r}: {error}") from None


_EXAMPLES = {"status": "status=503", "slow-first-token": "slow-first-token=2.5", "cut": "cut=mid-body"}


def _read_status(fault: Fault, value: str) -> Fault:
    if value not in map(str, _STATUSES):
        raise FaultError(f"status has to be one of {', '.join(map(str, _STATUSES))}, not {value!r}")
    return dataclasses.replace(fault, status=int(value))


def _read_seconds(fault: Fault, value: str) -> Fault:
    if not _DECIMAL.fullmatch(value) or float(value) > 3600:
        raise FaultError(f"{fault.kind} takes seconds from 0 to 3600, not {value!r}")
    return dataclasses.replace(fault, seconds=float(value))


def _read_cut(fault: Fault, value: str) -> Fault:
    if value not in _CUTS:
        raise FaultError(f"cut has to be {' or '.join(_CUTS)}, not {value!r}")
    return dataclasses.replace(fault, where=value)


_READ_VALUE: dict[str, Callable[[Fault, str], Fault]] = {
    "status": _read_status,
    "slow-first-token": _read_seconds,
    "stall": _read_seconds,
    "cut": _read_cut,
}


def _with_parameter(fault: Fault, text: str) -> Fault:
    name, _, value = text.partition("=")
    status = fault.status if fault.kind == "status" else 0
    if name == "times":
        return dataclasses.replace(fault, times=_whole(name, value, least=1))
    if name == "retry-after" and status in {429, 500, 502, 503}:
        return dataclasses.replace(fault, retry_after_s=_whole(name, value, least=0))
    if name == "code" and status == 400:
        if value not in _CODES:
            raise FaultError(_unknown("code", value, _CODES))
        return dataclasses.replace(fault, code=value)
    if name == "limit" and status == 429:
        if value not in {"rpm", "rpd", "tpm", "tpd"}:
            raise FaultError(_unknown("limit", value, ("rpm", "rpd", "tpm", "tpd")))
        return dataclasses.replace(fault, limit=value)
    raise FaultError(f"{fault.label} has no parameter {name!r}")


def _whole(name: str, value: str, *, least: int) -> int:
    if not value.isascii() or not value.isdecimal() or not least <= int(value) <= 86_400:
        raise FaultError(f"{name} has to be a whole number from {least} to 86400, not {value!r}")
    return int(value)


def _probability(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or not 0 < float(text) <= 1:
        raise FaultError(f"a probability is above 0 and at most 1, not {text!r}")
    return float(text)


def _target(text: str, models: Sequence[str]) -> str:
    known = (*ROLES, *SPECIALISTS, *models)
    if text not in known:
        raise FaultError(_unknown("target", text, known))
    return text


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"unknown {what} {name!r}; {hint}"
