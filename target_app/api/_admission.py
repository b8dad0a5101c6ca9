"""How many cases a process works on, and how many may wait.

Without a limit an overloaded service answers everyone late. With one it answers as many as it can in good
time and tells the others at once to come back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from target_app.errors import DeadlineExceededError, OverloadedError

RETRY_AFTER_S = 1.0


class Admission:
    """`limit` cases at once, `queue_limit` more waiting in order of arrival, the rest refused."""

    def __init__(self, limit: int, queue_limit: int) -> None:
        self.limit = limit
        self.queue_limit = queue_limit
        self.active = 0
        self.queued = 0
        self._places = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def place(self, deadline_at: float) -> AsyncIterator[bool]:
        """Hold a place for a case; yields whether it had to wait.

        Raises OverloadedError at once when the queue is full, and DeadlineExceededError when the event loop's
        time reaches `deadline_at` first.
        """
        waits = self._places.locked()
        if waits:
            await self._wait(deadline_at)
        else:
            await self._places.acquire()  # does not wait: a place is free
        self.active += 1
        try:
            yield waits
        finally:
            self.active -= 1
            self._places.release()

    async def _wait(self, deadline_at: float) -> None:
        if self.queued >= self.queue_limit:
            raise OverloadedError(
                f"{self.limit} cases in work and {self.queue_limit} waiting", retry_after_s=RETRY_AFTER_S
            )
        self.queued += 1
        try:
            async with asyncio.timeout_at(deadline_at):
                await self._places.acquire()
        except TimeoutError:
            raise DeadlineExceededError("the case's time ran out while it waited for a place") from None
        finally:
            self.queued -= 1
