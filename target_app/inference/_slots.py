"""Finite decode slots of a model: who finds none free waits in order of arrival, and the wait is measured."""

import asyncio
import time


class Slots:
    """A fair semaphore that counts who holds and who waits.

    `acquire` returns the seconds waited; each acquire needs one `release`. A cancelled wait takes no slot.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.in_use = 0
        self.waiting = 0
        self._semaphore = asyncio.Semaphore(capacity)

    @property
    def is_free(self) -> bool:
        """Whether `acquire` would return at once."""
        return not self._semaphore.locked()

    async def acquire(self) -> float:
        """Take a slot, first come first served; return the seconds spent waiting for it."""
        if self.is_free:
            await self._semaphore.acquire()
            self.in_use += 1
            return 0.0
        start = time.perf_counter()
        self.waiting += 1
        try:
            await self._semaphore.acquire()
        finally:
            self.waiting -= 1
        self.in_use += 1
        return time.perf_counter() - start

    def release(self) -> None:
        """Give the slot to whoever has waited longest."""
        self.in_use -= 1
        self._semaphore.release()
