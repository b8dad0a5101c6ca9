"""What `inference.py` calls, in what order, and how much of it is allowed: no Locust, no network.

One call is in flight at a time. Every round calls each model in each way once, in an order drawn
anew: a machine or a provider that gets slower meanwhile does so for all alike, and none always
comes after the same other.
"""

import json
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How a model is called; also the name of the rows.
WAYS = ("sdk", "wire", "sdk-stream", "wire-stream")

#: A generous guess of the prompt's length in tokens, for the cost of a call that is yet to be made.
PROMPT_TOKENS = 400

PROMPT = """Role: you are an experienced cardiologist.
Task: assess the patient's cardiac data: what is abnormal, how urgent it is, what to do next.
Data: troponin 0.5 ng/mL, BNP 450 pg/mL, ECG: normal sinus rhythm.
Output: one JSON object with findings, urgency and recommendations."""

_TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "findings": _TEXTS,
        "urgency": {"type": "string", "enum": ["low", "medium", "high"]},
        "recommendations": _TEXTS,
    },
    "required": ["findings", "urgency", "recommendations"],
    "additionalProperties": False,
}


@dataclass(slots=True, frozen=True)
class Model:
    """A line of data/models.toml. Prices are USD per million tokens; None where they are not known."""

    name: str
    role: str = "other"
    reasoning: bool = False
    replaced_by: str | None = None
    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None

    def cost_usd(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """What a call cost; None without prices or token counts."""
        prices = (self.input_usd_per_million, self.output_usd_per_million)
        if None in (*prices, input_tokens, output_tokens):
            return None
        assert prices[0] is not None and prices[1] is not None  # noqa: S101, PT018 - for mypy
        return ((input_tokens or 0) * prices[0] + (output_tokens or 0) * prices[1]) / 1e6


@dataclass(slots=True, frozen=True)
class Call:
    """One call of the plan. `number` counts a model's calls in one way; warm-up calls have none."""

    model: Model
    way: str
    number: int | None


@dataclass(slots=True, frozen=True)
class Caps:
    """What a live bench may use: calls, calls per minute, USD."""

    calls: int
    calls_per_min: float
    cost_usd: float


@dataclass(slots=True, frozen=True)
class Plan:
    """Checked by `make_plan`. `caps` is None against the simulator."""

    models: tuple[Model, ...]
    ways: tuple[str, ...]
    calls: int
    warm_up_calls: int
    max_tokens: int
    caps: Caps | None = None

    @property
    def cells(self) -> list[tuple[Model, str]]:
        return [(model, way) for model in self.models for way in self.ways]

    @property
    def total(self) -> int:
        """All calls, those of the warm-up too."""
        return len(self.cells) * (self.calls + self.warm_up_calls)

    def in_order(self, seed: int) -> Iterator[Call]:
        """The whole bench: the warm-up's rounds first. The same seed gives the same order."""
        draw = random.Random(seed)
        rounds: list[int | None] = [None] * self.warm_up_calls
        rounds += range(1, self.calls + 1)
        for number in rounds:
            cells = self.cells
            draw.shuffle(cells)
            yield from (Call(model, way, number) for model, way in cells)

    def body(self, model: Model, *, stream: bool) -> dict[str, Any]:
        """What is sent, through the SDK and on the wire alike."""
        body: dict[str, Any] = {
            "model": model.name,
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": self.max_tokens,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "CardiacAssessment", "strict": True, "schema": SCHEMA},
            },
        }
        if model.reasoning:
            body["reasoning_effort"] = "low"
        if stream:
            body["stream"] = True
        return body


