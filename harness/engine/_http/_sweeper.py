"""Deadlines of all exchanges of a thread, kept by one timer.

A timer per request costs more than the request. Here a connection stands in a slot of
`GRAIN_US`, and one tick per slot looks at those whose slot has come. A connection that is used
again before then is not moved: its slot finds it with a later deadline and puts it forward. So
a connection is touched about once per timeout, not once per exchange.

Deadlines are kept to `GRAIN_US`: an exchange fails at its deadline or up to two slots (50 ms)
after it, later only where the loop itself is held up.
"""

from typing import Any, Protocol
from weakref import WeakKeyDictionary

from harness.engine._clock import now_us

GRAIN_US = 25_000
#: The `check_us` of a connection that is in no slot.
NEVER_US = 1 << 62


class Watched(Protocol):
    """What the sweeper needs of a connection."""

    check_us: int

    def due_us(self) -> int:
        """When to fail what is in flight; NEVER_US if nothing is."""

    def time_out(self, at_us: int) -> None:
        """Fail it: its time is over."""


class Sweeper:
    """The one timer of a loop; it runs only while an exchange is in flight."""

    __slots__ = ("_slots", "_swept", "_timer")

    def __init__(self, loop: Any) -> None:
        self._slots: dict[int, set[Watched]] = {}
        self._swept = 0
        # After the sockets of the same turn: a loop that was held up reads what came in time first.
        self._timer = loop.timer(GRAIN_US / 1e6, GRAIN_US / 1e6, priority=-1)

    def arm(self, watched: Watched, due_us: int) -> None:
        """Look at a connection at `due_us`, unless an earlier look stands already."""
        if due_us >= watched.check_us:
            return
        if watched.check_us != NEVER_US:
            self._slots[watched.check_us // GRAIN_US].discard(watched)
        if not self._timer.active:
            self._swept = now_us() // GRAIN_US - 1
            self._timer.start(self._tick, update=True)
        # One past the slot in which it is due, so that it is over when the slot is looked at.
        slot = max(due_us // GRAIN_US + 1, self._swept + 1)
        watched.check_us = slot * GRAIN_US
        self._slots.setdefault(slot, set()).add(watched)

    def forget(self, watched: Watched) -> None:
        """Take a closed connection out of its slot."""
        if watched.check_us != NEVER_US:
            self._slots[watched.check_us // GRAIN_US].discard(watched)
            watched.check_us = NEVER_US

    def _tick(self) -> None:
        at_us = now_us()
        until = at_us // GRAIN_US
        due = [slot for slot in range(self._swept + 1, until + 1) if slot in self._slots]
        self._swept = until
        looked_at = [watched for slot in due for watched in self._slots.pop(slot)]
        for watched in looked_at:
            watched.check_us = NEVER_US
        for watched in looked_at:
            # Waking one greenlet may have closed or reused the next connection: ask each afresh.
            due_us = watched.due_us()
            if due_us <= at_us:
                watched.time_out(at_us)
            elif due_us != NEVER_US:
                self.arm(watched, due_us)
        if not self._is_anything_in_flight():
            self._rest()

    def _is_anything_in_flight(self) -> bool:
        """Whatever is in flight stands in a slot; so do connections that were idle since."""
        return any(watched.due_us() != NEVER_US for slot in self._slots.values() for watched in slot)

    def _rest(self) -> None:
        """Nothing is in flight: a timer that ran on would keep the process from ending."""
        self._timer.stop()
        for slot in self._slots.values():
            for watched in slot:
                watched.check_us = NEVER_US
        self._slots.clear()


_sweepers: WeakKeyDictionary[Any, Sweeper] = WeakKeyDictionary()


def sweeper_of(hub: Any) -> Sweeper:
    """The one sweeper of a gevent hub: thousands of clients, one for each user, share its timer."""
    sweeper = _sweepers.get(hub)
    if sweeper is None:
        sweeper = _sweepers[hub] = Sweeper(hub.loop)
    return sweeper
