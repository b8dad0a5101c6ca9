"""A real HTTP service for tests, run as a process: fast, with stalls on request, and a witness.

    python tests/support/stamping_service.py --port 8123 --delay-ms 5 --stall-s 1 --every-s 10

It answers every GET and POST after the same delay, with 200 and {"ok": true}; `?delay_ms=500` asks
for another delay. A request that arrives within the first `stall-s` of every `every-s` seconds waits
for the end of that stall first. GET /stamps tells, per path, when each answer was given (seconds as
of `time.time()`); a test that asks for `/job/NAME` learns what NAME was served. GET /tokens is a
stream of 20 server-sent events, one every 50 ms; GET /broken answers 500 with a body that is no UTF-8;
GET /drip takes 2 s over its body, a byte every 0.1 s.
"""

import argparse
import asyncio
import contextlib
import json
import time
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n\xff\xfe"
TOKEN = b'data: {"choices": [{"delta": {"content": "word"}, "finish_reason": null}]}\n\n'
DRIP_BYTES = 20

STAMPS: dict[str, list[float]] = defaultdict(list)


class Plan:
    """When a request that arrives now is to be answered."""

    def __init__(self, delay_s: float, stall_s: float, every_s: float) -> None:
        self.delay_s, self.stall_s, self.every_s = delay_s, stall_s, every_s

    def wait_s(self, at_s: float, delay_s: float | None) -> float:
        """Seconds from `at_s` (any clock that runs on) to the answer."""
        into_s = at_s % self.every_s if self.stall_s else self.stall_s
        return max(self.stall_s - into_s, 0) + (self.delay_s if delay_s is None else delay_s)


class Connection(asyncio.Protocol):
    """One connection; requests come one at a time, as from every load generator here."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if lengths and len(body) < int(lengths[0].split(b":")[1]):
            return
        self._received = b""
        url = urlsplit(head.split(b" ", 2)[1].decode())
        self._respond(url.path, parse_qs(url.query))

    def _respond(self, path: str, query: dict[str, list[str]]) -> None:
        match path:
            case "/stamps":
                self._send(_answer(STAMPS))
            case "/info":
                provider = {"mode": "simulated", "profile": "stamping", "models": {}}
                self._send(_answer({"provider": provider, "version": "1"}))
            case "/tokens":
                self._stream(0)
            case "/broken":
                self._send(BROKEN)
            case "/drip":
                self._send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DRIP_BYTES)
                for number in range(DRIP_BYTES):
                    self._loop.call_later(0.1 * (number + 1), self._send, b".")
            case _:
                delay_s = float(query["delay_ms"][0]) / 1000 if "delay_ms" in query else None
                wait_s = self._plan.wait_s(time.time(), delay_s)
                self._loop.call_later(wait_s, self._work_done, path)

    def _work_done(self, path: str) -> None:
        if not self._transport.is_closing():
            STAMPS[path].append(time.time())
            self._send(OK)

    def _stream(self, sent: int) -> None:
        if not sent:
            self._send(STREAM)
        if sent < 20:
            self._send(b"%x\r\n%b\r\n" % (len(TOKEN), TOKEN))
            self._loop.call_later(0.05, self._stream, sent + 1)
        else:
            self._send(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


def _answer(document: Any) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def serve(port: int, plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(plan), "127.0.0.1", port, backlog=2000)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=5.0)
    parser.add_argument("--stall-s", type=float, default=0.0)
    parser.add_argument("--every-s", type=float, default=10.0)
    options = parser.parse_args()
    run = asyncio.run
    with contextlib.suppress(ImportError):
        from uvloop import run
    run(serve(options.port, Plan(options.delay_ms / 1000, options.stall_s, options.every_s)))
