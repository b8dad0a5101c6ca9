"""A headless process before its first run: the wait for workers, and each ending without a run."""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner

from harness.errors import ExitCode
from harness.plugin._crew import Crew
from harness.plugin._forked import dismiss_forked_workers


def is_headless(environment: Environment) -> bool:
    """Whether the process runs one test and ends, without the web UI."""
    return bool(getattr(environment.parsed_options, "headless", False))


class BeforeRun:
    """One per process. Once a run `began`, nothing here has an effect. `quit_locust` is Locust's own quit."""

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner | LocalRunner,
        crew: Crew,
        quit_locust: Callable[[], None],
    ) -> None:
        self.began = False
        self._environment = environment
        self._runner = runner
        self._crew = crew
        self._quit_locust = quit_locust

    def enough_workers(self) -> bool:
        """Wait for as many workers as were asked for, none of them refused; False if they do not come."""
        if not self._waits:
            return True
        options: Any = self._environment.parsed_options
        return self._crew.await_enough(options.expect_workers, options.expect_workers_max_wait or None)

    def exit_if_too_few(self) -> None:
        """Exit as for a mistake of the user, where workers were waited for in vain.

        Locust would exit with 1, which means a failed criterion here.
        """
        if not self._waits:
            return
        options: Any = self._environment.parsed_options
        ready = len(self._crew.ready())
        if options.expect_workers_max_wait and ready < options.expect_workers:
            _say(
                f"no run began: {ready} of {options.expect_workers} workers "
                f"came within {options.expect_workers_max_wait} s; start them with --worker"
            )
            sys.exit(ExitCode.USAGE)

    def nothing_was_measured(self) -> bool:
        """Say so where a process exits without a run, and without another reason."""
        ends = is_headless(self._environment) and not self.began
        if ends and self._environment.process_exit_code is None:
            _say("no run began within the run time; nothing was measured")
            return True
        return False

    def leave_if_waiting(self) -> bool:
        """While it waits for workers, Locust would die of a Ctrl-C and leave those that came behind."""
        if self._waits:
            gevent.spawn(self._leave)
            return True
        return False

    @property
    def _waits(self) -> bool:
        master = isinstance(self._runner, MasterRunner)
        return master and not self.began and is_headless(self._environment)

    def _leave(self) -> None:
        _say("interrupted before a run began")
        self._quit_locust()
        dismiss_forked_workers()
        gevent.get_hub().handle_system_error(SystemExit, SystemExit(int(ExitCode.INTERRUPTED)))


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # who read it may be gone; the process must end all the same
        print(f"harness: {line}", file=sys.stderr, flush=True)
