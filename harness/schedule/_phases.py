"""What really happened, as phases: ramps apart from holds, and the drain at the end.

A schedule is a plan; a phase is a stretch of the run as it was observed. `PhaseTracker` turns
the three things a runner tells (a new target, target reached, stopping) into phases.
"""

import dataclasses
import enum
from dataclasses import dataclass


class PhaseKind(enum.StrEnum):
    """Only holds are measured."""

    RAMP = "ramp"
    HOLD = "hold"
    DRAIN = "drain"


@dataclass(slots=True, frozen=True)
class Phase:
    """One stretch, half open: start_us <= t < end_us. `end_us` is None while it lasts.

    `arrivals_per_s` is the rate that the users of a hold stand for in an open loop; else None.
    """

    name: str
    kind: PhaseKind
    users: int
    start_us: int
    end_us: int | None = None
    arrivals_per_s: float | None = None


class PhaseTracker:
    """Keeps the phases of one run. Times in microseconds are passed in, never read here.

    Phases never overlap and leave no gap: each begins where the one before ended. Names are
    unique within the run: `20-users`, then `20-users-2` when the level comes again. A shape may give
    its steps names of its own.
    """

    def __init__(self) -> None:
        self._closed: list[Phase] = []
        self._open: Phase | None = None
        self._taken: dict[str, int] = {}
        self._step: str | None = None

    @property
    def current(self) -> Phase | None:
        return self._open

    def phases(self, now_us: int) -> tuple[Phase, ...]:
        """All phases so far; the one that still lasts ends at `now_us`."""
        if self._open is None:
            return tuple(self._closed)
        return (*self._closed, _closed_at(self._open, now_us))

    def ramp(self, users: int, at_us: int, step: str | None = None) -> None:
        """A new target was given; `step` is what the shape calls the hold that will follow."""
        self._step = step
        self._enter(f"ramp-to-{step or users}", PhaseKind.RAMP, users, at_us)

    def hold(self, users: int, at_us: int, arrivals_per_s: float | None = None) -> None:
        """The target was reached. Without a ramp before it (nothing to reach) it is ignored.

        So it is without users: a pause between two steps measures nothing.
        """
        if users and self._open is not None and self._open.kind is PhaseKind.RAMP:
            self._enter(self._step or f"{users}-users", PhaseKind.HOLD, users, at_us, arrivals_per_s)

    def drain(self, at_us: int) -> None:
        """No new work from now on; what is in flight may end."""
        if self._open is not None and self._open.kind is not PhaseKind.DRAIN:
            self._enter("drain", PhaseKind.DRAIN, 0, at_us)

    def end(self, at_us: int) -> None:
        """The run is over."""
        if self._open is not None:
            self._closed.append(_closed_at(self._open, at_us))
            self._open = None

    def _enter(
        self, name: str, kind: PhaseKind, users: int, at_us: int, arrivals_per_s: float | None = None
    ) -> None:
        self.end(at_us)
        self._taken[name] = self._taken.get(name, 0) + 1
        count = self._taken[name]
        name = name if count == 1 else f"{name}-{count}"
        self._open = Phase(name, kind, users, at_us, arrivals_per_s=arrivals_per_s)


def _closed_at(phase: Phase, end_us: int) -> Phase:
    return dataclasses.replace(phase, end_us=max(end_us, phase.start_us))