def load_models(path: Path) -> dict[str, Model]:
    """Read models.toml. Raises OSError, ValueError and TypeError for a file that is not one."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Model(name, **fields) for name, fields in tables.items()}


def make_plan(options: Mapping[str, Any], known: Mapping[str, Model], *, live: bool) -> Plan:
    """The plan that the options ask for. Raises ValueError with one line that says what to change."""
    ways = _words(options["ways"])
    for way in ways:
        if way not in WAYS:
            raise ValueError(f"--ways: {way!r} is none of {', '.join(WAYS)}")
    names = _words(options["models"])
    if not names or not ways:
        raise ValueError("--models and --ways must each name at least one")
    for flag, least in (("calls", 1), ("warm_up_calls", 0), ("max_tokens", 1)):
        if options[flag] < least:
            raise ValueError(f"--{flag.replace('_', '-')} must be at least {least}")
    models = tuple(known.get(name, Model(name)) for name in names)
    plan = Plan(models, ways, options["calls"], options["warm_up_calls"], options["max_tokens"])
    return _capped(plan, options) if live else plan


def _capped(plan: Plan, options: Mapping[str, Any]) -> Plan:
    caps = Caps(options["max_calls"], options["max_calls_per_min"], options["max_cost_usd"])
    for model in plan.models:
        if model.replaced_by:
            raise ValueError(f"{model.name} is retired at Groq; use {model.replaced_by} in --models")
        if model.input_usd_per_million is None or model.output_usd_per_million is None:
            raise ValueError(
                f"{model.name} has no price in data/models.toml, and live runs are capped by cost"
            )
    if min(caps.calls, caps.calls_per_min, caps.cost_usd) <= 0:
        raise ValueError("--max-calls, --max-calls-per-min and --max-cost-usd must be above 0")
    if plan.total > caps.calls:
        raise ValueError(
            f"{plan.total} calls are planned and --max-calls allows {caps.calls}: lower --calls, "
            "--warm-up-calls, --models or --ways, or allow more"
        )
    return Plan(plan.models, plan.ways, plan.calls, plan.warm_up_calls, plan.max_tokens, caps)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


class Budget:
    """Keeps count of what a capped bench has used; `now_s` is any clock that never steps back."""

    def __init__(self, caps: Caps | None, max_tokens: int) -> None:
        self._caps, self._max_tokens = caps, max_tokens
        self._sent_s: float | None = None
        self.calls = 0
        self.spent_usd = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long the next call has to wait for the calls per minute."""
        if self._caps is None or self._sent_s is None:
            return 0.0
        return max(self._sent_s + 60 / self._caps.calls_per_min - now_s, 0.0)

    def refusal(self, model: Model) -> str | None:
        """Why the next call may not be made, if it may not: it is priced as if it used all its tokens."""
        if self._caps is None:
            return None
        if self.calls >= self._caps.calls:
            return f"the cap of {self._caps.calls} calls is reached"
        if self.spent_usd + self._worst_usd(model) > self._caps.cost_usd:
            return f"the next call could take the cost beyond the cap of {self._caps.cost_usd:g} USD"
        return None

    def note_sent(self, model: Model, now_s: float) -> None:
        """A call is made; until its cost is known it counts as the most that it can cost."""
        self.calls += 1
        self._sent_s = now_s
        self.spent_usd += self._worst_usd(model)

    def note_cost(self, cost_usd: float | None, model: Model) -> None:
        """What the call cost; None, where it is not known, changes nothing."""
        if cost_usd is not None:
            self.spent_usd += cost_usd - self._worst_usd(model)

    def _worst_usd(self, model: Model) -> float:
        return model.cost_usd(PROMPT_TOKENS, self._max_tokens) or 0.0


def fault_of(content: str | None, finish_reason: str | None) -> str | None:
    """What is wrong with an answer, if anything is."""
    if finish_reason == "length":
        return "cut off at max_tokens"
    if not content:
        return "empty answer"
    try:
        document = json.loads(content)
    except ValueError:
        return "not JSON"
    if not isinstance(document, dict):
        return "not a JSON object"
    return None if document.keys() >= set(SCHEMA["required"]) else "field missing"


def progress_line(number: int, calls: int, times_ms: Mapping[str, Sequence[float]]) -> str:
    """How far each model is, and its mean so far.

    >>> progress_line(10, 100, {"small": [40.0, 60.0]})
    '10 of 100 calls per model: small 50.0 ms'
    """
    means = ", ".join(f"{name} {sum(times) / len(times):.1f} ms" for name, times in times_ms.items() if times)
    return f"{number} of {calls} calls per model: {means}"
