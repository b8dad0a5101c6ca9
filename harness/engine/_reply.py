"""What a request gives back to a task: the response, or what was wrong instead of one."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from locust.exception import CatchResponseError, LocustError, ResponseError

from harness.engine._exchange_outcome import Judged
from harness.engine._http import Exchange


class RequestError(ResponseError):
    """A request without a good answer, in a few fixed words; what Locust's listeners get."""

    def __repr__(self) -> str:
        return str(self)  # Locust's failure table prints the repr


class Headers(Mapping[str, str]):
    """Response headers by name, whatever its case; a repeated header's values are joined by commas."""

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self._by_name: dict[str, str] = {}
        for raw_name, raw_value in fields:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            self._by_name[name] = f"{self._by_name[name]}, {value}" if name in self._by_name else value

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Headers({self._by_name!r})"


class Reply:
    """A response with the feel of Locust's: status_code, headers, content, text, json().

    `status_code` is 0 when no response came; `error` then says why. It is None for every response
    that came whole, also for a 500.
    """

    js: Any = None  # set by Locust's `rest()`

    def __init__(self, exchange: Exchange, url: str) -> None:
        self.exchange = exchange
        self.url = url
        self._headers: Headers | None = None

    @property
    def status_code(self) -> int:
        return self.exchange.status

    @property
    def ok(self) -> bool:
        """A whole response with a status below 400."""
        return self.exchange.failure is None and 0 < self.exchange.status < 400

    @property
    def error(self) -> RequestError | None:
        failure = self.exchange.failure
        return None if failure is None else RequestError(failure.text)

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(self.exchange.headers)
        return self._headers

    @property
    def content(self) -> bytes | None:
        """The body, decoded from gzip or deflate; None when no response came."""
        return self.exchange.body if self.exchange.status else None

    @property
    def text(self) -> str | None:
        """The body as text, in the charset that the response names, else UTF-8."""
        if self.content is None:
            return None
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        try:
            return self.content.decode(charset.split(";")[0].strip('" ') or "utf-8", errors="replace")
        except LookupError:
            return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return json.loads(self.content or b"")

    @property
    def service_time_ms(self) -> float:
        """From the first byte sent (or the attempt to connect) to the last byte read."""
        return (self.exchange.done_us - self.exchange.sent_us) / 1000

    def raise_for_status(self) -> None:
        """Raise RequestError unless the response is whole and its status below 400."""
        if self.exchange.failure is not None:
            raise RequestError(self.exchange.failure.text)
        if self.exchange.status >= 400:
            raise RequestError(f"HTTP {self.exchange.status}")

    def __repr__(self) -> str:
        return f"<Reply {self.status_code or self.error}>"


class CaughtReply(Reply):
    """A reply that the task judges itself, as with Locust's `catch_response=True`:

        with self.client.post(..., catch_response=True) as reply:
            if not reply.json()["text"]:
                reply.failure("empty answer")

    The judgement cannot be forgotten: without a `with`, and when the block is left by an
    exception, the request is reported all the same.
    """

    def __init__(self, exchange: Exchange, url: str, report: Callable[[Reply, Judged], None]) -> None:
        super().__init__(exchange, url)
        self._report: Callable[[Reply, Judged], None] | None = report
        self._entered = False
        self._judged: Judged = None

    def success(self) -> None:
        """The answer is right, whatever its status."""
        self._judge(True)

    def failure(self, reason: object) -> None:
        """The answer is wrong: `reason` in a few fixed words, never an id or a model's text."""
        self._judge(reason if isinstance(reason, BaseException) else CatchResponseError(reason))

    def _judge(self, judged: Judged) -> None:
        if not self._entered:
            raise LocustError("success() and failure() need a with-block around the request")
        self._judged = judged

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._judged is None and isinstance(error, Exception):
            self._judged = error
        self._settle()
        return isinstance(error, ResponseError)

    def __del__(self) -> None:
        self._settle()

    def _settle(self) -> None:
        report, self._report = self._report, None
        if report is not None:
            report(self, self._judged)
