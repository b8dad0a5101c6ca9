"""Async users under load in a real LocalRunner, and the rows that they leave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import gevent
import pyarrow as pa
from locust import task as locust_task
from locust.env import Environment
from locust.runners import LocalRunner

from harness.engine import AsyncUser, RunTicket, recorder
from harness.runs import REQUEST_SCHEMA, SPAN_SCHEMA

NOWHERE = "http://127.0.0.1:1"
Function = TypeVar("Function", bound=Callable[..., Any])


def task(function: Function) -> Function:
    """Locust's decorator, whose types know nothing of `async def`."""
    untyped: Any = locust_task
    marked: Function = untyped(function)
    return marked


class HttpUser(AsyncUser):
    """Has an aiohttp session, as an async SDK would."""

    abstract = True

    async def on_start(self) -> None:  # type: ignore[override]  # an AsyncUser's may be
        self.http = aiohttp.ClientSession()

    async def on_stop(self) -> None:
        await self.http.close()


@contextmanager
def load(user_class: type[AsyncUser], users: int = 1, host: str = NOWHERE) -> Iterator[LocalRunner]:
    """Users of this class under load until the block ends."""
    recorder.begin(RunTicket(token="test"))
    environment = Environment(user_classes=[user_class], host=host)
    runner = environment.create_local_runner()
    try:
        runner.start(users, spawn_rate=100)
        yield runner
    finally:
        runner.quit()
        recorder.close()


def wait_until(holds: Callable[[], bool]) -> None:
    with gevent.Timeout(20):
        while not holds():
            gevent.sleep(0.01)


def has_ended(runner: LocalRunner) -> bool:
    """The only user has recorded something and is gone."""
    return recorder.next_sequence > 0 and runner.user_count == 0


def rows() -> list[dict[str, Any]]:
    """Each request with its spans, in the order of recording."""
    shipment = recorder.ship()
    spans = _read(shipment.spans, SPAN_SCHEMA)
    requests = _read(shipment.requests, REQUEST_SCHEMA)
    for request in requests:
        request["spans"] = {
            span["component"]: span for span in spans if span["request_id"] == request["request_id"]
        }
    return requests


def _read(batches: list[bytes], schema: pa.Schema) -> list[dict[str, Any]]:
    return [
        row for data in batches for row in pa.ipc.read_record_batch(pa.py_buffer(data), schema).to_pylist()
    ]


def only_row(user_class: type[AsyncUser], host: str = NOWHERE) -> dict[str, Any]:
    """The one row of a user that runs one task."""
    with load(user_class, host=host) as runner:
        wait_until(lambda: has_ended(runner))
        (row,) = rows()
    return row


def ms(row: dict[str, Any], start: str, end: str) -> float:
    return float((row[end] - row[start]).total_seconds() * 1000)
