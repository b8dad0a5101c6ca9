"""From an OpenAPI document to operations and sample values: no files, no processes."""

import json
import sys
from typing import Any

import pytest

from harness.cli._sources import (
    Secret,
    SourceError,
    Text,
)
from harness.cli._sources._samples import Samples
from tests.support.openapi_document import DOCUMENT, openapi


def test_openapi_operations() -> None:
    source = openapi()
    turn, forget, login, search = source.operations
    assert source.host == "https://eu.example"
    assert (turn.path, turn.name) == ("/api/v2/chats/1/turns", "/api/v2/chats/{chat}/turns")
    assert (turn.key, turn.summary, turn.query) == ("add_turn", "Add a turn", {"dry": "true"})
    assert turn.json == {"role": "user", "text": "What can you help me with?"}
    token = Text(("Bearer ", Secret("CHAT_TOKEN")))
    assert turn.headers == {"X-Tenant": "t1", "Authorization": token}
    assert (turn.answer, turn.fields) == ("json", ("id", "text"))
    assert (forget.method, forget.weight, forget.answer) == ("DELETE", 0, "none")
    assert login.headers == {}
    assert login.data == {"user": "sample", "password": Text((Secret("CHAT_PASSWORD"),))}
    assert search.query == {"key": Text((Secret("CHAT_KEY"),))}
    assert source.notes == (
        "Left out: POST /upload (its body is neither JSON, a form nor text)",
        "Left out, being probes: GET /api/v2/healthz",
    )


def test_openapi_in_yaml_says_the_same() -> None:
    yaml = pytest.importorskip("yaml")
    assert openapi(yaml.safe_dump(DOCUMENT)).operations == openapi().operations


def test_yaml_without_pyyaml_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SourceError, match="YAML needs PyYAML: pip install pyyaml, or give the JSON"):
        openapi("openapi: 3.1.0\npaths: {}\n")


ADDRESSES = [
    ("the first server", {}, None, None, "https://eu.example", "/api/v2/search"),
    ("a host that is given", {}, "http://127.0.0.1:1", None, "http://127.0.0.1:1", "/api/v2/search"),
    ("a host with a path", {}, "http://h/v9", None, "http://h/v9", "/search"),
    (
        "a relative server",
        {"servers": [{"url": "/b"}]},
        None,
        "http://h/docs/o.json",
        "http://h",
        "/b/search",
    ),
    ("no server", {"servers": []}, None, "http://u:p@h:1/openapi.json", "http://h:1", "/search"),
]


@pytest.mark.parametrize(
    ("change", "host", "url", "expected", "path"),
    [row[1:] for row in ADDRESSES],
    ids=[r[0] for r in ADDRESSES],
)
def test_where_the_service_is(
    change: dict[str, Any], host: str | None, url: str | None, expected: str, path: str
) -> None:
    source = openapi({**DOCUMENT, **change}, host, url)
    assert (source.host, source.operations[-1].path) == (expected, path)


BAD_DOCUMENTS = [
    ("HTML", "<html>", "not an OpenAPI document"),
    ("broken JSON", '{"openapi": ', "not an OpenAPI document"),
    ("neither JSON nor YAML", "a: [b", "neither JSON nor YAML"),
    ("another document", {"log": {}}, "not an OpenAPI 3 document"),
    ("a list", [1], "not an OpenAPI document"),
    ("Swagger", {"swagger": "2.0", "paths": {}}, "Swagger 2.0; convert it to OpenAPI 3 first"),
    ("no operation", {**DOCUMENT, "paths": {}}, "describes no operation"),
    ("no server", {**DOCUMENT, "servers": []}, "names no server; give --host"),
    ("another file", {**DOCUMENT, "paths": {"/x": {"$ref": "x.json"}}}, "refers to another file"),
    ("a broken reference", {**DOCUMENT, "paths": {"/x": {"$ref": "#/no"}}}, "#/no leads nowhere"),
    (
        "a wrong type",
        {**DOCUMENT, "paths": {"/x": {"get": {"responses": [1]}}}},
        "paths./x.get: not as OpenAPI",
    ),
]


@pytest.mark.parametrize(
    ("document", "says"), [row[1:] for row in BAD_DOCUMENTS], ids=[row[0] for row in BAD_DOCUMENTS]
)
def test_a_document_that_cannot_be_read(document: Any, says: str) -> None:
    with pytest.raises(SourceError, match=r"^api\.json: ") as caught:
        openapi(document)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


SCHEMAS = [
    ("the example", {"type": "string", "example": "e", "default": "d"}, "e"),
    ("the default", {"type": "string", "default": "d", "enum": ["a"]}, "d"),
    ("false is a default", {"type": "boolean", "default": False}, False),
    ("the first of an enum", {"enum": ["a", "b"]}, "a"),
    ("a constant", {"const": 5}, 5),
    ("a date", {"type": "string", "format": "date"}, "2026-01-31"),
    ("a long string", {"type": "string", "minLength": 8}, "sample.."),
    ("a short string", {"type": "string", "maxLength": 3}, "sam"),
    ("a minimum", {"type": "integer", "minimum": 18}, 18),
    ("an exclusive minimum, 3.1", {"type": "integer", "exclusiveMinimum": 4}, 5),
    ("an exclusive minimum, 3.0", {"type": "integer", "minimum": 4, "exclusiveMinimum": True}, 5),
    ("a maximum below one", {"type": "number", "maximum": 0.5}, 0.5),
    ("a multiple", {"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
    ("a nullable", {"type": ["null", "integer"]}, 1),
    ("the first real choice", {"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
    ("an array", {"type": "array", "minItems": 2, "items": {"type": "integer"}}, [1, 1]),
    (
        "only what is required",
        {"required": ["a"], "properties": {"a": {"const": 1}, "b": {"const": 2}}},
        {"a": 1},
    ),
    ("everything where nothing is", {"properties": {"a": {"const": 1}, "b": {"const": 2}}}, {"a": 1, "b": 2}),
    ("nothing said", {}, None),
]


@pytest.mark.parametrize(
    ("schema", "expected"), [row[1:] for row in SCHEMAS], ids=[row[0] for row in SCHEMAS]
)
def test_a_sample_value(schema: dict[str, Any], expected: Any) -> None:
    assert Samples({}, "x").of(schema) == expected


def test_a_schema_that_contains_itself_has_an_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/node"}, "n": {"const": 1}}}
    value = Samples({"node": node}, "x").of(node)
    assert json.dumps(value).count('"n": 1') < 20
