"""Users whose tasks are `async def`, for async SDKs and for agents that run in this process.

    class ChatUser(AsyncUser):
        async def on_start(self):
            self.groq = AsyncGroq(base_url=self.host)

        @task
        async def ask(self):
            async with self.measure("chat", category="small", failures=GroqError) as call:
                answer = await self.groq.chat.completions.create(...)
                call.answer = Answer(model=answer.model, output_tokens=answer.usage.completion_tokens)

All users of a process share one asyncio loop, in a thread of its own; each user is a greenlet that
waits while its task runs there. See docs/benches.md.
"""

import asyncio
import functools
import inspect
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import gevent
from gevent import GreenletExit
from locust.exception import InterruptTaskSet, LocustError, RescheduleTask, StopTest, StopUser
from locust.exception import RescheduleTaskImmediately as RescheduleAtOnce
from locust.user.task import LOCUST_STATE_WAITING

from harness.engine._async_call import Call, open_call, status_of
from harness.engine._async_loop import NotInTimeError, async_bridge
from harness.engine._async_unrecorded import unrecorded
from harness.engine._clock import now_us
from harness.engine._listener import RECORDED
from harness.engine._reply import RequestError
from harness.engine._session import ServiceSession
from harness.engine._stats_feed import stats_feed
from harness.engine._user import ServiceUser, recorder

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How long an async `on_stop` may take once its user was killed, as at the drain deadline. With the
#: coroutine's LAST_WORDS_S it stays below what a master waits for its workers beyond that deadline.
ON_STOP_S = 2.0

_FOR_THE_USER = (StopUser, StopTest, RescheduleTask, RescheduleAtOnce, InterruptTaskSet)


