"""A chat completion read from bytes, whole or streamed: only what an agent and a record need of it."""

from dataclasses import dataclass, field
from typing import Any

import orjson


class UnreadableError(Exception):
    """The bytes are no chat completion."""


class StreamError(Exception):
    """The provider reported an error in the middle of a stream."""


@dataclass(slots=True)
class Completion:
    """The model's words and what the provider counted."""

    content: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)


def read_whole(body: bytes) -> Completion:
    """A completion in one piece; raises UnreadableError."""
    try:
        data = orjson.loads(body)
        choice = data["choices"][0]
        return Completion(
            content=choice["message"].get("content"),
            finish_reason=choice.get("finish_reason"),
            request_id=(data.get("x_groq") or {}).get("id"),
            usage=data.get("usage") or {},
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UnreadableError from None


class StreamReader:
    """Server-sent events put together; `feed` it the bytes as they come.

    `done` says that the provider has finished: a stream that only ends may have been cut.
    """

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._parts: list[str] = []
        self._completion = Completion()

    @property
    def started(self) -> bool:
        """Whether a token of the answer has come; the role and the reasoning before it do not count."""
        return bool(self._parts)

    def feed(self, chunk: bytes) -> None:
        """Take some more bytes; raises UnreadableError or StreamError."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip())

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            event = orjson.loads(data)
            failed = event.get("error")
            if failed is None:
                self._merge(event)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UnreadableError from None
        if failed is not None:
            raise StreamError

    def _merge(self, event: dict[str, Any]) -> None:
        groq = event.get("x_groq") or {}
        seen = self._completion
        seen.request_id = groq.get("id") or seen.request_id
        seen.usage = event.get("usage") or groq.get("usage") or seen.usage
        for choice in event["choices"]:
            text = choice["delta"].get("content")
            if text:
                self._parts.append(text)
            seen.finish_reason = choice.get("finish_reason") or seen.finish_reason

    def completion(self) -> Completion:
        """What has come so far, as one completion."""
        self._completion.content = "".join(self._parts) or None
        return self._completion
