"""Ramps that do not hold up the shape that asked for them.

Locust's master spreads users inside the shape's own greenlet: until a ramp is complete, nobody asks
the shape what comes next, and a stage whose time passes meanwhile is left out (its issue #2242).
Locust's local runner spreads them in a greenlet of its own, which it ends when the next stage
begins. So does a master here.
"""

from collections.abc import Callable

import gevent
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner, locust_exception_handler


class Ramps:
    """At most one ramp of a shape at a time."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._ramp: gevent.Greenlet | None = None

    def begin(self, start: Callable[[], None]) -> None:
        """Call `start`, Locust's own, and return once users are being spread.

        A ramp that is under way ends where it is. Where the test does not begin, this raises what
        `start` raised.
        """
        self.end()
        ramp = self._ramp = self._runner.greenlet.spawn(start)
        while self._runner.state not in (STATE_SPAWNING, STATE_RUNNING):  # `test_start` comes first
            if ramp.ready():
                ramp.get()
                return
            gevent.sleep(0.02)
        ramp.link_exception(locust_exception_handler(self._runner.environment))

    def end(self) -> None:
        """Spread no further users. Does nothing when called by the ramp itself."""
        ramp, self._ramp = self._ramp, None
        if ramp is not None and ramp is not gevent.getcurrent():
            ramp.kill()
