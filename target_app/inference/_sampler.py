"""Answers any JSON schema with a value that satisfies it, taking over wanted values where they fit.

`compile_schema` turns a schema into a tree of nodes once; `Node.fit(wanted, draw, depth)` walks it. `wanted`
is what a role would like to say (`MISSING`: nothing); whatever does not fit is cut to size or sampled from
the generator, so the same seed gives the same value. Covers the keywords of structured outputs: type (also a
list), enum, const, anyOf, oneOf, allOf, $ref with $defs (recursive too), bounds of numbers, strings, arrays
and objects, multipleOf, uniqueItems, prefixItems and the common formats. `pattern`, `not`, `if` and the
exclusiveness of oneOf are not looked at.
"""

import functools
import math
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

# Beyond this depth a recursive schema takes its shortest way out.
_DEEP = 5
_ENDLESS = 10**6

_FORMATS = {
    "date-time": "2026-01-15T08:30:00Z",
    "date": "2026-01-15",
    "time": "08:30:00Z",
    "duration": "P2D",
    "email": "ward@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/guideline",
    "uuid": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


class _Missing:
    """Says that there is no wanted value (`None` is one)."""


MISSING = _Missing()
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{2,}")


class SchemaError(ValueError):
    """A schema whose keywords have values of the wrong kind."""


class Draw:
    """What sampling draws from: a generator, a text to take words from, wanted values by field name."""

    def __init__(self, rng: random.Random, text: str = "", known: Mapping[str, Any] | None = None) -> None:
        self.rng = rng
        self.known = known or {}
        self._text = text
        self._words: list[str] = []

    def phrase(self, count: int) -> str:
        """Some words of the text; few answers need any, so they are looked for at the first call."""
        if not self._words:
            self._words = list(dict.fromkeys(_WORD.findall(self._text)))[:60] or ["no", "further", "findings"]
        return " ".join(self.rng.choice(self._words) for _ in range(count))


class Node:
    """A compiled schema; this one allows anything."""

    def fit(self, wanted: Any, draw: Draw, _depth: int, /) -> Any:
        """Return a value that satisfies the schema, as close to `wanted` as it allows."""
        return draw.phrase(3) if wanted is MISSING else wanted

    def accepts(self, wanted: Any, /) -> bool:
        """Whether `fit` would keep the gist of `wanted` (it may still trim it)."""
        return wanted is not MISSING

    def is_choice(self) -> bool:
        """Whether the schema lists its values."""
        return False

    def height(self, _seen: frozenset[int], /) -> int:
        """Levels down to a leaf by the shortest way; `_ENDLESS` inside a loop of references."""
        return 0


class _Choice(Node):
    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def is_choice(self) -> bool:
        return True

    def fit(self, wanted: Any, draw: Draw, _depth: int, /) -> Any:
        return wanted if self.accepts(wanted) else draw.rng.choice(self.values)

    def accepts(self, wanted: Any, /) -> bool:
        # True == 1 in Python, but not in JSON.
        return any(type(wanted) is type(value) and wanted == value for value in self.values)


class _Null(Node):
    def fit(self, _wanted: Any, _draw: Draw, _depth: int, /) -> Any:
        return None

    def accepts(self, wanted: Any, /) -> bool:
        return wanted is None


class _Boolean(Node):
    def fit(self, wanted: Any, draw: Draw, _depth: int, /) -> Any:
        return wanted if isinstance(wanted, bool) else draw.rng.random() < 0.5

    def accepts(self, wanted: Any, /) -> bool:
        return isinstance(wanted, bool)


class _Number(Node):
    """Numbers on the grid of `step` (1 for integers, else multipleOf, else hundredths) within the bounds."""

    def __init__(self, schema: dict[str, Any], *, integer: bool) -> None:
        self.integer = integer
        self.multiple = schema.get("multipleOf")
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
        self._open_low = low == schema.get("exclusiveMinimum")
        self._open_high = high == schema.get("exclusiveMaximum")
        self.low, self.high = self._default_bounds(low, high)

    @staticmethod
    def _default_bounds(low: float, high: float) -> tuple[float, float]:
        if low == -math.inf and high == math.inf:
            return 0, 100
        if low == -math.inf:
            return high - 100, high
        return low, (low + 100 if high == math.inf else high)

    def accepts(self, wanted: Any, /) -> bool:
        return isinstance(wanted, int | float) and not isinstance(wanted, bool)

    def _inside(self, value: float) -> bool:
        above = value > self.low if self._open_low else value >= self.low
        return above and (value < self.high if self._open_high else value <= self.high)

    def fit(self, wanted: Any, draw: Draw, _depth: int, /) -> int | float:
        asked = self.accepts(wanted)
        value = min(max(wanted, self.low), self.high) if asked else draw.rng.uniform(self.low, self.high)
        if self.multiple or self.integer:
            return self._on_grid(value)
        rounded = value if asked else round(value, 2)
        return rounded if self._inside(rounded) else (self.low + self.high) / 2

    def _on_grid(self, value: float) -> int | float:
        step = self.multiple or 1
        if self.integer and not float(step).is_integer():
            step = 1 if (1 / step).is_integer() else step * 10 ** len(str(step).partition(".")[2])
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        count = min(max(round(value / step), first), last)
        if not self._inside(count * step):
            count += 1 if count == first else -1
        return int(count * step) if self.integer or isinstance(step, int) else count * step


class _String(Node):
    def __init__(self, schema: dict[str, Any]) -> None:
        self.shortest = schema.get("minLength", 0)
        self.longest = schema.get("maxLength", _ENDLESS)
        self.format = _FORMATS.get(schema.get("format", ""))

    def accepts(self, wanted: Any, /) -> bool:
        return isinstance(wanted, str) and self.format is None

    def fit(self, wanted: Any, draw: Draw, _depth: int, /) -> str:
        if self.format is not None:
            return self.format
        text = wanted if isinstance(wanted, str) else draw.phrase(draw.rng.randint(2, 6))
        while len(text) < self.shortest:
            text = f"{text} {draw.phrase(3)}"
        if len(text) > self.longest:
            cut = text[: self.longest]
            whole_words = cut.rpartition(" ")[0]
            text = whole_words if len(whole_words) >= max(self.shortest, 1) else cut
        return text


class _Array(Node):
    def __init__(self, schema: dict[str, Any], compiler: "_Compiler") -> None:
        self.shortest = schema.get("minItems", 0)
        self.longest = schema.get("maxItems", _ENDLESS)
        self.unique = schema.get("uniqueItems", False)
        self.first = [compiler.node(part) for part in schema.get("prefixItems", ())]
        items = schema.get("items", True)
        self.items = compiler.node(items)
        if items is False:
            self.longest = min(self.longest, len(self.first))

    def accepts(self, wanted: Any, /) -> bool:
        return isinstance(wanted, list)

    def height(self, seen: frozenset[int], /) -> int:
        needed = [*self.first, self.items][: self.shortest]
        return 1 + max((node.height(seen) for node in needed), default=0)

    def fit(self, wanted: Any, draw: Draw, depth: int, /) -> list[Any]:
        if isinstance(wanted, list):
            kept = [item for item in wanted if self.items.accepts(item)][: self.longest]
        else:
            kept = []
        count = max(len(kept), self.shortest)
        if not isinstance(wanted, list) and depth < _DEEP:
            count = min(max(count, draw.rng.randint(1, 3), len(self.first)), self.longest)
        values: list[Any] = []
        for place in range(count):
            node = self.first[place] if place < len(self.first) else self.items
            values.append(
                self._item(node, kept[place] if place < len(kept) else MISSING, values, draw, depth)
            )
        return self._distinct(values) if self.unique else values

    def _item(self, node: Node, wanted: Any, before: list[Any], draw: Draw, depth: int) -> Any:
        value = node.fit(wanted, draw, depth + 1)
        if self.unique:
            for _ in range(50):
                if value not in before:
                    break
                value = node.fit(MISSING, draw, depth + 1)
        return value

    def _distinct(self, values: list[Any]) -> list[Any]:
        seen: dict[bytes, Any] = {}
        for value in values:
            seen.setdefault(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), value)
        return list(seen.values())


