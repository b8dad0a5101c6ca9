"""Workers that `--processes` forks: none stays behind a master that ends before a run began.

Locust means to end its children at exit, but forgets those that are still running.
"""

import os
import signal

import gevent
import psutil
from locust.runners import WorkerRunner

#: Whoever imports the locustfile; a fork of it has another id, and this one as its parent.
_PARENT = os.getpid()

_LOOK_EVERY_S = 0.5


def dismiss_forked_workers() -> None:
    """End the workers that this process forked. They would wait a minute for a master that never begins."""
    for child in psutil.Process().children():
        child.terminate()


def leave_a_master_that_never_began() -> None:
    """Make forked workers that still look for their master leave when it is gone, with a busy port for one.

    They would go on for five minutes, and then be at the disposal of whoever opens that port.
    """
    connect = WorkerRunner.connect_to_master

    def connect_or_leave(self: WorkerRunner) -> None:
        forked = os.getpid() != _PARENT
        if not forked or self.retry:  # Locust calls this again for each attempt
            connect(self)
            return
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the master ends the run, and tells its workers
        watch = gevent.spawn(_exit_without_parent)
        try:
            connect(self)
        finally:
            watch.kill(block=False)

    WorkerRunner.connect_to_master = connect_or_leave  # type: ignore[method-assign]


def _exit_without_parent() -> None:
    while os.getppid() == _PARENT:
        gevent.sleep(_LOOK_EVERY_S)
    gevent.get_hub().handle_system_error(SystemExit, SystemExit(1))
