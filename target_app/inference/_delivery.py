"""Writes one completion to the client: waits for a slot, reads the prompt, decodes, and applies a fault.

A client that goes away in the middle ends the work at once, and its decode slot goes to the next in line.
"""

import asyncio
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import orjson

from target_app.inference import _wire
from target_app.inference._errors import Headers, server_error
from target_app.inference._faults import Fault
from target_app.inference._latency import Latency
from target_app.inference._request import ChatRequest
from target_app.inference._slots import Slots

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Headers = [(b"content-type", b"application/json")]
_EVENTS: Headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]


class ClientGoneError(Exception):
    """The client closed the connection before the answer was complete."""


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """The two ends of one HTTP request, and what closes its connection, if the server lends that."""

    receive: Receive
    send: Send
    close: Callable[[], None] | None

    async def respond(self, status: int, body: bytes, headers: Headers) -> None:
        """Send a whole response."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def part(self, body: bytes) -> None:
        """Send some of the body."""
        if body:
            await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def cut(self) -> None:
        """Close the connection as it is. What was sent before still reaches the client."""
        if self.close is None:
            raise RuntimeError("this ASGI server does not let the simulator cut a connection")
        self.close()
        # The server takes a return before it has seen the close for a bug of the application.
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def unless_gone(self, work: Coroutine[Any, Any, float]) -> float:
        """Do the work; if the client goes away meanwhile, cancel it and raise `ClientGoneError`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("needs a task")
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await self.receive())["type"] != "http.disconnect":
                pass
            gone = True
            task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            return await work
        except asyncio.CancelledError:
            if gone and task.uncancel() == 0:
                raise ClientGoneError from None
            raise
        finally:
            watcher.cancel()


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One accepted completion: what will be written, how long each part takes, and what goes wrong."""

    request: ChatRequest
    output: _wire.Output
    envelope: _wire.Envelope
    latency: Latency
    slots: Slots
    rng: random.Random
    headers: Headers
    fault: Fault | None

    def is_hit_by(self, kind: str, where: str = "") -> bool:
        """Whether a fault of that kind has to be applied."""
        return self.fault is not None and self.fault.kind == kind and self.fault.where == where

    @property
    def is_instant(self) -> bool:
        """Whether nothing has to be waited for, so that nobody can go away meanwhile."""
        return self.latency.total_s == 0 and self.fault is None and self.slots.is_free


async def deliver(job: Job, exchange: Exchange) -> tuple[str, float]:
    """Write the completion, streamed or whole.

    Returns the status it ended with ("cut" for a cut connection) and the seconds in the queue. Raises
    `ClientGoneError`.
    """
    write = _stream if job.request.stream else _whole
    if job.is_hit_by("cut", "before-headers"):
        await pause(job.latency.network_s + job.latency.queue_s)
        await exchange.cut()
        return "cut", job.latency.queue_s
    if job.is_hit_by("cut", "mid-body"):
        # Closes the connection itself, and must not take that for the client's doing.
        return "cut", await write(job, exchange)
    if job.is_instant:
        return "200", await write(job, exchange)
    status = "500" if job.is_hit_by("stream-error") and not job.request.stream else "200"
    return status, await exchange.unless_gone(write(job, exchange))


async def _queue(job: Job) -> float:
    """Wait as provider and slots demand; returns the seconds waited, with a slot held."""
    await pause(job.latency.network_s / 2 + job.latency.queue_s)
    return job.latency.queue_s + await job.slots.acquire()


async def _whole(job: Job, exchange: Exchange) -> float:
    latency = job.latency
    queued_s = await _queue(job)
    try:
        await pause(latency.prefill_s + latency.decode_s)
    finally:
        job.slots.release()
    await pause(latency.network_s / 2)
    body = _wire.completion(job.envelope, job.output, _used(job, queued_s))
    if job.fault is None:
        await exchange.respond(200, body, job.headers)
    else:
        await _faulty_whole(job, body, exchange)
    return queued_s


async def _faulty_whole(job: Job, body: bytes, exchange: Exchange) -> None:
    half = len(body) // 2
    if job.is_hit_by("stream-error"):
        error = server_error(500, job.request.model)
        await exchange.respond(error.status, error.body, job.headers)
    elif job.is_hit_by("truncated-json"):
        await exchange.respond(200, body[:half], job.headers)
    elif job.fault is not None and job.fault.kind in {"stall", "cut"}:
        await exchange.start(200, [*job.headers, (b"content-length", str(len(body)).encode())])
        await exchange.part(body[:half])
        if job.fault.kind == "cut":
            await exchange.cut()
            return
        await pause(job.fault.seconds)
        await exchange.send({"type": "http.response.body", "body": body[half:]})
    else:
        await exchange.respond(200, body, job.headers)


async def _stream(job: Job, exchange: Exchange) -> float:
    """Send each chunk when its last token is due; chunks due at the same time go out together."""
    latency, output = job.latency, job.output
    queued_s = await _queue(job)
    try:
        await pause(latency.prefill_s + latency.network_s / 2)
        await exchange.start(200, [*_EVENTS, *job.headers[1:]])
        pending = [_wire.first_chunk(job.envelope)]
        chunks = list(_wire.text_chunks(job.envelope, output, job.rng))
        breaks_at = -1 if job.fault is None else len(chunks) // 2
        per_token_s = latency.decode_s / max(output.completion_tokens, 1)
        if not chunks and await _breaks(job, pending, pending[0], exchange):
            return queued_s
        start = time.perf_counter()
        for place, (chunk, written) in enumerate(chunks):
            if place == breaks_at and await _breaks(job, pending, chunk, exchange):
                return queued_s
            early_s = start + written * per_token_s - time.perf_counter()
            if early_s > 0:
                await exchange.part(b"".join(pending))
                pending.clear()
                await asyncio.sleep(early_s)
            pending.append(chunk)
        await pause(start + latency.decode_s - time.perf_counter())
    finally:
        job.slots.release()
    used = _used(job, queued_s)
    pending.append(_wire.last_chunks(job.envelope, output, used, include_usage=job.request.include_usage))
    await exchange.send({"type": "http.response.body", "body": b"".join(pending)})
    return queued_s


async def _breaks(job: Job, pending: list[bytes], chunk: bytes, exchange: Exchange) -> bool:
    """Apply a fault in the middle of a stream; returns whether it ends the stream."""
    fault = job.fault
    if fault is None or fault.kind not in {"stall", "cut", "truncated-json", "stream-error"}:
        return False
    await exchange.part(b"".join(pending))
    pending.clear()
    if fault.kind == "stall":
        await pause(fault.seconds)
        return False
    if fault.kind == "cut":
        await exchange.cut()
        return True
    last = chunk[: len(chunk) // 2] + b"\n\n"
    if fault.kind == "stream-error":
        error = server_error(500, job.request.model).error
        last = b"data: %b\n\n" % orjson.dumps({"error": {**error, "code": "internal_server_error"}})
    await exchange.send({"type": "http.response.body", "body": last})
    return True


def _used(job: Job, queued_s: float) -> dict[str, Any]:
    latency = job.latency
    return _wire.usage(job.request.prompt_tokens, job.output, queued_s, latency.prefill_s, latency.decode_s)


async def pause(seconds: float) -> None:
    """Sleep, or go on at once for nothing."""
    if seconds > 0:
        await asyncio.sleep(seconds)
