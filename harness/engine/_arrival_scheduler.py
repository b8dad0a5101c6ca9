"""One per process and run: starts arrivals when they are due, whatever became of those before.

The scheduler runs inside the event loop's own callbacks. When the alarm rings it draws a user
class and a task for each arrival that is due and switches straight into a greenlet that performs
it. A greenlet that has finished waits for another arrival: to create one costs 3 to 10 µs, to
reuse one 1 µs. What it refuses to do: skip an arrival, or move one because others are slow.
"""

import itertools
import logging
import random
import time
import traceback
from bisect import bisect
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gevent
from gevent import GreenletExit, get_hub
from gevent.event import Event
from greenlet import greenlet  # type: ignore[import-untyped]  # it has no types
from locust.env import Environment
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from locust.runners import WorkerRunner

from harness.engine._alarm import Alarm
from harness.engine._arrival_counts import LATE_ARRIVAL_US, ArrivalCounts
from harness.engine._clock import now_us
from harness.engine._recorder import RunTicket
from harness.schedule import Arrivals, ArrivalStream, unit_arrivals

if TYPE_CHECKING:
    from harness.engine._arrivals import ArrivalUser

logger = logging.getLogger(__name__)

#: How long arrivals that are due are started in one go; then responses are read before the others.
SLICE_US = 2_000

#: Greenlets that are kept for further arrivals.
IDLE_GREENLETS = 1024

#: At the end of a run: how long `on_stop`, or a task that was told to give up, may take at least.
LAST_WORDS_S = 1.0

_ENDS_THE_ARRIVAL = (StopUser, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)

Task = Callable[[Any], Any]


class Sender:
    """The one instance of a user class that performs all its arrivals in this process."""

    __slots__ = ("cap", "in_flight", "tasks", "user")

    def __init__(self, user: "ArrivalUser") -> None:
        self.user = user
        self.tasks: Sequence[Any] = user.tasks
        self.cap = user.max_in_flight
        self.in_flight = 0


class ArrivalGreenlet(greenlet):
    """Performs one arrival at a time. `intended_us`: when it was due, until its first request takes it."""

    __slots__ = ("_scheduler", "intended_us", "job")

    def __init__(self, scheduler: "ArrivalScheduler") -> None:
        super().__init__(parent=get_hub())
        self._scheduler = scheduler
        self.intended_us = 0
        self.job: tuple[Sender, Task] | None = None

    def run(self) -> None:
        hub = get_hub()
        while self._scheduler.perform(self):
            while self.job is None:
                hub.switch()