class _Object(Node):
    def __init__(self, schema: dict[str, Any], compiler: "_Compiler") -> None:
        properties: dict[str, Any] = schema.get("properties", {})
        self.required = frozenset(schema.get("required", ()))
        self.additional = compiler.node(schema.get("additionalProperties", True))
        self.fields = {name: compiler.node(part) for name, part in properties.items()}
        for name in sorted(self.required - self.fields.keys()):
            self.fields[name] = self.additional
        self.fewest = schema.get("minProperties", 0)
        self.most = schema.get("maxProperties", _ENDLESS)
        self.strict = self.required == self.fields.keys() and not self.fewest
        self.is_map = not properties and isinstance(schema.get("additionalProperties"), dict)

    def accepts(self, wanted: Any, /) -> bool:
        if not isinstance(wanted, dict):
            return False
        # Text and numbers can be cut to size, but another choice would be another statement.
        choices = ((name, node) for name, node in self.fields.items() if node.is_choice())
        return all(node.accepts(wanted[name]) for name, node in choices if name in wanted)

    def height(self, seen: frozenset[int], /) -> int:
        return 1 + max((self.fields[name].height(seen) for name in self.required), default=0)

    def fit(self, wanted: Any, draw: Draw, depth: int, /) -> dict[str, Any]:
        # Inside an unrecognised object, fields are still recognised by their names.
        source = wanted if isinstance(wanted, dict) else draw.known
        if self.strict and self.fields:
            deeper = depth + 1
            return {
                name: node.fit(source.get(name, MISSING), draw, deeper) for name, node in self.fields.items()
            }
        value: dict[str, Any] = {}
        optional_room = self.most - len(self.required)
        for name, node in self.fields.items():
            if name not in self.required:
                if depth >= _DEEP or optional_room <= 0 or node.height(frozenset()) >= _ENDLESS:
                    continue
                optional_room -= 1
            value[name] = node.fit(source.get(name, MISSING), draw, depth + 1)
        fill = max(self.fewest, 1 if self.is_map and depth < _DEEP and self.most > 0 else 0)
        for place in range(fill - len(value)):
            value[f"item_{place + 1}"] = self.additional.fit(MISSING, draw, depth + 1)
        return value