class AsyncUser(ServiceUser):
    """A closed-loop user whose tasks, `on_start` and `on_stop` may be `async def`.

    What differs from a `ServiceUser`:

    - An `async def` task runs on the asyncio loop. There, `self.measure` records an operation;
      `gevent.sleep`, `self.client` and Locust's own clients must not be used. A plain `def` task
      runs in the user's greenlet as ever; from there, `self.run_async(coroutine)` reaches the loop.
    - What an async task raises reaches Locust as if a plain task had raised it.
    - A user that is stopped ends the task it is in. One that is killed, at the drain deadline, has
      its coroutine cancelled: what it was measuring becomes `incomplete`. So it does where a task
      blocks the loop's thread; that thread is left behind.
    - What `on_stop` does on the loop has until the drain deadline, and ON_STOP_S seconds after a kill.
    - Tasks are functions; a TaskSet is refused.
    """

    abstract = True

    def __init__(self, environment: Any) -> None:
        for each in self.tasks:
            if inspect.isclass(each):
                name = f"{type(self).__name__}: {each.__name__}"
                raise LocustError(f"{name} is a TaskSet; the tasks of an AsyncUser are functions")
        super().__init__(environment)
        self._bridge = async_bridge()
        self._feed = stats_feed(environment)
        self._calls: dict[Call, None] = {}
        self._told: BaseException | None = None
        self._unrecorded = False
        self._asked_to_stop = False
        self._is_cut_short = False
        self._gone_s: float | None = None
        # Locust looks for these on the instance; tasks are made plain functions for its loop of tasks.
        self.tasks = [self._plain(each) for each in self.tasks]
        self.on_start = self._plain(self.on_start)  # type: ignore[method-assign]  # as with tasks
        self.on_stop = self._plain(self.on_stop)  # type: ignore[method-assign]  # as with tasks

    def on_start(self) -> Any:
        """Called when the user begins; may be `async def`."""

    def on_stop(self) -> Any:
        """Called when the user has ended or was killed; may be `async def`."""

    def stop(self, force: bool = False) -> bool:
        """As Locust's, but a user that waits is not waited for: `on_stop` has until the drain deadline."""
        if force or self._state not in {None, LOCUST_STATE_WAITING}:
            return bool(super().stop(force))
        self._asked_to_stop = True
        gevent.spawn(super().stop)
        return True

    @property  # an attribute of ServiceUser; here it must know who asks
    def client(self) -> ServiceSession:
        """The HTTP client of a `ServiceUser`, for plain tasks."""
        if asyncio._get_running_loop() is not None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.client is for plain tasks: in `async def`, use an async client")
        return self._client

    @client.setter
    def client(self, client: ServiceSession) -> None:
        self._client = client

    def run_async(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """In a plain task: run a coroutine on the asyncio loop, wait for its end, return its result."""
        self._is_cut_short = False
        try:
            result: T = self._bridge.run(coroutine, self._cut_short, self._limit_s())
        finally:
            self._leave_nothing_open()
        told, self._told = self._told, None
        if told is not None:
            raise told
        return result

    @asynccontextmanager
    async def measure(
        self,
        name: str,
        *,
        method: str = "CALL",
        category: str | None = None,
        case_id: str | None = None,
        request_bytes: int | None = None,
        failures: type[Exception] | tuple[type[Exception], ...] = Exception,
    ) -> AsyncIterator[Call]:
        """Record what happens in the block as one row, from its first line to its last.

        `failures` are the exceptions that are a result: they make the call a failure and end the
        block, and the task goes on after it, with `call.error` set; by default all of them, as with
        `events.request.measure` of Locust. Any other makes the call a failure, too, and is raised.
        Blocks may be nested and may run side by side in `asyncio.gather`.
        """
        call = open_call(name, method, type(self).__name__, category, case_id, request_bytes)
        call.closed = self._unrecorded
        self._calls[call] = None
        self._bridge.post(lambda: self._sent(call))
        call.request.intended_us = call.request.sent_us = now_us()
        try:
            yield call
        except BaseException as error:
            call.done_us = call.done_us or now_us()
            call.error = error
            call.status = call.status or status_of(error)
            if not isinstance(error, failures) or isinstance(error, _FOR_THE_USER):
                raise
        finally:
            if call.done_us is None:
                call.done_us = now_us()
            self._bridge.post(lambda: self._record(call))

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """In a plain task: what is called or measured in the block leaves no row, for warming up."""
        self._unrecorded = True
        try:
            with unrecorded(self._client):
                yield
        finally:
            self._unrecorded = False

    # --- in greenlets ------------------------------------------------------------------------

    def _plain(self, function: Any) -> Callable[..., Any]:
        @functools.wraps(function)
        def perform(*args: Any) -> Any:
            try:
                result = function(*args)
                return self.run_async(result) if inspect.iscoroutine(result) else result
            except NotInTimeError as error:  # in on_stop, after a kill
                logger.warning("%s.%s: %s", type(self).__name__, function.__name__, error)

        return perform

    def _limit_s(self) -> float | None:
        """What is left of ON_STOP_S after a kill; None where Locust will still kill at the drain deadline."""
        if self._asked_to_stop or not isinstance(sys.exc_info()[1], GreenletExit):
            return None
        if self._gone_s is None:
            self._gone_s = time.monotonic() + ON_STOP_S
        return max(self._gone_s - time.monotonic(), 0)

    def _sent(self, call: Call) -> None:
        if not call.closed:
            recorder.sent(call.request)

    def _record(self, call: Call) -> None:
        """Write the row, and tell Locust's statistics or whoever listens."""
        self._calls.pop(call, None)
        if call.closed:
            return
        call.closed = True
        if self._is_cut_short:
            recorder.abandon(call.request)
            return
        self._client.requests += 1
        ending = call.judged()
        recording = recorder.active
        recorder.record(call.request, call.response(ending))
        request, done_us, length = call.request, call.done_us or 0, call.response_bytes or 0
        response_time_ms = (done_us - request.intended_us) / 1000
        error = recorder.text_of(ending)
        if recording and not self._feed.wanted_per_request:
            self._feed.note(request.method, request.name, response_time_ms, length, done_us, error)
            return
        try:
            self.environment.events.request.fire(
                request_type=request.method,
                name=request.name,
                response_time=response_time_ms,
                response_length=length,
                response=None,
                context={**self.context(), RECORDED: True},
                exception=None if error is None else call.error or RequestError(error),
                start_time=request.intended_us / 1e6,
                url=None,
            )
        except _FOR_THE_USER as told:
            self._told = told  # a listener speaks to the user: it hears of it when its task has ended

    def _cut_short(self) -> None:
        """The task is about to be cancelled; a call that it begins before it hears of that counts no more."""
        self._leave_nothing_open()
        self._is_cut_short = True

    def _leave_nothing_open(self) -> None:
        """The task has ended, and what it still measures will never be waited for."""
        self._bridge.catch_up()
        for call in list(self._calls):
            self._calls.pop(call, None)
            if not call.closed:
                call.closed = True
                recorder.abandon(call.request)
