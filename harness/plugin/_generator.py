"""The load-generating side of a run: a worker, or the local runner's own process.

It takes a ticket at the start, ships rows with Locust's reports, and drains when it is told to:
no new work, what is in flight may end until a deadline, the rest is marked incomplete.
"""

import gc
import logging
import os
import signal
import sys
import time
from typing import Any

import gevent
from gevent.event import Event
from locust import TaskSet, User, __version__, runners
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_INIT, LocalRunner, Runner, WorkerRunner

from harness.engine import (
    HealthMonitor,
    RunTicket,
    finish_arrivals,
    flush_stats,
    flush_stats_often,
    recorder,
    stop_arrivals,
)
from harness.errors import ExitCode
from harness.plugin._build import build_of
from harness.plugin._clock_sync import answer_clock
from harness.plugin._quota import QuotaSide

logger = logging.getLogger(__name__)

BEGIN, DRAIN, FINAL = "harness_begin", "harness_drain", "harness_final"
HELLO, REFUSED, REJOIN = "harness_hello", "harness_refused", "harness_rejoin"

#: How long a worker that got a Ctrl-C waits for its master to tell it to drain.
ORPHAN_GRACE_S = 5.0

#: How long a worker that is asked for users waits for the ticket of the run they belong to.
TICKET_S = 10.0

#: How long a worker goes on without a sign of its master: it is gone within the default drain
#: deadline plus 10 s, of which noticing and leaving take two.
MASTER_GONE_S = 38


def stop_users_between_tasks() -> None:
    """Make a user that is to stop end before its next task, never inside one.

    Locust kills a user that waits; one whose wait is just over may be sending by the time the kill
    reaches it, and that request would be lost although the service answers it.
    """
    stop, execute = User.stop, TaskSet.execute_next_task

    def stop_noted(self: User, force: bool = False) -> bool:
        self.leaving = True  # type: ignore[attr-defined]  # ours, see `ServiceTasks`
        return bool(stop(self, force))

    def execute_unless_leaving(self: TaskSet) -> None:
        if recorder.draining or getattr(self.user, "leaving", False):
            raise StopUser
        execute(self)

    User.stop = stop_noted  # type: ignore[method-assign]
    TaskSet.execute_next_task = execute_unless_leaving  # type: ignore[method-assign]


class Generator:
    """Begins, ships and drains on behalf of one process that runs users; one per process."""

    def __init__(self, environment: Environment, runner: LocalRunner | WorkerRunner) -> None:
        self.environment = environment
        self.runner = runner
        self._health: HealthMonitor | None = None
        self._flushing: gevent.Greenlet | None = None
        self._spawn_users = Runner.spawn_users.__get__(runner)
        self._begun = Event()
        self._quota = QuotaSide(runner)
        self._stop_users = runner.stop_users
        runner.spawn_users = self._spawn_unless_draining  # type: ignore[method-assign]
        runner.stop_users = self._stop_when_done  # type: ignore[method-assign]
        # What is loaded by now stays: a full collection over it stalls the load for 50 to 100 ms.
        gc.collect()
        gc.freeze()

    def begin(self, ticket: RunTicket) -> None:
        """Start to record for the run of this ticket."""
        recorder.begin(ticket)
        self._quota.begin(counted=ticket.counted)
        self._begun.set()
        if self._health is not None:
            self._health.stop()
        self._health = HealthMonitor(recorder, lambda: self.runner.user_count)
        if self._flushing is None:
            self._flushing = gevent.spawn(flush_stats_often)

    def drain(self, deadline_s: float) -> None:
        """Let the users end what they are doing, for at most `deadline_s` seconds."""
        deadline = time.monotonic() + deadline_s
        recorder.draining = True
        stop_arrivals()
        self._stop_when_done(self.runner.user_classes_count, deadline_s)
        finish_arrivals(max(deadline - time.monotonic(), 0))
        recorder.abandon_all()
        flush_stats()
        if self._health is not None:
            self._health.stop()
            self._health = None
        if self._flushing is not None:
            self._flushing.kill()
            self._flushing = None

    def _stop_when_done(
        self, user_classes_stop_count: dict[str, int], deadline_s: float | None = None
    ) -> None:
        """Stop users as Locust does with a stop timeout: in a ramp-down, too, requests are let end."""
        options: Any = self.environment.parsed_options
        # On a worker, a timeout that stayed set would make it sleep as long before the next test.
        before = self.environment.stop_timeout
        self.environment.stop_timeout = options.drain_deadline_s if deadline_s is None else deadline_s
        try:
            self._stop_users(user_classes_stop_count)
        finally:
            self.environment.stop_timeout = before

    def _spawn_unless_draining(self, user_classes_spawn_count: dict[str, int], wait: bool = False) -> Any:
        """A ramp that was under way must not add users to a run that is ending.

        Nor does a worker start users for a master that gave it no ticket: with a busy master port,
        forked workers end up at a stranger's master, and would load its service.
        """
        if recorder.draining:
            return []
        if not self._begun.wait(TICKET_S):
            logger.error("the master that asks for users is not one of this harness's: quitting")
            gevent.spawn(self.runner.quit)
            return []
        return self._spawn_users(user_classes_spawn_count, wait)


