"""Locust's loop of tasks for a `ServiceUser`: the same rules, at a fraction of the cost of a request.

Stock Locust reads `user` through a property eleven times per task, tells functions from classes
anew each time, and goes through the event loop for a wait of 0 s. Here tasks that are not to wait follow
each other in a loop of their own; whatever a task raises still ends up in Locust's.
"""

import random
from typing import Any

from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet

from harness.engine._quota import TaskQuota
from harness.engine._recorder import Recorder


class ServiceTasks(DefaultTaskSet):
    """The tasks of one `ServiceUser`. Nested TaskSets run as Locust runs them."""

    user: Any = None  # in place of the property; set per instance

    def __init__(self, user: Any, recorder: Recorder, quota: TaskQuota) -> None:
        self.user = user
        super().__init__(user)
        self._recorder = recorder
        self._quota = quota
        self._client = user.client
        self._sent_before = 0
        self._drawn_wait_s: float | None = None

    def get_next_task(self) -> Any:
        """Drawn from the user's tasks, each as often as its weight says."""
        tasks = self.user.tasks
        return tasks[0] if len(tasks) == 1 else random.choice(tasks) if tasks else super().get_next_task()

    def execute_next_task(self) -> None:
        """Run tasks to their ends, up to one that is followed by a wait.

        A user that is to stop ends before a task instead.
        """
        user, recorder, quota, queue = self.user, self._recorder, self._quota, self._task_queue
        while True:
            if recorder.draining or user.leaving:
                raise StopUser
            task = queue.popleft() if queue else self.get_next_task()
            if quota.counted:
                self._execute_counted(task)
            elif isinstance(task, type):
                self.execute_task(task)
            else:
                task(user)
            if self._is_to_wait():
                return
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser

    def _execute_counted(self, task: Any) -> None:
        """Wait until a task may begin; what it takes is gone, however it ends."""
        self._quota.take(self.user)
        try:
            self.execute_task(task)
        finally:
            self._quota.end()

    def _is_to_wait(self) -> bool:
        """Draw the wait after a task, and keep it for `wait`; False where there is none.

        0 s after a task that waited for an answer is no wait at all, and a fixed number of tasks at a
        fixed concurrency leaves no time to think.
        """
        sent_before, self._sent_before = self._sent_before, self._client.requests
        if self._quota.counted:
            wait_s = 0.0
        else:
            wait_time = self.user.wait_time
            wait_s = wait_time() if wait_time else self.wait_time()
        if wait_s <= 0 and sent_before != self._sent_before:
            return False
        self._drawn_wait_s = wait_s
        return True

    def wait(self) -> None:
        """Wait as was drawn after the task, or is drawn now after one that was left by an exception."""
        user = self.user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        if self._drawn_wait_s is None and not self._is_to_wait():
            return
        wait_s, self._drawn_wait_s = self._drawn_wait_s, None
        user._state = LOCUST_STATE_WAITING
        self._sleep(wait_s)
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_RUNNING
