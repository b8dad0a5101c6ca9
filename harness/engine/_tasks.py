"""Locust's loop of tasks for a `ServiceUser`: the same rules, without what costs more than a request.

Stock Locust reads `user` through a property eleven times per task, tells functions from classes
anew each time, and goes through the event loop for a wait of 0 s.
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

    def get_next_task(self) -> Any:
        """Drawn from the user's tasks, each as often as its weight says."""
        tasks = self.user.tasks
        return tasks[0] if len(tasks) == 1 else random.choice(tasks) if tasks else super().get_next_task()

    def execute_next_task(self) -> None:
        """Run a task to its end; a user that is to stop ends before it instead."""
        user = self.user
        if self._recorder.draining or user.leaving:
            raise StopUser
        task = self._task_queue.popleft()
        if self._quota.counted:
            self._execute_counted(task)
        elif isinstance(task, type):
            self.execute_task(task)
        else:
            task(user)

    def _execute_counted(self, task: Any) -> None:
        """Wait until a task may begin; what it takes is gone, however it ends."""
        self._quota.take(self.user)
        try:
            self.execute_task(task)
        finally:
            self._quota.end()

    def wait(self) -> None:
        """Wait as `wait_time` says; 0 s after a task that waited for an answer is no wait at all.

        A fixed number of tasks at a fixed concurrency leaves no time to think.
        """
        user = self.user
        sent_before, self._sent_before = self._sent_before, self._client.requests
        wait_s = 0 if self._quota.counted else user.wait_time() if user.wait_time else self.wait_time()
        if wait_s > 0 or sent_before == self._sent_before:
            self._wait(user, wait_s)
        elif user._state == LOCUST_STATE_STOPPING:
            raise StopUser

    def _wait(self, user: Any, wait_s: float) -> None:
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_WAITING
        self._sleep(wait_s)
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_RUNNING
