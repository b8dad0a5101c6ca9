"""Open-loop load inside Locust: users are tokens, and arrivals do not wait for one another.

    class CaseArrival(ArrivalUser):
        arrivals_per_user = 5  # 20 users are 100 arrivals per second

        @task
        def open_case(self):
            self.client.post("/api/cases", json=..., name="/api/cases", check=check_answer)

Locust spawns and stops tokens as it does with any user, so that every shape drives a rate.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.user.task import LOCUST_STATE_WAITING

from harness.engine._arrival_counts import ArrivalCounts
from harness.engine._arrival_scheduler import ArrivalScheduler
from harness.engine._user import ServiceUser, recorder
from harness.errors import UserError
from harness.schedule import Arrivals

_scheduler: ArrivalScheduler | None = None


class ArrivalUser(ServiceUser):
    """A token worth `arrivals_per_user` arrivals per second; see docs/open-loop.md.

    Each arrival runs one task, drawn by the weights of classes and of tasks, in a greenlet of its
    own. `wait_time` is ignored: the schedule alone says when the next arrival is due. `self` in
    every task is one and the same instance per process, so an arrival's own data belongs in local
    variables. `on_start` runs once per process before its first arrival, `on_stop` once after its
    last. `StopUser`, `RescheduleTask` and `self.interrupt()` end the arrival, `StopTest` the test.

    Attributes to set in a class of your own, beside a `ServiceUser`'s:

    - `arrivals_per_user`: from 0.001 to 1000 arrivals per second.
    - `arrivals`: "poisson" (independent of each other, as those of many strangers are) or
      "constant" (evenly spaced); the same for all such classes of a test.
    - `max_in_flight`: arrivals of the class in flight at once on one worker; one that would be
      beyond it is dropped, and counted.
    """

    abstract = True
    counts_tasks = False
    arrivals_per_user: float = 1.0
    arrivals: Literal["poisson", "constant"] = "poisson"
    max_in_flight: int = 10_000

    def run(self) -> None:  # type: ignore[misc]  # final in Locust; a token has no tasks to loop over
        """Hold the token until Locust stops it, which takes effect at once."""
        self._state = LOCUST_STATE_WAITING  # Locust kills a user that waits; it never lets one end
        scheduler = _scheduler_of(self.environment)
        scheduler.add(type(self))
        try:
            Event().wait()
        except gevent.GreenletExit:
            return
        finally:
            scheduler.remove(type(self))

    def wait(self) -> None:
        """Within a task: sleep for what `wait_time` says."""
        gevent.sleep(self.wait_time())


def check_arrival_users(user_classes: Iterable[type[object]]) -> None:
    """Raise UserError, of one line, for an ArrivalUser that cannot be run as it is declared."""
    kinds: dict[str, str] = {}
    for cls in user_classes:
        if issubclass(cls, ArrivalUser):
            _check(cls)
            kinds.setdefault(cls.arrivals, cls.__name__)
    if len(kinds) > 1:
        named = " and ".join(f"{name}.arrivals {kind!r}" for kind, name in kinds.items())
        raise UserError(f"{named}: all ArrivalUser classes of a test must have the same arrivals")


def planned_arrivals_per_s(
    user_classes: Iterable[type[object]], users_by_class: Mapping[str, int]
) -> float | None:
    """What these users ask for together, in arrivals per second; None where none is an ArrivalUser."""
    rates = [
        users_by_class.get(cls.__name__, 0) * cls.arrivals_per_user
        for cls in user_classes
        if issubclass(cls, ArrivalUser)
    ]
    return float(sum(rates)) if rates else None


def current_counts() -> ArrivalCounts | None:
    """The counts of this process in the present run; None where no ArrivalUser has run in it."""
    if _scheduler is None or _scheduler.ticket is not recorder.ticket:
        return None
    return _scheduler.counts


def stop_arrivals() -> None:
    """Start no further arrivals; at once, without waiting for those in flight."""
    if _scheduler is not None:
        _scheduler.stop()


def finish_arrivals(deadline_s: float) -> None:
    """Wait for the arrivals in flight, for at most `deadline_s` seconds; then end them."""
    if _scheduler is not None:
        _scheduler.finish(deadline_s)


def abandon_arrivals() -> None:
    """End the arrivals in flight now."""
    if _scheduler is not None:
        _scheduler.abandon()


def _check(cls: type[ArrivalUser]) -> None:
    name, rate, cap = cls.__name__, cls.arrivals_per_user, cls.max_in_flight
    if not (_is_number(rate) and 0.001 <= rate <= 1000):
        raise UserError(f"{name}.arrivals_per_user must be from 0.001 to 1000 per second, not {rate!r}")
    if cls.arrivals not in set(Arrivals):
        raise UserError(f"{name}.arrivals must be 'poisson' or 'constant', not {cls.arrivals!r}")
    if not isinstance(cap, int) or isinstance(cap, bool) or cap < 1:
        raise UserError(f"{name}.max_in_flight must be a whole number of at least 1, not {cap!r}")
    for task in cls.tasks:
        if inspect.isclass(task):
            raise UserError(
                f"{name}: {task.__name__} is a TaskSet, and an arrival runs one task: "
                "make it a method with @task that sends the requests in turn"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scheduler_of(environment: Environment) -> ArrivalScheduler:
    """The scheduler of the run that lasts; the first token of a run makes it."""
    global _scheduler  # noqa: PLW0603 - one Locust process has one environment, and so one scheduler
    if _scheduler is None or _scheduler.ticket is not recorder.ticket or _scheduler.ended.is_set():
        classes = _chosen(environment)
        check_arrival_users(classes)
        environment.events.test_stop.add_listener(_on_test_stop)
        _scheduler = ArrivalScheduler(environment, classes, recorder.ticket)
    return _scheduler


def _chosen(environment: Environment) -> list[type[ArrivalUser]]:
    """The ArrivalUser classes of this test, by name.

    A worker keeps all its classes when the web UI's picker has chosen some; the master's message
    names those that were.
    """
    runner: Any = environment.runner
    names = runner.target_user_classes_count if isinstance(runner, WorkerRunner) else None
    classes = [
        cls
        for cls in environment.user_classes
        if issubclass(cls, ArrivalUser) and (names is None or cls.__name__ in names)
    ]
    return sorted(classes, key=lambda cls: cls.__name__)


def _on_test_stop(environment: Environment, **_: Any) -> None:
    """Without the plugin's drain, arrivals in flight have as long as Locust gives its users."""
    environment.events.test_stop.remove_listener(_on_test_stop)
    finish_arrivals(environment.stop_timeout)
