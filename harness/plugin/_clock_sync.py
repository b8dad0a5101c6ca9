"""The workers' clocks against the master's, measured again and again while a run lasts.

One exchange: the master sends its time, the worker adds its own, the master notes when the answer
came. If both ways took equally long, the worker's clock is ahead by `worker - (sent + received) / 2`;
whatever the ways took, the truth lies within half the round trip of that. Of each burst of
exchanges the quickest counts (as in NTP's clock filter, RFC 5905, section 10).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from locust.runners import MasterRunner, WorkerRunner

from harness.engine import now_us

CLOCK = "harness_clock"

#: Exchanges of one burst.
BURST = 5

#: From the start of one burst to the start of the next.
BETWEEN_BURSTS_US = 10_000_000

#: How far two clocks may run apart, 100 µs per second: what the last measurement says grows old.
DRIFT_PER_US = 1e-4


@dataclass(slots=True, frozen=True)
class Measured:
    """A worker's clock is ahead of the master's by `offset_us`, give or take `uncertainty_us`."""

    offset_us: int
    uncertainty_us: int
    at_us: int


class WorkerClock:
    """What is known of one worker's clock, and the offset by which its rows are moved.

    `measured` is the latest burst's best exchange. `applied_us` follows it in steps that are never
    larger than what is uncertain, and only where the two contradict each other: as long as no
    difference can be shown, as on one machine, it is 0.
    """

    def __init__(self) -> None:
        self.measured: Measured | None = None
        self.applied_us = 0
        self._burst: list[Measured] = []
        self._bursts = 0
        self._begun_us = 0

    def begin_burst(self, at_us: int) -> None:
        """A new burst; one that is still under way ends with what it has."""
        if self._burst:
            self._end_burst()
        self._begun_us = at_us

    def is_due(self, at_us: int) -> bool:
        """Whether it is time for another burst."""
        return at_us - self._begun_us >= BETWEEN_BURSTS_US

    def note(self, sent_us: int, worker_us: int, received_us: int) -> bool:
        """Take in an exchange; whether the burst goes on with another."""
        offset_us = worker_us - (sent_us + received_us) // 2
        self._burst.append(Measured(offset_us, max(received_us - sent_us + 1, 0) // 2, received_us))
        if not self._bursts:  # nothing was moved by the first ones yet, or not for long
            self._begin_with(_quickest(self._burst))
        if len(self._burst) < BURST:
            return True
        self._end_burst()
        return False

    def _begin_with(self, best: Measured) -> None:
        self.measured = best
        self.applied_us = 0 if abs(best.offset_us) <= best.uncertainty_us else best.offset_us

    def _end_burst(self) -> None:
        best = _quickest(self._burst)
        self._burst = []
        self._bursts += 1
        if self._bursts > 1 and self.measured is not None:
            self._follow(best, age_us=best.at_us - self.measured.at_us)

    def _follow(self, best: Measured, age_us: int) -> None:
        self.measured = best
        beyond_us = best.offset_us - self.applied_us
        if abs(beyond_us) > best.uncertainty_us:
            step_us = best.uncertainty_us + round(age_us * DRIFT_PER_US)
            self.applied_us += max(-step_us, min(step_us, beyond_us))


def _quickest(exchanges: list[Measured]) -> Measured:
    return min(exchanges, key=lambda measured: measured.uncertainty_us)


class ClockSync:
    """The master's half. `clock_of` gives the clock of a worker that takes part in a run."""

    def __init__(self, runner: MasterRunner, clock_of: Callable[[str], WorkerClock | None]) -> None:
        self._runner = runner
        self._clock_of = clock_of
        runner.register_message(CLOCK, self._on_answer)

    def begin(self, client_id: str) -> None:
        """Start a burst with one worker."""
        clock = self._clock_of(client_id)
        if clock is not None:
            clock.begin_burst(now_us())
            self._ask(client_id)

    def begin_if_due(self, client_id: str) -> None:
        clock = self._clock_of(client_id)
        if clock is not None and clock.is_due(now_us()):
            self.begin(client_id)

    def _ask(self, client_id: str) -> None:
        self._runner.send_message(CLOCK, {"sent_us": now_us()}, client_id)

    def _on_answer(self, msg: Any, **_: Any) -> None:
        received_us = now_us()
        clock = self._clock_of(msg.node_id)
        if clock is not None and clock.note(msg.data["sent_us"], msg.data["worker_us"], received_us):
            self._ask(msg.node_id)


def answer_clock(runner: WorkerRunner) -> None:
    """The worker's half: whoever asks for the time gets it at once."""

    def on_question(msg: Any, **_: Any) -> None:
        runner.send_message(CLOCK, {"sent_us": msg.data["sent_us"], "worker_us": now_us()})

    runner.register_message(CLOCK, on_question)
