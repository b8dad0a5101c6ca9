"""A real HTTP service for tests, run as a process, that misbehaves in the way that its path asks for.

    python tests/support/misbehaving_service.py --port 8123 --ledger answered

POST /work answers {"ok": true} after 20 ms. Every other path has a fault:

    /hang      no byte of an answer          /large    100 MB, as its head says
    /garbage   bytes that are no HTTP        /bomb     100 MB of zeros, 100 kB as they are sent
    /half      half of the body it promises  /endless  chunks without end, as fast as they are taken
    /drip      a byte per second             /events   server-sent events without end, ten a second

GET /count tells how many requests came to each path, and how many of /work were answered. With
`--ledger`, a byte is appended to that file for each request to /work that came: it outlives a kill.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable

LARGE_BYTES = 100_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices": [{"delta": {"content": "word"}, "finish_reason": null}]}\n\n'
PIECE = bytes(65_536)
BOMB = gzip.compress(bytes(LARGE_BYTES))

ASKED: Counter[str] = Counter()
ANSWERED: Counter[str] = Counter()

Writer = asyncio.StreamWriter
Talk = Callable[[Writer], Awaitable[bool]]


async def work(writer: Writer) -> bool:
    await asyncio.sleep(0.02)
    return await _answer(writer, b'{"ok": true}')


async def count(writer: Writer) -> bool:
    return await _answer(writer, json.dumps({"asked": ASKED, "answered": ANSWERED["/work"]}).encode())


async def info(writer: Writer) -> bool:
    provider = {"mode": "simulated", "profile": "misbehaving", "models": {}}
    return await _answer(writer, json.dumps({"provider": provider, "version": "1"}).encode())


async def unknown(writer: Writer) -> bool:
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    return True


async def hang(_: Writer) -> bool:
    await asyncio.sleep(600)
    return False


async def garbage(writer: Writer) -> bool:
    writer.write(bytes(range(128, 256)) * 8)
    await writer.drain()
    return False


async def half(writer: Writer) -> bool:
    writer.write(OK + b'Content-Length: 12\r\n\r\n{"ok":')
    await writer.drain()
    return False


async def large(writer: Writer) -> bool:
    writer.write(OK + b"Content-Length: %d\r\n\r\n" % LARGE_BYTES)
    for _ in range(LARGE_BYTES // len(PIECE)):
        await _send(writer, PIECE)
    await _send(writer, bytes(LARGE_BYTES % len(PIECE)))
    return True


async def bomb(writer: Writer) -> bool:
    writer.write(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB))
    await _send(writer, BOMB)
    return True


async def endless(writer: Writer) -> bool:
    writer.write(STREAM)
    while True:
        await _send(writer, b"%x\r\n%b\r\n" % (len(PIECE), PIECE))


async def events(writer: Writer) -> bool:
    writer.write(STREAM)
    while True:
        await _send(writer, b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        await asyncio.sleep(0.1)


async def drip(writer: Writer) -> bool:
    writer.write(OK + b"Content-Length: 600\r\n\r\n")
    while True:
        await _send(writer, b".")
        await asyncio.sleep(1)


TALKS: dict[str, Talk] = {
    f"/{talk.__name__}": talk
    for talk in (work, count, info, hang, garbage, half, large, bomb, endless, events, drip)
}


async def serve(port: int, ledger: str | None) -> None:
    """Answer until the process is ended."""
    witness = None if ledger is None else os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                path = await _read_request(reader)
                ASKED[path] += 1
                if path == "/work" and witness is not None:
                    os.write(witness, b".")
                if not await TALKS.get(path, unknown)(writer):
                    break
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


async def _read_request(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
    return head.split(b" ", 2)[1].decode()


async def _answer(writer: Writer, body: bytes) -> bool:
    ANSWERED["/work"] += body == b'{"ok": true}'
    await _send(writer, OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return True


async def _send(writer: Writer, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    if writer.is_closing():
        raise ConnectionResetError


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.ledger))
