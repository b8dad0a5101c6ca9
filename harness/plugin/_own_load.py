"""The load of a run that its own process generates: a local runner, without master or workers."""

from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import LocalRunner

from harness.engine import RunTicket, abandon_arrivals, recorder
from harness.plugin._generator import Generator
from harness.plugin._run import ActiveRun

LOCAL = "local"


class OwnLoad:
    """Begins, follows and drains as `CrewLoad` does. `take` puts a generator's rows on disk."""

    mode = "local"

    def __init__(
        self,
        environment: Environment,
        runner: LocalRunner,
        take: Callable[[ActiveRun, str, dict[str, Any]], None],
    ) -> None:
        self._generator = Generator(environment, runner)
        self._runner = runner
        self._take = take
        self._hurry = False

    def reset(self) -> None:
        """A test begins: nobody is in a hurry yet."""
        self._hurry = False

    def hurry(self) -> None:
        """Give up what is in flight, in this drain or the next one."""
        self._hurry = True

    def begin(self, run: ActiveRun, seed: int) -> None:
        """Start to record."""
        run.intake.expect(LOCAL, 0)
        self._generator.begin(RunTicket(run.token, seed, counted=run.counted, traced=run.traced))

    def follow(self, run: ActiveRun) -> None:
        """Take the rows once a second, until killed."""
        while True:
            gevent.sleep(1)
            self._ship(run)

    def drain(self, run: ActiveRun, deadline_s: float) -> None:
        """Let the users end what they are doing, and take the last rows."""
        draining = gevent.spawn(self._generator.drain, deadline_s)
        while not draining.ready():
            if self._hurry:
                self._runner.user_greenlets.kill(block=False)
                abandon_arrivals()
            draining.join(timeout=0.2)
        self._ship(run)
        run.intake.finish(LOCAL, recorder.next_sequence)
        recorder.close()

    def _ship(self, run: ActiveRun) -> None:
        shipment = recorder.ship()
        self._take(run, LOCAL, {name: getattr(shipment, name) for name in shipment.__slots__})
