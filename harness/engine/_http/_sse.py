"""Server-sent events as they arrive: what came when, token by token.

Follows the event stream format of the HTML standard (section 9.2). Of an event only its data
matters here; names, ids and retry times are passed over.
"""

import json
import re
from collections.abc import Callable
from typing import Any

_DONE = b"[DONE]"
# Spares most chunks the parsing.
_UNFINISHED = re.compile(r'"finish_reason": ?null')


def has_content(data: str) -> bool:
    """Is this a chat chunk, as OpenAI and Groq send them, with text in one of its deltas?

    >>> has_content('{"choices": [{"delta": {"role": "assistant", "content": ""}}]}')
    False
    """
    if '"content"' not in data:
        return False
    return any(_text_of(choice) for choice in _choices(data))


def is_finish(data: str) -> bool:
    """Does this chat chunk give the reason why the answer ends?

    >>> is_finish('{"choices": [{"delta": {}, "finish_reason": "stop"}]}')
    True
    """
    if '"finish_reason"' not in data or _UNFINISHED.search(data):
        return False
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in _choices(data))


def _choices(data: str) -> list[Any]:
    try:
        chunk = json.loads(data)
    except ValueError:
        return []
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    return choices if isinstance(choices, list) else []


def _text_of(choice: Any) -> Any:
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return delta.get("content") if isinstance(delta, dict) else None


class SseReader:
    """Reads one stream; `feed` can be given to `HttpClient.exchange` as `on_body`.

    A content event is one whose data `is_content` accepts; events that arrive together have the
    same stamp, and so a gap of 0 between them. `done` is set by `data: [DONE]` or by an event
    that `is_last` accepts: a stream that ends without it was cut, whatever HTTP says.

    >>> reader = SseReader(is_content=bool, keep=True)
    >>> reader.feed(b"data: one\\n\\n: heartbeat\\n\\ndata: tw", at_us=1_000)
    >>> reader.feed(b"o\\n\\ndata: [DONE]\\n\\n", at_us=1_250)
    >>> reader.data, reader.gaps_us, reader.done
    (['one', 'two'], [250], True)
    """

    __slots__ = (
        "_fields",
        "_is_content",
        "_is_last",
        "_keep",
        "_partial",
        "_skip_line_feed",
        "_started",
        "content_events",
        "data",
        "done",
        "events",
        "first_content_us",
        "gaps_us",
        "last_content_us",
        "last_data",
    )

    def __init__(
        self,
        is_content: Callable[[str], bool] = has_content,
        *,
        is_last: Callable[[str], bool] = is_finish,
        keep: bool = False,
    ) -> None:
        """`keep` collects the data of every event but [DONE] in `data`; `last_data` is always kept."""
        self._is_content, self._is_last, self._keep = is_content, is_last, keep
        self._partial: list[bytes] = []
        self._fields: list[bytes] = []
        self._skip_line_feed = False
        self._started = False
        self.events = 0
        self.content_events = 0
        self.first_content_us: int | None = None
        self.last_content_us: int | None = None
        self.gaps_us: list[int] = []
        self.done = False
        self.data: list[str] = []
        self.last_data = ""

    def feed(self, data: bytes, at_us: int) -> None:
        """Take the next bytes of the stream, received at `at_us`."""
        if self._skip_line_feed and data:
            self._skip_line_feed = False
            data = data.removeprefix(b"\n")  # the second half of a CRLF
        if not data:
            return
        lines = data.splitlines(keepends=True)
        rest = lines.pop() if lines[-1][-1:] not in (b"\n", b"\r") else b""
        self._skip_line_feed = not rest and data.endswith(b"\r")
        if lines and self._partial:
            lines[0] = b"".join(self._partial) + lines[0]
            self._partial.clear()
        for line in lines:
            self._line(line.rstrip(b"\r\n"), at_us)
        if rest:
            self._partial.append(rest)

    def _line(self, line: bytes, at_us: int) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._fields:
                self._event(b"\n".join(self._fields), at_us)
                self._fields.clear()
        elif line.startswith(b"data:"):
            self._fields.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            self._fields.append(b"")

    def _event(self, data: bytes, at_us: int) -> None:
        self.events += 1
        if data == _DONE:
            self.done = True
            return
        text = self.last_data = data.decode(errors="replace")
        if self._keep:
            self.data.append(text)
        if self._is_content(text):
            self._content(at_us)
        if not self.done:
            self.done = self._is_last(text)

    def _content(self, at_us: int) -> None:
        self.content_events += 1
        if self.last_content_us is None:
            self.first_content_us = at_us
        else:
            self.gaps_us.append(at_us - self.last_content_us)
        self.last_content_us = at_us
