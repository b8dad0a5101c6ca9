"""A real HTTP service for tests, run as a process, that keeps what it should let go, or does not.

    python tests/support/leaking_service.py --port 8123 --leak-bytes 20000

POST /work answers {"ok": true} and keeps so many bytes for ever. GET /metrics tells the memory that the
process really holds.
"""

import argparse
import asyncio
import os
from typing import Any

import psutil
import uvicorn

KEPT: list[bytes] = []


class Service:
    """A bare ASGI application."""

    def __init__(self, leak_bytes: int) -> None:
        self._leak_bytes = leak_bytes
        self._process = psutil.Process(os.getpid())

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/metrics":
            await _answer(send, f"process_resident_memory_bytes {self._process.memory_info().rss}\n")
            return
        if scope["method"] == "POST":
            await asyncio.sleep(0.03)
            if self._leak_bytes:
                KEPT.append(b"x" * self._leak_bytes)
        await _answer(send, '{"ok": true}')


async def _answer(send: Any, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--leak-bytes", type=int, default=0)
    options = parser.parse_args()
    uvicorn.run(Service(options.leak_bytes), host="127.0.0.1", port=options.port, log_level="warning")
