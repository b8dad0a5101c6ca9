"""A body is serialised once, before it is sent, so that its size is known."""

from typing import Any

import pytest

from harness.engine._user import _as_bytes

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BODIES = [
    ("JSON", {"json": {"q": [1, None]}}, b'{"q":[1,null]}', JSON),
    ("a form", {"data": {"q": "a b&c", "tag": ["x", "y"]}}, b"q=a+b%26c&tag=x&tag=y", FORM),
    ("text", {"data": "\u00fc"}, "\u00fc".encode(), None),
    (
        "a type of its own",
        {"data": {"q": "1"}, "headers": {"Content-Type": "x"}},
        b"q=1",
        {"Content-Type": "x"},
    ),
    ("none", {}, None, None),
]


@pytest.mark.parametrize(
    ("options", "body", "headers"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_a_body(options: dict[str, Any], body: bytes | None, headers: dict[str, str] | None) -> None:
    assert _as_bytes(options) == body
    assert options == ({} if headers is None else {"headers": headers})
