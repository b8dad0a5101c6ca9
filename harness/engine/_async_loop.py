"""One asyncio event loop in a native thread of its own, and the bridge between it and greenlets.

Locust patches threads, selectors and sockets for gevent, so that `asyncio.run` in a task blocks
every other user or fails. Here asyncio has an operating system's thread with unpatched parts: the
two loops share nothing but the interpreter's lock. Neither side polls: greenlets wake asyncio with
`call_soon_threadsafe`, asyncio wakes the hub with one of libev's async watchers.

What it refuses to do: run a callback of one side on the other's thread. What came from asyncio is
done in one greenlet, in order.
"""

import asyncio
import atexit
import contextlib
import logging
import platform
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final

import gevent
from gevent import monkey
from gevent.event import AsyncResult, Event
from gevent.lock import RLock

from harness.engine._async_logging import use_native_locks
from harness.engine._async_watch import LoopWatch

logger = logging.getLogger(__name__)

#: How long a coroutine that is cancelled may take to put things in order.
LAST_WORDS_S = 1.0

#: How long the loop may take to end, once the process does.
CLOSING_S = 2.0

#: How long the interpreter may take to end beside a thread that is blocked, in whole seconds.
EXIT_S = 5

_start_native_thread: Final = monkey.get_original("_thread", "start_new_thread")
_native_lock: Final = monkey.get_original("_thread", "allocate_lock")
_getaddrinfo: Final = monkey.get_original("socket", "getaddrinfo")


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop where it is installed, else asyncio's own on an unpatched selector."""
    loop: asyncio.AbstractEventLoop
    try:
        import uvloop
    except ImportError:
        selector = monkey.get_original("selectors", "DefaultSelector")
        loop = _on_native_threads(asyncio.SelectorEventLoop)(selector())
    else:
        loop = _on_native_threads(uvloop.Loop)()
    return loop


def _on_native_threads(base: Any) -> Any:
    """The loop class, with `asyncio.to_thread` and name look-ups on native threads, one per call.

    The standard library's thread pool would start greenlets, in a thread whose hub never runs.
    """

    class Loop(base):
        def run_in_executor(
            self, executor: Executor | None, func: Callable[..., Any], *args: Any
        ) -> "asyncio.Future[Any]":
            if executor is not None:
                future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
            else:
                future = self.create_future()
                _start_native_thread(_work, (self, future, func, args))
            return future

        async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
            rest = [options.get(name, 0) for name in ("family", "type", "proto", "flags")]
            return await self.run_in_executor(None, _getaddrinfo, host, port, *rest)

    return Loop


