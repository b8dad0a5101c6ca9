"""Async tasks in a real LocalRunner: how users begin and end, and what they may use.

Oracle: stamping_service.py, a process of its own, and what the tasks themselves note.
"""

import asyncio
import itertools
from typing import Any

import pytest
from gevent import monkey
from locust import TaskSet
from locust.env import Environment
from locust.exception import LocustError, StopUser

from harness.engine import AsyncUser, recorder
from tests.support.async_users import NOWHERE, load, only_row, rows, task, wait_until

native_sleep = monkey.get_original("time", "sleep")


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
