"""A real HTTP service for tests, run as a process, that is faster than any load generator in Python.

    python tests/support/fast_service.py --port 8123

It answers every GET with the same few bytes, some tens of thousands a second.
"""

import argparse
import asyncio
import contextlib

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Service(asyncio.Protocol):
    """One connection. Requests have no body, so that each ends with an empty line."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]  # it is a full Transport

    def data_received(self, data: bytes) -> None:
        self._write(ANSWER * data.count(b"\r\n\r\n"))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    run = asyncio.run
    with contextlib.suppress(ImportError):
        from uvloop import run
    run(serve(parser.parse_args().port))
