"""Calls of async tasks in a real LocalRunner: what is recorded of each, and how it fails.

Oracle: stamping_service.py, a process of its own, and what the tasks themselves note.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from gevent import monkey
from locust.env import Environment
from locust.exception import StopUser

from harness.engine import Answer, AsyncUser, RunTicket, flush_stats, recorder
from tests.support.async_users import NOWHERE, HttpUser, has_ended, load, ms, only_row, rows, task, wait_until

native_sleep = monkey.get_original("time", "sleep")


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
