"""An HTTP server whose service time is known: it answers after a fixed delay and stamps every request.

    python benchmarks/_engine_responder.py [--delay-ms 20]

It prints its address and serves until a signal. `/fixed` gets a small answer after the delay. `/counts` tells
what came in so far; `/samples`, when each request for `/fixed` came and how long its answer took, in µs, from
its last byte read to the answer's first byte written. All else is not found. It takes requests without a
body, and no pipelining.
"""

import argparse
import asyncio
import json
from array import array
from collections.abc import Coroutine
from time import perf_counter_ns, time_ns
from typing import Any, cast

try:
    from uvloop import run
except ImportError:  # not to be had on Windows

    def run(main: Coroutine[Any, Any, None]) -> None:  # type: ignore[misc]  # uvloop's has more options
        """asyncio's own loop."""
        asyncio.run(main)


BODY = b'{"status":"ok","answer":"fixed"}'
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
_ANSWER = _HEAD.format(len(BODY)).encode() + BODY


class Record:
    """What the server saw, over all connections."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.requests = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self.at_us = array("q")
        self.service_us = array("q")

    def page(self, request: bytes) -> bytes | None:
        """The answer to anything but a request of the load, for which it is None."""
        document: dict[str, Any]
        if request.startswith(b"GET /fixed "):
            return None
        if request.startswith(b"GET /counts "):
            document = {"requests": self.requests, "peak_in_flight": self.peak_in_flight}
        elif request.startswith(b"GET /samples "):
            document = {"at_us": self.at_us.tolist(), "service_us": self.service_us.tolist()}
        else:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        body = json.dumps(document).encode()
        return _HEAD.format(len(body)).encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        came_ns = perf_counter_ns()
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        request, self._head = self._head, b""
        record = self._record
        page = record.page(request)
        if page is not None:
            self._transport.write(page)
            return
        record.requests += 1
        record.in_flight += 1
        record.peak_in_flight = max(record.in_flight, record.peak_in_flight)
        if record.delay_s:
            self._loop.call_later(record.delay_s, self._answer, came_ns)
        else:
            self._answer(came_ns)

    def _answer(self, came_ns: int) -> None:
        record = self._record
        record.in_flight -= 1
        if record.delay_s:
            service_us = (perf_counter_ns() - came_ns) // 1000
            record.at_us.append(time_ns() // 1000 - service_us)
            record.service_us.append(service_us)
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(delay_s: float) -> None:
    """Listen on a free port of the loopback interface for ever."""
    record = Record(delay_s)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(record), "127.0.0.1", 0, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Answer after a fixed delay.")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="default: %(default)s")
    run(serve(parser.parse_args().delay_ms / 1000))
