"""The master's workers: who is there, who may take part, and what each is told.

On a local runner the crew is empty: the process is its own generator.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_MISSING, LocalRunner, MasterRunner, WorkerRunner

from harness.engine import abandon_arrivals, recorder
from harness.plugin._build import build_of
from harness.plugin._clock_sync import ClockSync, WorkerClock
from harness.plugin._generator import BEGIN, DRAIN, HELLO, REFUSED, REJOIN
from harness.plugin._intake import Intake, WorkerState
from harness.plugin._run import ActiveRun

logger = logging.getLogger(__name__)

HURRY = "harness_hurry"

#: How long a test that begins waits for workers that have just arrived to say what they are.
HELLO_S = 5.0


class Crew:
    """Workers by Locust's client id. A worker of another build is refused and never counted."""

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner | LocalRunner,
        on_joined: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._runner = runner
        self._on_joined = on_joined
        self._accepted: set[str] = set()
        self._refused: set[str] = set()
        self._came: set[str] = set()
        self._called_back: set[str] = set()
        self._heard_s: dict[str, float] = {}
        self._intake: Intake | None = None
        if isinstance(runner, MasterRunner):
            self._clocks = ClockSync(runner, self._clock_of)
            self._came |= set(runner.clients)  # before this was there to see them come
            build_of(environment)  # now, while the files are those that were imported
            runner.register_message(HELLO, self._on_hello)
            self._handle = runner.handle_message
            runner.handle_message = self._on_message  # type: ignore[method-assign]

    def live(self) -> list[str]:
        """Workers whose heartbeat has not stopped."""
        return [client.id for client in self._clients()]

    def ready(self) -> set[str]:
        """Workers that can take part in a test that starts now."""
        return {client.id for client in self._clients() if client.state == STATE_INIT}

    def send_ticket(self, client_id: str, position: int, run: ActiveRun, seed: int) -> None:
        """Tell a worker of the run that begins, or that it joins."""
        runner = self._runner
        assert isinstance(runner, MasterRunner), "only a master has workers"  # noqa: S101
        index = runner.get_worker_index(client_id)
        self._intake = run.intake
        run.intake.expect(client_id, index)
        self._clocks.begin(client_id)  # first: its clock is known before its first rows come
        ticket = {
            "token": run.token,
            "seed": seed,
            "worker": index,
            "position": position,
            "workers": max(len(self.live()), position + 1),
            "counted": run.counted,
            "traced": run.traced,
        }
        runner.send_message(BEGIN, ticket, client_id)

    def sync_clocks(self, run: ActiveRun) -> None:
        """Measure the workers' clocks again, where it is time to."""
        for worker in awaited(run):
            self._clocks.begin_if_due(worker.id)

    def tell_to_drain(self, run: ActiveRun, deadline_s: float) -> None:
        self._runner.send_message(DRAIN, {"token": run.token, "deadline_s": deadline_s})

    def tell_to_hurry(self, run: ActiveRun) -> None:
        """After `tell_to_drain`: give up what is in flight, and say the last word now."""
        self._runner.send_message(HURRY, {"token": run.token})

    def note_lost(self, run: ActiveRun) -> None:
        """A worker whose heartbeat stops has taken its share of the load and its last rows with it.

        Unless it comes back, as after a pause or a cut of the network: then they come too.
        """
        live = set(self.live())
        for worker in run.intake.workers.values():
            if worker.finished or worker.lost != (worker.id in live):
                continue
            if worker.lost:
                worker.note_back()
                logger.warning(
                    "Worker %s (index %d) is back after %.0f s", worker.id, worker.index, worker.away_s
                )
            else:
                self._note_lost(worker)

    def note_left(self, run: ActiveRun) -> None:
        """While last words are awaited: a worker that has left. One that is only not heard may come back."""
        runner = self._runner
        assert isinstance(runner, MasterRunner), "only a master has workers"  # noqa: S101
        for worker in awaited(run):
            if worker.id not in runner.clients:
                self._note_lost(worker)

    def _note_lost(self, worker: WorkerState) -> None:
        worker.note_lost(self._heard_s.get(worker.id, time.monotonic()))
        logger.warning("Worker %s (index %d) is lost", worker.id, worker.index)

    def await_hellos(self, timeout_s: float) -> list[str]:
        """Workers that may take part in the run that begins; a worker's hello follows its arrival."""
        with gevent.Timeout(timeout_s, False):
            while not self._accepted >= set(self.live()):
                gevent.sleep(0.02)
        for client_id in self.live():
            if client_id not in self._accepted:
                logger.warning(
                    "Worker %s does not run this harness: what it sends is not recorded", client_id
                )
        return [client_id for client_id in self.live() if client_id in self._accepted]

    def await_enough(self, wanted: int, timeout_s: float | None) -> bool:
        """Whether as many workers as wanted may take part, once each has said what it is.

        Locust begins as soon as so many have connected, a worker that is refused a moment later
        among them. One that says nothing for as long as `HELLO_S` is a stock worker, and counts.
        """
        since = time.monotonic()
        with gevent.Timeout(timeout_s, False):
            while True:
                live = set(self.live())
                if len(live & self._accepted) >= wanted:
                    return True
                if len(live) >= wanted and time.monotonic() - since > HELLO_S:
                    return True
                gevent.sleep(0.02)
        return False

    def await_ready(self, workers: list[str], timeout_s: float) -> None:
        """Return when the workers that stopped can take part in the next test; at once without any.

        Locust calls a test stopped a moment before its workers are back, and a test started in
        that moment would run nothing.
        """
        with gevent.Timeout(timeout_s, False):
            while not self.ready() >= set(workers):
                gevent.sleep(0.05)

    def _clock_of(self, client_id: str) -> WorkerClock | None:
        worker = self._intake.workers.get(client_id) if self._intake else None
        return worker.clock if worker else None

    def _clients(self) -> list[Any]:
        if not isinstance(self._runner, MasterRunner):
            return []
        return [
            client
            for client in self._runner.clients.all
            if client.state != STATE_MISSING and client.id not in self._refused
        ]

    def _on_message(self, client_id: str, msg: Any) -> None:
        """Locust's own handler, but for a worker of a master that was here before and is gone.

        It never came to this one, which would not answer it and yet add up what it reports.
        """
        if msg.type == "client_ready":
            self._came.add(client_id)
        elif msg.type in ("heartbeat", "stats"):
            if client_id not in self._came:
                self._call_back(client_id)
                return
            self._heard_s[client_id] = time.monotonic()
        self._handle(client_id, msg)

    def _call_back(self, client_id: str) -> None:
        if client_id not in self._called_back:
            self._called_back.add(client_id)
            logger.warning("Worker %s is from a master that is gone: it is to join this one", client_id)
            self._runner.send_message(REJOIN, None, client_id)

    def _on_hello(self, msg: Any, **_: Any) -> None:
        """Take in a worker of the same build; another would measure something else."""
        differing = [
            f"{key} {msg.data.get(key)} instead of {value}"
            for key, value in build_of(self._environment).items()
            if msg.data.get(key) != value
        ]
        if not differing:
            self._accepted.add(msg.node_id)
            self._on_joined(msg.node_id)
        else:
            reason = f"worker {msg.node_id} is refused by its master: {', '.join(differing)}"
            logger.error("%s", reason)
            self._refused.add(msg.node_id)
            self._runner.send_message(REFUSED, {"reason": f"{reason}; install the same on both"}, msg.node_id)


def hurry_when_told(runner: WorkerRunner) -> None:
    """The worker's half of `tell_to_hurry`: without its users, a drain has nothing left to wait for."""

    def on_hurry(msg: Any, **_: Any) -> None:
        if msg.data["token"] == recorder.ticket.token:
            runner.user_greenlets.kill(block=False)
            abandon_arrivals()

    # Concurrent, as the drain is, so that it comes after a drain that arrived a moment before.
    runner.register_message(HURRY, on_hurry, concurrent=True)


def awaited(run: ActiveRun) -> list[WorkerState]:
    """Generators of a run that have not said their last word and are not lost."""
    return [worker for worker in run.intake.workers.values() if not worker.finished and not worker.lost]
