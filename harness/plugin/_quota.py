"""Deals a fixed number of tasks to the load generators of a run, for shapes that ask for one.

A generator asks when it is about to have fewer tasks than users; what it asks before a level has
begun waits for it. A level is over when every task that was dealt has ended. A generator that is
lost takes its tasks with it: the level ends without them, and the run is invalid, as ever.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from harness.engine import QuotaReport, now_us, recorder, task_quota
from harness.schedule import Budget

ASK, GRANT = "harness_quota_ask", "harness_quota_grant"

#: After the users are there: the first task begins in the hold, whatever is left of clock error.
OPENING_S = 0.01

#: How often a shape that waits looks for generators that are lost.
LOOK_S = 0.25


def counts_tasks(environment: Environment) -> bool:
    """Whether the shape of this test lets users begin only what it has counted."""
    return bool(getattr(environment.shape_class, "counts_tasks", False))


class QuotaDesk:
    """The master's half, `environment.quota`; see `harness.schedule.Quota`."""

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner | LocalRunner,
        lost: Callable[[], Iterable[str]],
    ) -> None:
        self._runner = runner
        self._lost = lost
        self._token = ""
        self._budget = Budget()
        self._waiting: dict[str, int] = {}
        self._level: tuple[int, int] | None = None
        self._users = 1
        self._tasks = 0
        self._is_open = False
        self._complete = Event()
        self._completed_us: int | None = None
        runner.register_message(ASK, self._on_ask)
        environment.events.spawning_complete.add_listener(self._on_spawning_complete)
        environment.quota = self  # type: ignore[attr-defined]  # where shapes look for it

    def begin(self, token: str) -> None:
        """A run begins; a level that was opened before its first user stays so."""
        self._token = token
        self._budget = Budget()
        self._waiting = {}
        self._close()

    def open(self, tasks: int, users: int) -> None:
        """Let `tasks` more be begun, once `users` users are there."""
        self._level = (tasks, users)
        self._close()

    def wait(self, timeout_s: float) -> bool:
        """True as soon as all tasks of the level have ended, False after `timeout_s` without that."""
        deadline = time.monotonic() + timeout_s
        while not self._complete.is_set() and (left_s := deadline - time.monotonic()) > 0:
            self._complete.wait(min(left_s, LOOK_S))
            for generator in self._lost():
                self._budget.forget(generator)
                self._waiting.pop(generator, None)
            self._deal()
        return bool(self._complete.is_set())

    def load_ended_us(self) -> int:
        """When the load of the present step ended: now, unless its last counted task ended before.

        A shape is asked once a second, and a level may well be over before.
        """
        completed_us, self._completed_us = self._completed_us, None
        return completed_us or now_us()

    @property
    def ended(self) -> int:
        """Tasks of the level that have ended, as far as their generators have told."""
        return self._tasks - self._budget.left - self._budget.under_way if self._is_open else 0

    def _on_spawning_complete(self, **_: Any) -> None:
        if self._level is not None:
            level, self._level = self._level, None
            gevent.spawn_later(OPENING_S, self._open_now, self._token, *level)

    def _open_now(self, token: str, tasks: int, users: int) -> None:
        if token != self._token:
            return
        self._tasks, self._users = tasks, users
        self._budget.open(tasks)
        self._is_open = True
        self._deal()

    def _on_ask(self, msg: Any, **_: Any) -> None:
        if msg.data["token"] != self._token:
            return
        report = QuotaReport(**msg.data["report"])
        self._budget.note(msg.node_id, report.ended, report.returned)
        self._waiting[msg.node_id] = report.users
        self._deal()

    def _deal(self) -> None:
        """Answer those who wait, as long as something is left."""
        if not self._is_open:
            return
        for generator, users in list(self._waiting.items()):
            if users and self._budget.left:
                del self._waiting[generator]
                tasks = self._budget.grant(generator, min(users / self._users, 1.0))
                self._runner.send_message(GRANT, {"token": self._token, "tasks": tasks}, generator)
        if self._budget.complete and not self._complete.is_set():
            self._completed_us = now_us()
            self._complete.set()

    def _close(self) -> None:
        self._is_open = False
        self._complete.clear()


class QuotaSide:
    """A generator's half: brings `task_quota`'s reports to the desk, and the answers back."""

    def __init__(self, runner: LocalRunner | WorkerRunner) -> None:
        self._runner = runner
        runner.register_message(GRANT, self._on_grant)

    def begin(self, *, counted: bool) -> None:
        """A run begins, with tasks that are counted or not."""
        task_quota.begin(self._ask if counted else None)

    def _ask(self, report: QuotaReport) -> None:
        document = {"token": recorder.ticket.token, "report": dataclasses.asdict(report)}
        self._runner.send_message(ASK, document)

    def _on_grant(self, msg: Any, **_: Any) -> None:
        if msg.data["token"] == recorder.ticket.token:
            task_quota.grant(msg.data["tasks"])
