"""A real HTTP service for tests, run as a process: it answers after a delay and counts what it served.

    python tests/support/counting_service.py --port 8123 --delay-s 0.2

POST /work answers {"ok": true} with a Server-Timing header; `?status=500` answers that status,
`?delay_s=60` after another delay;
GET /count tells how many POSTs have been answered; GET /info poses as a simulated target.
"""

import argparse
import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import uvicorn

COUNT = {"answered": 0}


class Service:
    """A bare ASGI application."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/work":
            query = parse_qs(scope["query_string"].decode())
            await asyncio.sleep(float(query.get("delay_s", [self._delay_s])[0]))
            COUNT["answered"] += 1
            timing = f"work;dur={self._delay_s * 1000};start=0.1, total;dur={self._delay_s * 1000 + 1}"
            await _answer(send, int(query.get("status", ["200"])[0]), {"ok": True}, timing)
        elif scope["path"] == "/count":
            await _answer(send, 200, COUNT)
        elif scope["path"] == "/info":
            provider = {"mode": "simulated", "profile": "counting", "models": {"small": "none"}}
            await _answer(send, 200, {"provider": provider, "version": "1"})
        else:
            await _answer(send, 404, {})


async def _answer(send: Any, status: int, document: dict[str, Any], timing: str = "") -> None:
    headers = [(b"content-type", b"application/json"), (b"server-timing", timing.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    uvicorn.run(
        Service(options.delay_s),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,  # requests that hang on purpose
    )
