"""Async tasks in a real LocalRunner against a real service: what is recorded, and how they end.

Oracle: stamping_service.py, a process of its own, and what the tasks themselves note.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import aiohttp
import gevent
import pyarrow as pa
import pytest
from gevent import monkey
from locust import TaskSet
from locust import task as locust_task
from locust.env import Environment
from locust.exception import LocustError, StopUser
from locust.runners import LocalRunner

from harness.engine import Answer, AsyncUser, RunTicket, flush_stats, recorder
from harness.runs import REQUEST_SCHEMA, SPAN_SCHEMA

NOWHERE = "http://127.0.0.1:1"
Function = TypeVar("Function", bound=Callable[..., Any])
native_sleep = monkey.get_original("time", "sleep")


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


# --- what is recorded -----------------------------------------------------------------------


def test_users_wait_side_by_side_and_each_call_is_a_row(service: str) -> None:
    class Caller(HttpUser):
        @task
        async def call(self) -> None:
            async with self.measure("job", method="GET") as call, self.http.get(f"{self.host}/job") as reply:
                call.status = reply.status
                await reply.read()

    with load(Caller, users=20, host=service) as runner:
        wait_until(lambda: recorder.next_sequence >= 60)
        runner.stop()
        assert recorder.in_flight == 0
        kept = [row for row in rows() if row["outcome"] != "incomplete"]
    assert {(row["method"], row["name"], row["user_class"], row["status"]) for row in kept} == {
        ("GET", "job", "Caller", 200)
    }
    assert all(ms(row, "sent_at", "done_at") >= 190 for row in kept)
    first, last = min(row["sent_at"] for row in kept), max(row["done_at"] for row in kept)
    # In turn, 60 calls of 200 ms would take 12 s.
    assert (last - first).total_seconds() < 6


def test_a_row_holds_all_that_the_task_said() -> None:
    class Sayer(AsyncUser):
        @task
        async def say(self) -> None:
            async with self.measure(
                "chat", method="SDK", category="small", case_id="c-1", request_bytes=12
            ) as call:
                with call.span("triage"):
                    await asyncio.sleep(0.05)
                call.add_span("queue", 7.5, 1.0)
                call.status, call.response_bytes, call.trace_id = 200, 34, "t-1"
                call.answer = Answer(
                    model="m", input_tokens=5, output_tokens=6, llm_calls=1, retries=0, cost_usd=0.01
                )
            raise StopUser

    row = only_row(Sayer)
    said = {
        "method": "SDK", "name": "chat", "user_class": "Sayer", "category": "small", "case_id": "c-1",
        "request_bytes": 12, "status": 200, "response_bytes": 34, "trace_id": "t-1", "model": "m",
        "input_tokens": 5, "output_tokens": 6, "llm_calls": 1, "retries": 0, "cost_usd": 0.01,
        "answer_valid": True, "outcome": "ok", "cause": None, "error": None,
    }  # fmt: skip
    assert {name: row[name] for name in said} == said
    assert row["intended_at"] == row["sent_at"]
    assert (row["spans"]["queue"]["start_ms"], row["spans"]["queue"]["duration_ms"]) == (1.0, 7.5)
    assert row["spans"]["triage"]["duration_ms"] >= 49
    assert ms(row, "sent_at", "done_at") >= row["spans"]["triage"]["duration_ms"]


def test_the_tokens_of_a_stream_are_stamped_as_they_come(service: str) -> None:
    class Reader(HttpUser):
        @task
        async def read(self) -> None:
            async with self.measure("tokens") as call, self.http.get(f"{self.host}/tokens") as reply:
                call.first_byte()
                async for line in reply.content:
                    if b"word" in line:
                        call.token()
            raise StopUser

    row = only_row(Reader, service)
    # 20 tokens, one every 50 ms.
    assert ms(row, "first_token_at", "last_token_at") >= 850
    assert row["sent_at"] <= row["first_byte_at"] <= row["first_token_at"]
    assert row["last_token_at"] <= row["done_at"]


def test_calls_side_by_side_within_one_task() -> None:
    class Gatherer(AsyncUser):
        @task
        async def gather(self) -> None:
            async def one(name: str) -> None:
                async with self.measure(name):
                    await asyncio.sleep(0.1)

            async with self.measure("all"):
                await asyncio.gather(one("a"), one("b"), one("c"))
            raise StopUser

    with load(Gatherer) as runner:
        wait_until(lambda: has_ended(runner))
        kept = {row["name"]: row for row in rows()}
    assert sorted(kept) == ["a", "all", "b", "c"]
    assert max(kept[name]["sent_at"] for name in "abc") < min(kept[name]["done_at"] for name in "abc")
    assert kept["all"]["done_at"] >= max(kept[name]["done_at"] for name in "abc")


def test_a_listener_of_locusts_event_hears_of_every_call() -> None:
    heard: list[dict[str, Any]] = []

    class Failer(AsyncUser):
        @task
        async def fail(self) -> None:
            async with self.measure("chat", method="SDK"):
                raise ValueError("no JSON")
            raise StopUser

    recorder.begin(RunTicket(token="test"))
    environment = Environment(user_classes=[Failer], host=NOWHERE)
    events: Any = environment.events
    events.request.add_listener(lambda **event: heard.append(event))
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=1)
    wait_until(lambda: has_ended(runner))
    runner.quit()
    recorder.close()
    (event,) = heard
    assert (event["request_type"], event["name"]) == ("SDK", "chat")
    assert isinstance(event["exception"], ValueError)
    assert environment.stats.get("chat", "SDK").num_failures == 1


def test_what_warms_up_leaves_no_trace(service: str) -> None:
    class Warm(AsyncUser):
        @task
        def work(self) -> None:
            with self.unrecorded():
                self.client.get("/job?delay_ms=1", name="warm-up")
                self.run_async(self.one("warm-up"))
            self.client.get("/job?delay_ms=1", name="wire")
            self.run_async(self.one("async"))
            raise StopUser

        async def one(self, name: str) -> None:
            async with self.measure(name) as call:
                call.status = 200

    with load(Warm, host=service) as runner:
        wait_until(lambda: has_ended(runner))
        assert [row["name"] for row in rows()] == ["wire", "async"]
        flush_stats()
        assert sorted(name for name, _ in runner.stats.entries) == ["async", "wire"]
        assert recorder.in_flight == 0


# --- how a call fails -----------------------------------------------------------------------


class LimitedError(Exception):
    """As SDKs tell of a status: the exception carries it, and the response."""

    status_code = 429

    class response:  # noqa: N801 - stands for an object
        headers = {"retry-after": "3"}  # noqa: RUF012


class ApiConnectionError(Exception):
    pass


async def _refused(_: Any) -> None:
    async with aiohttp.ClientSession() as http, http.get(NOWHERE):
        pass


async def _wrapped(_: Any) -> None:
    try:
        raise ConnectionResetError
    except OSError as error:
        raise ApiConnectionError from error


async def _late(_: Any) -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(5)


def _raising(error: Exception) -> Callable[[Any], Any]:
    async def fail(_: Any) -> None:
        raise error

    return fail


async def _wrong(call: Any) -> None:
    call.answer = Answer(reason="empty answer")


async def _degraded(call: Any) -> None:
    call.answer = Answer(degraded=True)


async def _status(call: Any) -> None:
    call.status = 500


@pytest.mark.parametrize(
    ("work", "ending"),
    [
        pytest.param(_refused, ("connection_error", "service", "connection refused"), id="refused"),
        pytest.param(_wrapped, ("connection_error", "network", "connection reset"), id="reset, wrapped"),
        pytest.param(_late, ("timeout", "service", "timed out"), id="timeout"),
        pytest.param(_raising(LimitedError()), ("rejected", "service", "HTTP 429"), id="an SDK's status"),
        pytest.param(
            _raising(ApiConnectionError()),
            ("connection_error", "network", "ApiConnectionError"),
            id="by name",
        ),
        pytest.param(
            _raising(ValueError("at column 25")), ("invalid_answer", "answer", "ValueError"), id="unreadable"
        ),
        pytest.param(
            _raising(AssertionError("no risk")), ("invalid_answer", "answer", "no risk"), id="assertion"
        ),
        pytest.param(_wrong, ("invalid_answer", "answer", "empty answer"), id="failed check"),
        pytest.param(_degraded, ("degraded", "provider", "degraded answer"), id="degraded"),
        pytest.param(_status, ("server_error", "service", "HTTP 500"), id="status without exception"),
    ],
)
def test_how_a_call_ends(work: Callable[[Any], Any], ending: tuple[str, str, str]) -> None:
    class Worker(AsyncUser):
        @task
        async def run_it(self) -> None:
            async with self.measure("chat") as call:
                await work(call)
            assert call.ok is False
            raise StopUser

    row = only_row(Worker)
    assert (row["outcome"], row["cause"], row["error"]) == ending


def test_an_exception_that_is_no_result_is_recorded_and_reaches_locust() -> None:
    errors: list[BaseException] = []
    went_on: list[int] = []

    class Buggy(AsyncUser):
        @task
        async def bug(self) -> None:
            if errors:
                raise StopUser
            async with self.measure("chat", failures=OSError):
                raise KeyError("choices")
            went_on.append(1)

    recorder.begin(RunTicket(token="test"))
    environment = Environment(user_classes=[Buggy], host=NOWHERE)
    events: Any = environment.events
    events.user_error.add_listener(lambda exception, **_: errors.append(exception))
    runner = environment.create_local_runner()
    runner.start(1, spawn_rate=1)
    wait_until(lambda: has_ended(runner))
    runner.quit()
    (row,) = rows()
    recorder.close()
    assert (row["outcome"], row["error"]) == ("invalid_answer", "KeyError")
    assert [type(error) for error in errors] == [KeyError]
    assert not went_on


# --- how users begin and end ----------------------------------------------------------------


def test_a_user_that_is_killed_leaves_no_call_unaccounted_for() -> None:
    notes: list[str] = []

    class Hanger(AsyncUser):
        @task
        async def hang(self) -> None:
            try:
                async with self.measure("chat"):
                    notes.append("sent")
                    await asyncio.sleep(60)
            finally:
                notes.append("put in order")

        async def on_stop(self) -> None:
            notes.append("stopped")

    with load(Hanger) as runner:
        wait_until(lambda: recorder.in_flight == 1)
        runner.stop()  # without a stop timeout, Locust kills
        (row,) = rows()
    assert (row["outcome"], row["cause"]) == ("incomplete", "generator")
    assert notes == ["sent", "put in order", "stopped"]


def test_a_user_that_is_told_to_stop_ends_its_task_first() -> None:
    class Slow(AsyncUser):
        @task
        async def work(self) -> None:
            async with self.measure("chat"):
                await asyncio.sleep(0.5)

    with load(Slow) as runner:
        wait_until(lambda: recorder.in_flight == 1)
        runner.environment.stop_timeout = 10
        runner.stop()
        kept = rows()
    assert [row["outcome"] for row in kept] == ["ok"]


def test_wait_time_is_kept_between_tasks() -> None:
    class Thinker(AsyncUser):
        @task
        async def work(self) -> None:
            async with self.measure("chat"):
                pass

        def wait_time(self) -> float:
            return 0.2

    with load(Thinker):
        wait_until(lambda: recorder.next_sequence >= 3)
        kept = rows()
    pauses = [later["sent_at"] - earlier["done_at"] for earlier, later in itertools.pairwise(kept)]
    assert all(pause.total_seconds() >= 0.19 for pause in pauses)


def test_a_task_set_is_refused() -> None:
    class Browse(TaskSet):
        @task
        def page(self) -> None: ...

    class Nested(AsyncUser):
        tasks = [Browse]  # noqa: RUF012

    with pytest.raises(LocustError, match="Nested: Browse is a TaskSet"):
        Nested(Environment(user_classes=[Nested], host=NOWHERE))


def test_plain_tasks_use_the_client_and_async_ones_may_not(service: str) -> None:
    notes: list[Any] = []

    class Both(AsyncUser):
        @task
        def work(self) -> None:
            notes.append(self.client.get("/job?delay_ms=1").status_code)
            notes.append(self.run_async(self.wrong()))
            raise StopUser

        async def wrong(self) -> str:
            try:
                self.client.get("/job")
            except RuntimeError as error:
                return str(error)
            return "sent"

    row = only_row(Both, service)
    assert (row["name"], row["outcome"]) == ("/job?delay_ms=1", "ok")
    assert notes[0] == 200
    assert notes[1].startswith("Both.client is for plain tasks")
