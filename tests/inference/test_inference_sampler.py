"""The schema sampler: whatever the schema, the answer satisfies it; `jsonschema` is the oracle."""

import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_app.inference._sampler import MISSING, Draw, compile_schema
from tests.inference.contract import SCHEMAS, strict


def sample(schema: Any, seed: int = 0, known: dict[str, Any] | None = None) -> Any:
    draw = Draw(random.Random(seed), "fever and cough for two days", known)
    return compile_schema(json.dumps(schema).encode()).fit(MISSING, draw, 0)


TREE = {
    "$defs": {
        "node": strict(
            value={"type": "integer"}, children={"type": "array", "items": {"$ref": "#/$defs/node"}}
        )
    },
    "$ref": "#/$defs/node",
}
LINKED = {
    "$defs": {
        "link": strict(value={"type": "string"}, next={"anyOf": [{"$ref": "#/$defs/link"}, {"type": "null"}]})
    },
    "$ref": "#/$defs/link",
}
NAMED: dict[str, Any] = {
    "nullable": {"type": ["string", "null"]},
    "nullable enum": {"type": ["string", "null"], "enum": ["a", None]},
    "const": strict(kind={"const": "report"}, version={"const": 2}),
    "any of objects": {"anyOf": [strict(a={"type": "integer"}), strict(b={"type": "boolean"})]},
    "recursive tree": TREE,
    "linked list": LINKED,
    "exclusive bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "exclusive integers": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    "multiple of 7": {"type": "integer", "minimum": 10, "maximum": 20, "multipleOf": 7},
    "multiple of a half": {"type": "number", "minimum": 0.1, "maximum": 0.9, "multipleOf": 0.5},
    "only a minimum": {"type": "number", "minimum": 1e9},
    "only a maximum": {"type": "integer", "maximum": -1000},
    "long text": {"type": "string", "minLength": 500},
    "short text": {"type": "string", "maxLength": 3},
    "exact text": {"type": "string", "minLength": 17, "maxLength": 17},
    "empty text": {"type": "string", "maxLength": 0},
    "date and time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "many items": {"type": "array", "items": {"type": "boolean"}, "minItems": 40},
    "no items": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    "unique choices": {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": False,
        "minItems": 2,
    },
    "map": {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 2},
    "optional fields": {
        "type": "object",
        "properties": {"a": {"type": "null"}},
        "additionalProperties": False,
    },
    "required without a schema": {"type": "object", "required": ["a"]},
    "all of": {
        "allOf": [{"$ref": "#/$defs/base"}, strict(b={"type": "string"})],
        "$defs": {"base": {"type": "object"}},
    },
    "escaped reference": {"$defs": {"a/b": {"type": "integer"}}, "$ref": "#/$defs/a~1b"},
    "anything": {},
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("seed", range(5))
def test_named_schemas(name: str, seed: int) -> None:
    value = sample(NAMED[name], seed)
    jsonschema.Draft202012Validator(
        NAMED[name], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)
    json.dumps(value, allow_nan=False)


def bounded(low: int, high: int, *names: str) -> st.SearchStrategy[dict[str, int]]:
    """Two optional keywords with bounds in order."""
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    both = pair.map(lambda ends: dict(zip(names, ends, strict=True)))
    return st.one_of(st.just({}), both, both.map(lambda limits: {names[0]: limits[names[0]]}))


def with_type(kind: str, **more: Any) -> Any:
    return lambda keywords: {"type": kind, **more, **keywords}


LEAVES = st.one_of(
    bounded(0, 40, "minLength", "maxLength").map(with_type("string")),
    bounded(-1000, 1000, "minimum", "maximum").map(with_type("integer")),
    bounded(-1000, 1000, "minimum", "maximum").map(with_type("number")),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}]),
    st.lists(
        st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none()), min_size=1, max_size=4
    ).map(lambda values: {"enum": values}),
)
FIELD = st.sampled_from(["summary", "findings", "confidence", "disposition", "x", "y", "z"])


def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(FIELD, inner, max_size=4)
    return st.one_of(
        fields.map(lambda properties: strict(**properties)),
        fields.map(lambda properties: {"type": "object", "properties": properties}),
        st.tuples(inner, bounded(0, 4, "minItems", "maxItems")).map(
            lambda pair: {"type": "array", "items": pair[0], **pair[1]}
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
    )


SCHEMA = st.recursive(LEAVES, grow, max_leaves=12)
KNOWN = {
    "summary": "A long summary of a case with many words",
    "findings": ["fever", "cough", "rash", "pallor", "oedema"],
    "confidence": 0.7,
    "disposition": "admit",
    "x": None,
    "y": {"x": 1},
}


@settings(max_examples=150)
@given(schema=SCHEMA, seed=st.integers(0, 2**32), knows=st.booleans())
def test_any_schema_is_satisfied_the_same_way_each_time(schema: Any, seed: int, knows: bool) -> None:
    known = KNOWN if knows else None
    value = sample(schema, seed, known)
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    assert value == sample(schema, seed, known)


def test_seeds_differ() -> None:
    values = {json.dumps(sample(SCHEMAS["synthesis"], seed)) for seed in range(20)}
    assert len(values) == 20


@pytest.mark.parametrize(
    ("part", "wanted", "expected"),
    [
        ({"type": "string"}, "acute asthma", "acute asthma"),
        ({"type": "string", "maxLength": 8}, "acute asthma", "acute"),
        ({"type": "number", "maximum": 0.5}, 0.8, 0.5),
        ({"type": "integer"}, 2.7, 3),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 2}, ["a", "b", "c"], ["a", "b"]),
        ({"type": "array", "items": {"enum": ["a", "c"]}}, ["a", "b", "c"], ["a", "c"]),
        (
            {"type": "array", "items": strict(slug={"enum": ["x"]}, why={"type": "string"})},
            [{"slug": "x", "why": "1"}, {"slug": "y", "why": "2"}],
            [{"slug": "x", "why": "1"}],
        ),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "told", "told"),
        ({"enum": ["admit", "observe"]}, "observe", "observe"),
        ({"enum": [1]}, True, 1),
    ],
)
def test_wanted_values_are_kept_as_far_as_they_fit(part: Any, wanted: Any, expected: Any) -> None:
    value = sample(strict(field=part), known={"field": wanted})["field"]
    assert value == expected
    assert type(value) is type(expected)


def test_fields_are_recognised_inside_other_objects() -> None:
    schema = strict(report=strict(summary={"type": "string"}, other={"type": "integer"}))
    assert sample(schema, known={"summary": "told"})["report"]["summary"] == "told"
