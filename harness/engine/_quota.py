"""How many tasks the users of this process may still begin, where a run has a fixed number of them.

The master (or the local runner) deals the tasks, see `harness.schedule.Budget`. Here they are taken
one by one; more is asked for when fewer are left than there are users, so that no user waits while
there is something to do. A user that finds none waits, and can be stopped while it does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gevent.event import Event
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING


@dataclass(slots=True, frozen=True)
class QuotaReport:
    """What a load generator tells when it asks for tasks: its users, and its tasks since the run began."""

    users: int
    ended: int
    returned: int


class TaskQuota:
    """One per process. Without `counted` no task is counted, and none of this costs more than a look."""

    def __init__(self) -> None:
        self.counted = False
        self._tell: Callable[[QuotaReport], None] = _tell_nobody
        self._reset()

    def _reset(self) -> None:
        self._users = 0
        self._left = 0
        self._under_way = 0
        self._ended = 0
        self._returned = 0
        self._asked = False
        self._granted = Event()

    def begin(self, tell: Callable[[QuotaReport], None] | None) -> None:
        """A new run. Where its tasks are counted, `tell` brings a report to whoever deals them."""
        self.counted = tell is not None
        self._tell = tell or _tell_nobody
        self._reset()

    def join(self) -> None:
        """A user begins its tasks."""
        self._users += 1
        if self._asked:  # the share that is given depends on it
            self._report()

    def leave(self) -> None:
        """A user has ended. The last one gives back what it will not begin."""
        self._users -= 1
        given_back = 0 if self._users else self._left
        self._left -= given_back
        self._returned += given_back
        if self._asked or given_back:
            self._report()

    def take(self, user: Any) -> None:
        """Wait for a task to be free. Raises StopUser for a user that is to stop."""
        while not self._left:
            self._ask()
            if self._left:  # a local runner answers at once
                break
            user._state = LOCUST_STATE_WAITING
            self._granted.wait()
            if user.leaving or user._state == LOCUST_STATE_STOPPING:
                raise StopUser
            user._state = LOCUST_STATE_RUNNING
        self._left -= 1
        self._under_way += 1
        if self._left < self._users:
            self._ask()

    def end(self) -> None:
        """The task that was taken is over, however it ended."""
        self._under_way -= 1
        self._ended += 1
        if self._asked and not self._left and not self._under_way:
            self._report()

    def grant(self, tasks: int) -> None:
        """More tasks to begin: the answer to what was asked."""
        self._asked = False
        self._left += tasks
        granted, self._granted = self._granted, Event()
        granted.set()

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._report()

    def _report(self) -> None:
        self._tell(QuotaReport(self._users, self._ended, self._returned))


def _tell_nobody(_: QuotaReport) -> None:
    """Where no tasks are counted."""


#: The tasks of this process; Locust has one environment per process, and so have we.
task_quota = TaskQuota()
