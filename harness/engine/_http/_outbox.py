"""Requests of one turn of the loop leave together, at its end.

A server that waits for work has to be woken for each request that comes alone, and waking it costs
the sender more than the sending does. What several greenlets have to say in one turn of the loop
is therefore sent in one go, once the turn's responses have been read, at the latest when
MOST_WAITING have gathered. A request that is alone in its turn waits for nothing.
"""

from typing import Any, Protocol
from weakref import WeakKeyDictionary

#: This many are sent at once, so that the first of a long turn does not wait for its last.
MOST_WAITING = 16


class Sending(Protocol):
    """What the outbox needs of a connection."""

    def send_now(self) -> None:
        """Write what waits to be sent, unless nobody wants it any more."""


class Outbox:
    """The connections of one loop that have something to send in this turn."""

    __slots__ = ("_run_callback", "_waiting")

    def __init__(self, loop: Any) -> None:
        self._run_callback = loop.run_callback
        self._waiting: list[Sending] = []

    def add(self, connection: Sending) -> None:
        """Send soon: before the loop waits for events again."""
        waiting = self._waiting
        waiting.append(connection)
        if len(waiting) == 1:
            self._run_callback(self._flush)
        elif len(waiting) >= MOST_WAITING:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.send_now()


_outboxes: WeakKeyDictionary[Any, Outbox] = WeakKeyDictionary()


def outbox_of(hub: Any) -> Outbox:
    """The one outbox of a gevent hub."""
    outbox = _outboxes.get(hub)
    if outbox is None:
        outbox = _outboxes[hub] = Outbox(hub.loop)
    return outbox
