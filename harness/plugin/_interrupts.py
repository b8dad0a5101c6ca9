"""What Ctrl-C, SIGTERM and a closed terminal do to the process that leads a run."""

import signal
from collections.abc import Callable
from typing import Any

import gevent


class Interrupts:
    """One per process; it takes the signals' handlers from its beginning on.

    `leaves` ends a process in which no run began, and says whether it does. `hurry` is called for
    every signal after the first one, and for one while a run `is_ending` by itself.
    """

    def __init__(
        self, is_ending: Callable[[], bool], hurry: Callable[[], None], leaves: Callable[[], bool]
    ) -> None:
        self.interrupted = False
        self._is_ending = is_ending
        self._hurry = hurry
        self._leaves = leaves
        signal.signal(signal.SIGINT, self._on_signal)
        # While a headless run follows a shape, Locust has no handler for SIGTERM yet.
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # which is what nohup sets
            signal.signal(signal.SIGHUP, self._on_hangup)

    def _on_signal(self, *_: Any) -> None:
        """The first Ctrl-C or SIGTERM ends the run in order; another, or one while it ends: do not wait."""
        if self.interrupted or self._is_ending():
            self._hurry()
            return
        self.interrupted = True
        if not self._leaves():
            # As Python's own handler does, but where Locust catches it, whichever greenlet ran just now.
            gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())

    def _on_hangup(self, *_: Any) -> None:
        """The terminal is gone: the first Ctrl-C, if there was none. `harness run` hands it on once more."""
        if not self.interrupted and not self._is_ending():
            self._on_signal()