_attached = Event()


def spawn_only_once_attached() -> None:
    """Make workers wait with their first users until the plugin is in place.

    A worker that joins a test is asked for users the moment it connects, which is before Locust's
    `init`: those users would not be recorded.
    """

    def once_attached(self: WorkerRunner, *args: Any, **kwargs: Any) -> Any:
        _attached.wait()
        return self.spawn_users(*args, **kwargs)  # by now the instance's own, see Generator

    WorkerRunner.spawn_users = once_attached  # type: ignore[method-assign,assignment]  # as it is called


def leave_a_master_that_is_gone() -> None:
    """Make a worker on another machine leave after as long as any ending may take; Locust waits 60 s."""
    runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_GONE_S


class WorkerSide:
    """A worker's half of the protocol with its master."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self.environment = environment
        self.runner = runner
        self.generator = Generator(environment, runner)
        answer_clock(runner)
        runner.register_message(BEGIN, self._on_begin)
        runner.register_message(DRAIN, self._on_drain, concurrent=True)
        runner.register_message(REFUSED, self._on_refused)
        runner.register_message(REJOIN, self._on_rejoin)
        runner.send_message(HELLO, build_of(environment))
        environment.events.report_to_master.add_listener(self._on_report)
        self._interrupted = False
        signal.signal(signal.SIGINT, self._on_sigint)
        _attached.set()
        if getattr(environment.parsed_options, "processes", None):
            gevent.spawn(self._leave_with_parent, os.getppid())

    def _on_refused(self, msg: Any, **_: Any) -> None:
        """This worker would measure something else than its master: leave, and say why."""
        print(f"harness: {msg.data['reason']}", file=sys.stderr, flush=True)
        self.environment.process_exit_code = int(ExitCode.USAGE)
        gevent.spawn(self.runner.quit)

    def _on_rejoin(self, **_: Any) -> None:
        """Another master has taken the place of this worker's: its run is over, and nobody keeps its rows."""
        logger.warning("the master was started anew: this worker gives up its run, and joins again")
        if recorder.active:
            self.generator.drain(0)
            recorder.close()
        self.runner.stop()
        self.runner.stats.clear_all()  # or the next report would bring the old run's into the new one
        self.runner.worker_state = STATE_INIT
        self.runner.last_received_spawn_timestamp = 0  # was the other master's time
        self.runner.send_message("client_ready", __version__)  # type: ignore[arg-type]  # as Locust's own
        self.runner.send_message(HELLO, build_of(self.environment))

    def _on_begin(self, msg: Any, **_: Any) -> None:
        self.generator.begin(RunTicket(**msg.data))

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        if recorder.active:
            shipment = recorder.ship()
            data["harness"] = {name: getattr(shipment, name) for name in shipment.__slots__}

    def _on_drain(self, msg: Any, **_: Any) -> None:
        if msg.data["token"] != recorder.ticket.token or recorder.draining:
            return
        self.generator.drain(msg.data["deadline_s"])
        if msg.data["token"] != recorder.ticket.token or not recorder.active:
            return  # meanwhile it has joined another master
        # Locust's own last statistics and our last rows leave together, before the final word.
        data: dict[str, Any] = {}
        self.environment.events.report_to_master.fire(client_id=self.runner.client_id, data=data)
        self.runner.send_message("stats", data)
        self.runner.send_message(
            FINAL, {"token": recorder.ticket.token, "next_sequence": recorder.next_sequence}
        )
        recorder.close()

    def _leave_with_parent(self, parent: int) -> None:
        """A worker that `--processes` forked is of no use without the process that forked it."""
        while os.getppid() == parent:
            gevent.sleep(1)
        logger.error("the master process is gone: quitting")
        self.runner.quit()

    def _on_sigint(self, *_: Any) -> None:
        """Ctrl-C at a terminal reaches the workers too: the first one is the master's to answer."""
        if self._interrupted or not recorder.active:
            gevent.spawn(self.runner.quit)
            return
        self._interrupted = True
        gevent.spawn_later(ORPHAN_GRACE_S, self._quit_if_orphaned)

    def _quit_if_orphaned(self) -> None:
        if not recorder.draining:
            logger.warning("interrupted, and the master did not end the run: quitting")
            self.runner.quit()