class ArrivalScheduler:
    """Draws and starts the arrivals of all tokens of this process, from the first until `stop`."""

    def __init__(
        self, environment: Environment, classes: Sequence[type["ArrivalUser"]], ticket: RunTicket
    ) -> None:
        seed = f"{ticket.seed}/{ticket.worker}/{ticket.position}"
        self.ticket = ticket
        self.counts = ArrivalCounts()
        self.ended = Event()
        self._environment = environment
        self._classes = classes
        self._stream = ArrivalStream(
            unit_arrivals(
                Arrivals(classes[0].arrivals), seed, position=ticket.position, workers=ticket.workers
            )
        )
        self._draw = random.Random(f"{seed}/mix").random
        self._tokens: Counter[type[ArrivalUser]] = Counter()
        self._senders: list[Sender] = []
        self._shares: list[float] = []
        self._due: deque[float] = deque()
        self._in_flight: set[ArrivalGreenlet] = set()
        self._idle: list[ArrivalGreenlet] = []
        self._all_done = Event()
        self._stopped = False
        self._stopping_test = False
        self._finishing = False
        self._stopping: list[gevent.Greenlet] = []
        self._start_us: int | None = None
        self._alarm = Alarm(self._on_alarm)
        self._preparing = gevent.spawn(self._prepare)

    # --- tokens ----------------------------------------------------------------------------

    def add(self, user_class: type["ArrivalUser"]) -> None:
        """A token more: its arrivals per second are added to the rate from now on."""
        self._tokens[user_class] += 1
        self._set_rate()

    def remove(self, user_class: type["ArrivalUser"]) -> None:
        """A token less. What is in flight goes on."""
        self._tokens[user_class] -= 1
        self._set_rate()

    def _set_rate(self) -> None:
        if self._stopped or self._start_us is None:
            return
        rates = {cls: self._tokens[cls] * cls.arrivals_per_user for cls in self._classes}
        self._due.extend(self._stream.set_rate(sum(rates.values()), self._elapsed_s()))
        if self._stream.rate_per_s > 0:
            self._shares = self._shares_of(rates)
        self._set_alarm()

    def _shares_of(self, rates: Mapping[type["ArrivalUser"], float]) -> list[float]:
        """Each class's part of the rate, added up in order.

        The mix is drawn, not read off the tokens: five tokens at weights 5:3:2 would be 2:2:1.
        Only of a class with a fixed count, the tokens are what was asked for.
        """
        weighted = [cls for cls in self._classes if not cls.fixed_count]
        rate = sum(rates[cls] for cls in weighted)
        worth = sum(cls.weight * cls.arrivals_per_user for cls in weighted)
        return list(
            itertools.accumulate(
                rates[cls] if cls.fixed_count else rate * cls.weight * cls.arrivals_per_user / worth
                for cls in self._classes
            )
        )

    # --- the beginning ---------------------------------------------------------------------

    def _prepare(self) -> None:
        """Make the senders and let each start; the schedule begins when all are ready to send."""
        try:
            self._senders = [Sender(cls(self._environment)) for cls in self._classes]
            for sender in self._senders:
                if not sender.tasks:
                    raise StopTest(f"{type(sender.user).__name__} has no tasks: see --tags")
        except Exception as error:
            if not isinstance(error, StopTest):
                traceback.print_exc()
            self._stop_test(error)
            return
        starting = [gevent.spawn(self._start, sender) for sender in self._senders]
        try:
            gevent.joinall(starting)
        finally:
            gevent.killall(starting)
        if all(greenlet.value for greenlet in starting):
            self._start_us = now_us()
            self._set_rate()

    def _start(self, sender: Sender) -> bool:
        try:
            sender.user.on_start()
        except Exception as error:
            self._report(sender, error)
            name = type(sender.user).__name__
            self._stop_test(StopTest(f"{name}.on_start failed, and without it no arrival can be sent"))
            return False
        return True

    # --- while it runs: everything here is called in the hub, and never blocks ----------------

    def _elapsed_s(self) -> float:
        return (now_us() - (self._start_us or 0)) / 1e6

    def _set_alarm(self) -> None:
        if self._due:
            self._alarm.set(0)
        elif self._stream.rate_per_s > 0:
            self._alarm.set(int((self._stream.next_s - self._elapsed_s()) * 1e6) + 1)
        else:
            self._alarm.cancel()

    def _on_alarm(self) -> None:
        try:
            self._start_due()
            self._set_alarm()
        except Exception:  # the hub would print it, and the load would just end
            traceback.print_exc()
            self._stop_test(StopTest("this is a bug in the harness; the test is stopped"))

    def _start_due(self) -> None:
        """Start what is due, for a slice of time; the alarm is set again for what is left."""
        if not self._stopped:
            self._due.extend(self._stream.until(self._elapsed_s()))
        start_us = self._start_us or 0
        slice_end_us = now_us() + SLICE_US
        while self._due:
            at_us = now_us()
            if at_us > slice_end_us:
                return
            self._arrive(start_us + int(self._due.popleft() * 1e6), at_us)
        self._note_whether_done()

    def _arrive(self, intended_us: int, at_us: int) -> None:
        counts = self.counts
        counts.due += 1
        draw = self._draw()
        shares = self._shares
        place = bisect(shares, draw * shares[-1]) if len(shares) > 1 else 0
        sender = self._senders[min(place, len(shares) - 1)]
        task = sender.tasks[int(self._draw() * len(sender.tasks))]
        if sender.in_flight >= sender.cap:
            counts.dropped += 1
            return
        delay_us = at_us - intended_us
        counts.worst_delay_us = max(counts.worst_delay_us, delay_us)
        if delay_us > LATE_ARRIVAL_US:
            counts.late += 1
        performer = self._performer()
        performer.intended_us = intended_us
        performer.job = (sender, task)
        sender.in_flight += 1
        self._in_flight.add(performer)
        performer.switch()

    def _performer(self) -> ArrivalGreenlet:
        while self._idle:
            performer = self._idle.pop()
            if not performer.dead:
                performer.gr_context = None  # context variables of the last arrival are not this one's
                return performer
        return ArrivalGreenlet(self)

    # --- in an arrival's own greenlet --------------------------------------------------------

    def perform(self, performer: ArrivalGreenlet) -> bool:
        """Run the task. True if the greenlet is to wait for another arrival.

        Nothing may escape but GreenletExit: it would land in the hub.
        """
        assert performer.job is not None, "set before the switch"  # noqa: S101
        sender, task = performer.job
        try:
            task(sender.user)
        except GreenletExit:
            raise
        except _ENDS_THE_ARRIVAL:
            pass
        except StopTest as error:
            self._stop_test(error)
        except (SystemExit, KeyboardInterrupt) as error:
            get_hub().handle_system_error(type(error), error, error.__traceback__)
        except BaseException as error:
            self._report(sender, error)
        finally:
            performer.job = None
            sender.in_flight -= 1
            self._in_flight.discard(performer)
            if self._stopped:
                self._note_whether_done()
        if self._stopped or len(self._idle) >= IDLE_GREENLETS:
            return False
        self._idle.append(performer)
        return True

    def _report(self, sender: Sender, error: BaseException) -> None:
        """As Locust does with what a task raises."""
        if isinstance(error, StopUser | StopTest):
            logger.error("%s", error)
            return
        self._environment.events.user_error.fire(
            user_instance=sender.user, exception=error, tb=error.__traceback__
        )
        logger.error("%s\n%s", error, "".join(traceback.format_exception(error)))

    def _stop_test(self, error: Exception) -> None:
        """Locust's own answer to a StopTest; a worker that cannot go on leaves its master."""
        if self._stopping_test:
            return
        self._stopping_test = True
        logger.error("%s", error)
        logger.warning("Stopping Locust...")
        runner: Any = self._environment.runner
        headless = getattr(self._environment.parsed_options, "headless", False)
        leave = headless or isinstance(runner, WorkerRunner)
        gevent.spawn(runner.quit if leave else runner.stop)

    # --- the end ---------------------------------------------------------------------------

    def stop(self) -> None:
        """No further arrivals; those that were due before this moment are still started."""
        if self._stopped:
            return
        if self._start_us is not None:
            self._due.extend(self._stream.set_rate(0.0, self._elapsed_s()))
            self._set_alarm()
        self._stopped = True
        self._note_whether_done()

    def finish(self, deadline_s: float) -> None:
        """Wait for what is in flight, abandon the rest at the deadline, and let the senders stop."""
        self.stop()
        if self._finishing:
            self.ended.wait()
            return
        self._finishing = True
        deadline = time.monotonic() + deadline_s
        self._preparing.kill()
        self._all_done.wait(deadline_s)
        self.abandon()
        self._all_done.wait(LAST_WORDS_S)
        self._alarm.close()
        if self._start_us is not None:
            self._stopping = [gevent.spawn(self._let_stop, sender) for sender in self._senders]
            gevent.joinall(self._stopping, timeout=max(deadline - time.monotonic(), LAST_WORDS_S))
            gevent.killall(self._stopping)
        self._idle.clear()
        self.ended.set()

    def abandon(self) -> None:
        """Wait no longer: drop what was not started, and end what is in flight with GreenletExit."""
        self.counts.due += len(self._due)
        self.counts.dropped += len(self._due)
        self._due.clear()
        loop = get_hub().loop
        for performer in list(self._in_flight):
            loop.run_callback(performer.throw, GreenletExit)
        gevent.killall(self._stopping, block=False)
        self._note_whether_done()

    def _note_whether_done(self) -> None:
        if self._stopped and not self._due and not self._in_flight:
            self._all_done.set()

    def _let_stop(self, sender: Sender) -> None:
        try:
            sender.user.on_stop()
        except Exception as error:
            self._report(sender, error)
        finally:
            sender.user.client.close()
