"""A sample value for a JSON Schema (OpenAPI 3.0 and 3.1): the document's own example, else a made-up one."""

import re
from collections.abc import Mapping
from typing import Any

from harness.cli._sources._model import SourceError

_MAX_DEPTH = 8
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "c2FtcGxl",
    "binary": "sample",
    "password": "password",
}
#: What people ask agents in; a model answers a sentence better than the word "string".
_PROMPT = re.compile(r"message|prompt|question|query|text|content|input|instruction|complaint", re.IGNORECASE)
_PROMPT_TEXT = "What can you help me with?"


class Samples:
    """Sample values for the schemas of one document."""

    def __init__(self, document: Mapping[str, Any], label: str) -> None:
        self._document = document
        self._label = label

    def resolve(self, value: Any) -> dict[str, Any]:
        """What a `$ref` stands for. Raises SourceError for one that leads out of the document."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise SourceError(
                f"{self._label}: refers to another file ({reference}); bundle it into one first"
            )
        place: Any = self._document
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, dict) else None
            if place is None:
                raise SourceError(f"{self._label}: {reference} leads nowhere")
        return place

    def of(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A value that the schema allows, as far as a sample can; None where it says nothing."""
        schema = self.merged(schema)
        given = self._given(schema)
        return self._made_up(schema, name, depth) if given is None and depth <= _MAX_DEPTH else given

    def _made_up(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kinds = schema.get("type")
        kind = next((each for each in kinds if each != "null"), None) if isinstance(kinds, list) else kinds
        match kind or ("object" if "properties" in schema else None):
            case "object":
                return self._object(schema, depth)
            case "array":
                item = self.of(schema.get("items"), name, depth + 1)
                count = max(1, int(schema.get("minItems") or 1))
                return [] if item is None else [item] * min(count, 3)
            case "string":
                return _string(schema, name)
            case "integer" | "number":
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def merged(self, schema: Any) -> dict[str, Any]:
        """The schema with `allOf` folded in, and the first real choice of `oneOf` or `anyOf`."""
        schema = self.resolve(schema)
        for _ in range(_MAX_DEPTH):
            parts = [self.resolve(each) for each in schema.get("allOf") or ()]
            choices = [self.resolve(each) for each in schema.get("oneOf") or schema.get("anyOf") or ()]
            parts += [each for each in choices if each.get("type") != "null"][:1]
            if not parts:
                break
            own = {key: value for key, value in schema.items() if key not in {"allOf", "oneOf", "anyOf"}}
            schema = _fold([*parts, own])
        return dict(schema)

    def _given(self, schema: Mapping[str, Any]) -> Any:
        if "example" in schema:
            return schema["example"]
        examples = schema.get("examples")
        if isinstance(examples, list) and examples:
            return examples[0]
        for key in ("const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        choices = schema.get("enum")
        return choices[0] if isinstance(choices, list) and choices else None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """What is required, and what has an example; everything, where nothing is required."""
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        found = {}
        for key, part in properties.items():
            resolved = self.resolve(part)
            wanted = key in required or not required or "example" in resolved or "examples" in resolved
            if not wanted or resolved.get("readOnly"):
                continue
            value = self.of(part, str(key), depth + 1)
            if value is not None:
                found[str(key)] = value
        return found


def _fold(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**(whole.get("properties") or {}), **(part.get("properties") or {})}
        required = [*(whole.get("required") or ()), *(part.get("required") or ())]
        whole |= part
        whole |= {"properties": properties} if properties else {}
        whole |= {"required": required} if required else {}
    return whole


def _string(schema: Mapping[str, Any], name: str) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    text = known or (_PROMPT_TEXT if _PROMPT.search(name) else "sample")
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if known is None and isinstance(shortest, int):
        text = text.ljust(shortest, ".")
    return text[:longest] if isinstance(longest, int) else text


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    """1, or the nearest number to it that the bounds and the step allow."""
    step = _as_number(schema.get("multipleOf")) or (1 if whole else 0.5)
    low, high = _bound(schema, "inimum", step), _bound(schema, "aximum", -step)
    value = 1.0
    if high is not None:
        value = min(value, high)
    if low is not None:
        value = max(value, low)
    if "multipleOf" in schema:
        value = -(-value // step) * step
    return int(value) if whole else value


def _bound(schema: Mapping[str, Any], name: str, step: float) -> float | None:
    """In OpenAPI 3.0 the exclusive bounds are flags beside the inclusive ones, in 3.1 numbers."""
    plain, exclusive = _as_number(schema.get(f"m{name}")), schema.get(f"exclusiveM{name}")
    if exclusive is True and plain is not None:
        return plain + step
    strict = _as_number(exclusive)
    return plain if strict is None else strict + step


def _as_number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
