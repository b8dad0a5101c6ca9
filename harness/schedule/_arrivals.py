"""When arrivals are due: a stream of unit rate, stretched by a rate that may change at any time.

Think of a point process with one arrival per unit on average, and of the load as the speed at
which one travels along it: the integral of the rate is the way gone so far, and an arrival is due
where the way reaches its place.

    units  3 |.............................X
           2 |................X           /
           1 |........X     /  (rate doubled here)
             |_____/________________________ time

A Poisson process stretched so is a Poisson process of that (varying) rate (Cinlar 1975, section 4.7),
and a constant one stays evenly spaced. There is no clock in here: elapsed times are passed in.
"""

import enum
import itertools
import math
import random
from collections.abc import Iterator


class Arrivals(enum.StrEnum):
    """How arrivals are spread: independent of each other, or evenly."""

    POISSON = "poisson"
    CONSTANT = "constant"


def unit_arrivals(kind: Arrivals, seed: str, *, position: int = 0, workers: int = 1) -> Iterator[float]:
    """The places of the arrivals of one worker, in units, for ever. The same seed gives the same.

    Constant streams of several workers interleave: together, at equal rates, the workers at
    `position` 0 to `workers` - 1 give exactly the stream of a single worker at all their rates.
    Poisson streams of different seeds are independent; their sum is a Poisson stream.

    >>> list(itertools.islice(unit_arrivals(Arrivals.CONSTANT, "7", position=1, workers=4), 3))
    [0.5, 1.5, 2.5]
    """
    if not 0 <= position < workers:
        raise ValueError(f"position must be from 0 to {workers - 1}, not {position}")
    if kind is Arrivals.CONSTANT:
        return ((position + 1) / workers + whole for whole in itertools.count())
    draw = random.Random(seed)
    return itertools.accumulate(draw.expovariate(1.0) for _ in itertools.repeat(None))


class ArrivalStream:
    """Arrivals in elapsed time, in seconds. The rate is 0 until it is set.

    >>> stream = ArrivalStream(unit_arrivals(Arrivals.CONSTANT, "7"))
    >>> stream.set_rate(2.0, at_s=0.0)
    []
    >>> stream.set_rate(4.0, at_s=1.25)  # those that were due at the old rate
    [0.5, 1.0]
    >>> stream.until(2.0)  # half a unit was left at 1.25 s: an eighth of a second at the new rate
    [1.375, 1.625, 1.875]
    """

    def __init__(self, places: Iterator[float]) -> None:
        self._places = places
        self._next_place = next(places)
        self._since_s = 0.0
        self._gone = 0.0
        self._rate_per_s = 0.0

    @property
    def rate_per_s(self) -> float:
        return self._rate_per_s

    @property
    def next_s(self) -> float:
        """When the next arrival is due if the rate stays as it is; infinity at rate 0."""
        if self._rate_per_s == 0.0:
            return math.inf
        return self._since_s + (self._next_place - self._gone) / self._rate_per_s

    def until(self, at_s: float) -> list[float]:
        """Take the arrivals that are due by `at_s`, each with its own time. None is ever skipped."""
        due = []
        while (next_s := self.next_s) <= at_s:
            due.append(next_s)
            self._next_place = next(self._places)
        return due

    def set_rate(self, rate_per_s: float, at_s: float) -> list[float]:
        """Go on at another rate from `at_s`; takes what was due until then at the old one.

        Raises ValueError for a negative or infinite rate, and for a time before the last change.
        """
        if not (math.isfinite(rate_per_s) and rate_per_s >= 0):
            raise ValueError(f"the rate must be at least 0 arrivals per second, not {rate_per_s}")
        if at_s < self._since_s:
            raise ValueError(f"the rate was last set at {self._since_s} s, after {at_s} s")
        due = self.until(at_s)
        self._gone += (at_s - self._since_s) * self._rate_per_s
        self._since_s, self._rate_per_s = at_s, rate_per_s
        return due
