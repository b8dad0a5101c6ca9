"""A body is serialised once, before it is sent, so that its size is known."""

from typing import Any

import pytest

from harness.engine._bodies import FORM, JSON, encode_body

BODIES = [
    pytest.param({"json": {"q": [1, None]}}, b'{"q":[1,null]}', JSON, id="JSON"),
    pytest.param({"json": []}, b"[]", JSON, id="an empty document"),
    pytest.param({"data": {"q": "a b&c", "tag": ["x", "y"]}}, b"q=a+b%26c&tag=x&tag=y", FORM, id="a form"),
    pytest.param({"data": "\u00fc"}, "\u00fc".encode(), None, id="text"),
    pytest.param({"data": b"\x00", "json": {}}, b"\x00", None, id="bytes win over JSON"),
    pytest.param({}, None, None, id="none"),
]


@pytest.mark.parametrize(("given", "body", "content_type"), BODIES)
def test_a_body(given: dict[str, Any], body: bytes | None, content_type: str | None) -> None:
    assert encode_body(**given) == (body, content_type)