def _work(loop: Any, future: "asyncio.Future[Any]", func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """A native thread that lives for one call."""
    result, error = None, None
    try:
        result = func(*args)
    except BaseException as raised:
        error = raised

    def settle() -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
        loop.call_soon_threadsafe(settle)


class NotInTimeError(Exception):
    """A coroutine did not end within its limit, or the loop never came to begin it."""


class _Errand:
    """A coroutine on its way to the loop: begun there, unless a greenlet has taken it back before."""

    def __init__(self, bridge: "AsyncBridge", coroutine: Coroutine[Any, Any, Any]) -> None:
        self._bridge = bridge
        self._waiting = [coroutine]  # whoever pops it has it; a list's pop is one step for both threads
        self._task: asyncio.Task[Any] | None = None
        self.done: AsyncResult = AsyncResult()
        self.heard = False

    def begin(self) -> None:
        """On the loop's thread."""
        with contextlib.suppress(IndexError):
            self._task = task = self._bridge.loop.create_task(self._waiting.pop())
            task.add_done_callback(lambda ended: self._bridge.post(lambda: self.done.set(ended)))

    def cancel(self) -> None:
        """On the loop's thread."""
        self.heard = True
        if self._task is not None:
            self._task.cancel()

    def take_back(self) -> None:
        """In a greenlet: a coroutine that is not begun never will be."""
        with contextlib.suppress(IndexError):
            self._waiting.pop().close()


class AsyncBridge:
    """The loop of this process, from the first `AsyncUser` until the process ends."""

    def __init__(self) -> None:
        self._posted: deque[Callable[[], None]] = deque()
        self._wake = Event()
        self._watcher = gevent.get_hub().loop.async_()
        self._watcher.start(self._wake.set)
        self._ready = AsyncResult()
        self._ended = _native_lock()
        self._ended.acquire()
        self._greenlet = gevent.spawn(self._work_off)
        self._told_blocked = False
        self.loop: asyncio.AbstractEventLoop
        use_native_locks()
        remember_platform()
        _start_native_thread(self._live, ())
        self._ready.get()
        atexit.register(self._close_at_exit)

    def run(
        self,
        coroutine: Coroutine[Any, Any, Any],
        interrupted: Callable[[], None],
        limit_s: float | None = None,
    ) -> Any:
        """In a greenlet: let the loop run the coroutine, wait for its end, and return or raise what it does.

        Whatever interrupts the wait (the greenlet is killed, a gevent.Timeout) calls `interrupted`
        and cancels the coroutine, which then has LAST_WORDS_S seconds to put things in order. After
        `limit_s` seconds it is cancelled without them, and NotInTimeError raised. A loop whose thread is
        blocked is waited for no longer than that.
        """
        errand = _Errand(self, coroutine)
        self.loop.call_soon_threadsafe(errand.begin)
        try:
            ended: asyncio.Task[Any] | None = errand.done.wait(limit_s)
            if ended is None:
                raise NotInTimeError(f"not done within {limit_s:g} s")
        except BaseException as reason:
            interrupted()
            self._call_off(errand, 0 if isinstance(reason, NotInTimeError) else LAST_WORDS_S)
            raise
        if ended.cancelled():
            # A CancelledError is no Exception: it would end the user's greenlet without a word.
            raise RuntimeError("the async task was cancelled from within")
        return ended.result()

    def _call_off(self, errand: _Errand, last_words_s: float) -> None:
        errand.take_back()
        self.loop.call_soon_threadsafe(errand.cancel)
        errand.done.wait(last_words_s)
        if last_words_s and not errand.heard and not self._told_blocked:
            self._told_blocked = True
            logger.warning(
                "The asyncio loop does not answer: a task blocks its thread (time.sleep, subprocess, a "
                "client that is not async); what runs there is left behind"
            )

    def post(self, work: Callable[[], None]) -> None:
        """On the loop's thread: have `work` done in the greenlet of this bridge, after what came before."""
        self._posted.append(work)
        self._watcher.send()

    def catch_up(self) -> None:
        """In a greenlet: do now what has been posted so far."""
        while self._posted:
            work = self._posted.popleft()
            try:
                work()
            except Exception:
                logger.exception("what an async task left to be done raised")

    def close(self) -> bool:
        """End the loop and its thread, unless it is blocked; later users would get a dead bridge."""
        if self.loop.is_closed():
            return True
        self.loop.call_soon_threadsafe(self.loop.stop)
        return bool(self._ended.acquire(timeout=CLOSING_S))

    def _close_at_exit(self) -> None:
        """A blocked thread may hold up the interpreter's end; then the system ends the process."""
        if not self.close() and hasattr(signal, "alarm"):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(EXIT_S)

    def _work_off(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self.catch_up()

    def _live(self) -> None:
        """The native thread."""
        loop = self.loop = new_loop()
        asyncio.set_event_loop(loop)
        watch = LoopWatch(loop)
        loop.call_soon(lambda: self.post(lambda: self._ready.set(None)))
        stopped = False
        try:
            while not stopped:
                try:
                    loop.run_forever()
                    stopped = True
                except BaseException:  # noqa: S110 - SystemExit in a task: the task has it, too
                    pass
            watch.stop()
            loop.run_until_complete(_cancel_all())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
        finally:
            self._ended.release()


async def _cancel_all() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def remember_platform() -> None:
    """Learn the platform in a greenlet, so that no native thread has to start a subprocess for it.

    SDKs (groq's, openai's) ask for it in a thread at their first call, with `platform` and `distro`, which
    remember the answer. gevent's subprocess fails there, or never returns.
    """
    platform.platform()
    if (distro := sys.modules.get("distro")) is not None:
        distro.id()


_bridge: AsyncBridge | None = None
_making_bridge: Final = RLock()


def async_bridge() -> AsyncBridge:
    """The one bridge of this process; the first call makes it, after `--processes` has forked."""
    global _bridge  # noqa: PLW0603 - one process has one hub, and needs one asyncio loop
    with _making_bridge:  # other greenlets run meanwhile
        if _bridge is None:
            _bridge = AsyncBridge()
    return _bridge
