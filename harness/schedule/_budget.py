"""A fixed number of tasks, dealt to several load generators so that all of them end at about the same time.

Each generator asks for more before it has used up what it has. It is given half of its share of
what is left: large pieces at first, single tasks at the end (guided self-scheduling, Polychronopoulos
and Kuck 1987). So a slow generator takes less, and none is left with a pile when the others are done.
"""

import math
from typing import Protocol


class Quota(Protocol):
    """Set as `environment.quota` where a run is coordinated: how many tasks the users may begin."""

    def open(self, tasks: int, users: int) -> None:
        """Let `tasks` more be begun, once `users` users are there."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """True as soon as all tasks of the level have ended, False after `timeout_s` without that."""
        ...

    @property
    def ended(self) -> int:
        """Tasks of the level that have ended, as far as their generators have told."""
        ...


class Budget:
    """What is left of the tasks, and what each generator was given and has not ended yet.

    >>> budget = Budget()
    >>> budget.open(10)
    >>> budget.grant("a", 0.5), budget.grant("b", 0.5), budget.left
    (3, 2, 5)
    >>> budget.note("a", ended=3, returned=0)
    >>> budget.under_way, budget.complete
    (2, False)
    """

    def __init__(self) -> None:
        self.left = 0
        self.lost = 0
        self._given: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._returned: dict[str, int] = {}

    @property
    def under_way(self) -> int:
        """Tasks that were given and have neither ended nor come back."""
        return sum(self._outstanding(generator) for generator in self._given)

    @property
    def complete(self) -> bool:
        """Nothing is left and nothing is under way."""
        return self.left == 0 and self.under_way == 0

    def open(self, tasks: int) -> None:
        """Add tasks to what is left."""
        self.left += tasks

    def grant(self, generator: str, share: float) -> int:
        """Give a generator half of its share of what is left; 0 when nothing is left.

        `share` is its part of all users, above 0 and at most 1.
        """
        tasks = min(self.left, math.ceil(self.left * share / 2))
        self.left -= tasks
        self._given[generator] = self._given.get(generator, 0) + tasks
        return tasks

    def note(self, generator: str, ended: int, returned: int) -> None:
        """What a generator has ended, and what it gave back because its users left; both since it began."""
        self._ended[generator] = ended
        self.left += returned - self._returned.get(generator, 0)
        self._returned[generator] = returned

    def forget(self, generator: str) -> None:
        """A generator is lost: nobody knows what has become of what it had."""
        self.lost += self._outstanding(generator)
        for record in (self._given, self._ended, self._returned):
            record.pop(generator, None)

    def _outstanding(self, generator: str) -> int:
        done = self._ended.get(generator, 0) + self._returned.get(generator, 0)
        return self._given.get(generator, 0) - done
