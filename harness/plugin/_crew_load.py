"""The load of a run that a master's workers generate: tickets, clocks, idle workers, last words."""

import logging
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import STATE_RUNNING, MasterRunner

from harness.plugin._crew import HELLO_S, Crew, awaited
from harness.plugin._generator import FINAL
from harness.plugin._run import ActiveRun

logger = logging.getLogger(__name__)

#: Beyond the drain deadline, how long the master waits for the workers' last word.
FINAL_GRACE_S = 5.0


class CrewLoad:
    """Begins, follows and drains as `OwnLoad` does. `active` tells which run a last word can be of."""

    mode = "distributed"

    def __init__(self, runner: MasterRunner, crew: Crew, active: Callable[[], ActiveRun | None]) -> None:
        self._runner = runner
        self._crew = crew
        self._active = active
        self._all_final = Event()
        self._hurry = False
        self._draining = False
        runner.register_message(FINAL, self._on_final)

    def reset(self) -> None:
        """A test begins: nobody is in a hurry yet."""
        self._hurry = self._draining = False
        self._all_final.clear()

    def hurry(self) -> None:
        """Give up what is in flight, in this drain or the next one."""
        self._hurry = True
        self._all_final.set()

    def begin(self, run: ActiveRun, seed: int) -> None:
        """Send each worker its ticket, once all have said what they are."""
        for position, client_id in enumerate(self._crew.await_hellos(HELLO_S)):
            self._crew.send_ticket(client_id, position, run, seed)

    def follow(self, run: ActiveRun) -> None:
        """Look after the workers once a second, until killed."""
        while True:
            gevent.sleep(1)
            if not self._draining:
                self._crew.note_lost(run)
            self._crew.sync_clocks(run)
            self._employ_idle(run)

    def drain(self, run: ActiveRun, deadline_s: float) -> None:
        """Let the users end what they are doing, until every worker has said its last word or the time is up.

        Who was lost before is not waited for; who is not heard from now on may be back in time.
        """
        self._draining = True
        self._crew.note_lost(run)
        if not awaited(run):
            return
        self._crew.tell_to_drain(run, deadline_s)
        self._await_finals(run, deadline_s + FINAL_GRACE_S, lambda: self._hurry)
        if awaited(run) and self._hurry:
            self._all_final.clear()
            self._crew.tell_to_hurry(run)
            self._await_finals(run, FINAL_GRACE_S, lambda: False)
        for worker in awaited(run):
            worker.lost = True
            logger.warning("Worker %s (index %d) did not end in time", worker.id, worker.index)

    def _employ_idle(self, run: ActiveRun) -> None:
        """Locust gives users to a worker that joins, unless it is still spreading them for another."""
        runner = self._runner
        if self._draining or runner.state != STATE_RUNNING:
            return
        idle = self._crew.ready() & run.intake.workers.keys()
        if idle and runner.spawning_completed and runner.target_user_count >= len(self._crew.live()):
            runner.start(runner.target_user_count, runner.spawn_rate)

    def _await_finals(self, run: ActiveRun, timeout_s: float, given_up: Callable[[], bool]) -> None:
        with gevent.Timeout(timeout_s, False):
            while awaited(run) and not given_up():
                self._all_final.wait(timeout=1)
                self._crew.note_left(run)

    def _on_final(self, msg: Any, **_: Any) -> None:
        run = self._active()
        if run is not None and msg.data["token"] == run.token:
            run.intake.finish(msg.node_id, msg.data["next_sequence"])
            if not awaited(run):
                self._all_final.set()
