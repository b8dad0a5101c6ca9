"""Request bodies, serialised once, before they are sent, so that their size is known."""

import json as json_format
from typing import Any
from urllib.parse import urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def encode_body(json: Any = None, data: Any = None) -> tuple[bytes | None, str | None]:
    """The bytes to send and their content type; None for what is not there.

    `json` is any document, `data` bytes, text, or the fields of a form; `data` wins.

    >>> encode_body(json={"q": [1, None]})
    (b'{"q":[1,null]}', 'application/json')
    """
    if data is None:
        if json is None:
            return None, None
        return json_format.dumps(json, separators=(",", ":")).encode(), JSON
    if isinstance(data, dict):
        return urlencode(data, doseq=True).encode(), FORM
    return data.encode() if isinstance(data, str) else bytes(data), None