class _AnyOf(Node):
    def __init__(self, options: list[Node]) -> None:
        self.options = options

    def accepts(self, wanted: Any, /) -> bool:
        return any(option.accepts(wanted) for option in self.options)

    def height(self, seen: frozenset[int], /) -> int:
        return min(option.height(seen) for option in self.options)

    def fit(self, wanted: Any, draw: Draw, depth: int, /) -> Any:
        for option in self.options:
            if option.accepts(wanted):
                return option.fit(wanted, draw, depth)
        if depth >= _DEEP:
            return min(self.options, key=lambda option: option.height(frozenset())).fit(MISSING, draw, depth)
        finite = [option for option in self.options if option.height(frozenset()) < _ENDLESS]
        return draw.rng.choice(finite or self.options).fit(MISSING, draw, depth)


class _Reference(Node):
    """A $ref; `target` is set when the definition has been compiled, which closes loops."""

    target: Node

    def is_choice(self) -> bool:
        return self.target.is_choice()

    def accepts(self, wanted: Any, /) -> bool:
        return self.target.accepts(wanted)

    def height(self, seen: frozenset[int], /) -> int:
        return _ENDLESS if id(self) in seen else self.target.height(seen | {id(self)})

    def fit(self, wanted: Any, draw: Draw, depth: int, /) -> Any:
        return self.target.fit(wanted, draw, depth)


class _Compiler:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._references: dict[str, _Reference] = {}

    def node(self, schema: Any) -> Node:
        if not isinstance(schema, dict):
            return Node()
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "allOf" in schema:
            return self.node(self._merged(schema))
        if "const" in schema or schema.get("enum"):
            return _Choice([schema["const"]] if "const" in schema else schema["enum"])
        kinds = schema.get("type") or self._implied_type(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if not options and isinstance(kinds, list):
            options = [{"type": kind} for kind in kinds]
        if options:
            shared = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
            return _AnyOf([self.node({**shared, **option}) for option in options])
        return self._typed(kinds, schema)

    def _typed(self, kind: str, schema: dict[str, Any]) -> Node:
        makers: dict[str, Callable[[], Node]] = {
            "object": lambda: _Object(schema, self),
            "array": lambda: _Array(schema, self),
            "string": lambda: _String(schema),
            "integer": lambda: _Number(schema, integer=True),
            "number": lambda: _Number(schema, integer=False),
            "boolean": _Boolean,
            "null": _Null,
        }
        return makers.get(kind, Node)()

    @staticmethod
    def _implied_type(schema: dict[str, Any]) -> str:
        if "properties" in schema or "required" in schema or "additionalProperties" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else ""

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            found = self._lookup(part["$ref"]) if "$ref" in part else part
            for key, value in found.items():
                if key == "properties":
                    merged[key] = {**merged.get(key, {}), **value}
                elif key == "required":
                    merged[key] = [*merged.get(key, ()), *value]
                elif key == "allOf":
                    merged.update(self._merged(found))
                else:
                    merged[key] = value
        return merged

    def _reference(self, pointer: str) -> Node:
        if pointer not in self._references:
            reference = self._references[pointer] = _Reference()
            reference.target = self.node(self._lookup(pointer))
        return self._references[pointer]

    def _lookup(self, pointer: str) -> Any:
        found: Any = self._root
        for part in pointer.removeprefix("#").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if key:
                found = found.get(key, {}) if isinstance(found, dict) else {}
        return found


@functools.lru_cache(maxsize=256)
def _compiled(schema_bytes: bytes) -> Node:
    schema = orjson.loads(schema_bytes)
    try:
        return _Compiler(schema).node(schema)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"{error}") from error


def compile_schema(schema_bytes: bytes) -> Node:
    """The node tree of a schema given as JSON bytes; cached, since a service sends the same few."""
    return _compiled(schema_bytes)
