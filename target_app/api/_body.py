"""From the bytes of a request to a case, or to the error that says what is wrong with them.

pydantic reads the JSON itself: it stops at 200 levels and at numbers of 4300 digits, and builds only what the
case's model asks for.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.types import Receive

from target_app.case import CaseRequest
from target_app.errors import (
    BodyTooLargeError,
    InvalidCaseError,
    MediaTypeError,
    Mismatch,
    UnreadableBodyError,
)

MAX_MISMATCHES = 20
_JSON = re.compile(rb"application/([a-z0-9.+-]+\+)?json\s*(;|$)", re.IGNORECASE)
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class DisconnectedError(Exception):
    """The client left before its body was complete."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit_bytes: int) -> bytes:
    """The whole body; raises BodyTooLargeError as soon as it is known to exceed the limit."""
    declared = headers.get(b"content-length", b"0")
    # FastAPI's own `max_body_size` answers in text/plain.
    too_large = BodyTooLargeError(f"at most {limit_bytes} bytes")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def parse_case(headers: Mapping[bytes, bytes], body: bytes) -> CaseRequest:
    """The case; raises MediaTypeError, UnreadableBodyError or InvalidCaseError.

    A request without a Content-Type is taken as JSON.
    """
    declared = headers.get(b"content-type")
    if declared is not None and not _JSON.match(declared):
        raise MediaTypeError("send application/json")
    try:
        return CaseRequest.model_validate_json(body)
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> UnreadableBodyError | InvalidCaseError:
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    if rows[0]["type"] == "json_invalid":
        # pydantic's message tells line and column, and nothing of the text.
        return UnreadableBodyError(rows[0]["msg"])
    return InvalidCaseError([_mismatch(row) for row in rows[:MAX_MISMATCHES]], len(rows))


def _mismatch(row: Any) -> Mismatch:
    return Mismatch(("body", *(_part(part) for part in row["loc"])), row["msg"], row["type"])


def _part(part: str | int) -> str | int:
    """A location's part; a key that does not look like a field name is the client's text and becomes `*`."""
    return part if isinstance(part, int) or _FIELD_NAME.fullmatch(part) else "*"
