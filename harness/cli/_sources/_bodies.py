"""Bodies and headers of recorded requests: what is JSON, and what a client sets by itself."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

FORM = "application/x-www-form-urlencoded"

_BY_THE_CLIENT = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "transfer-encoding",
        "upgrade",
    )
)
_BY_A_BROWSER = frozenset(
    (
        "accept-language",
        "cache-control",
        "dnt",
        "if-modified-since",
        "if-none-match",
        "pragma",
        "priority",
        "referer",
        "upgrade-insecure-requests",
        "user-agent",
    )
)


def as_json(text: str) -> Any:
    """The JSON object or array in a text; None for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def flat(query: Mapping[str, list[str]]) -> dict[str, Any]:
    """A query with plain values where a name occurs once."""
    return {name: values[0] if len(values) == 1 else values for name, values in query.items()}


def form(body: str, content_type: str) -> str | dict[str, Any] | None:
    """A form's fields, where the body is one; any other text as it is; None for none.

    >>> form("user=ada&tag=a&tag=b", "application/x-www-form-urlencoded; charset=utf-8")
    {'user': 'ada', 'tag': ['a', 'b']}
    """
    fields = parse_qs(body, keep_blank_values=True) if content_type.startswith(FORM) and "=" in body else {}
    return flat(fields) if fields else body or None


def without_client_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what every HTTP client sets for each request anew."""
    return {name: value for name, value in headers.items() if name.lower() not in _BY_THE_CLIENT}


def without_browser_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what a browser adds of its own: no service's answer should hang on it."""
    return {
        name: value
        for name, value in without_client_headers(headers).items()
        if name.lower() not in _BY_A_BROWSER and not name.lower().startswith(("sec-", ":"))
    }
