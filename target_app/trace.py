"""What one case did and when: spans, model calls, and the sums that the response reports.

A trace is created when the request arrives and closed once, just before the response is built, so that the
body's `timings` and the `Server-Timing` header are the same numbers.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from target_app.errors import CaseError
from target_app.provider import CallRecord

STAGES = ("triage", "specialists", "debate", "synthesis")


@dataclass(slots=True, frozen=True)
class Span:
    """One component's time; `start_ms` counts from the arrival of the request."""

    name: str
    start_ms: float
    duration_ms: float


@dataclass(slots=True, frozen=True)
class Timings:
    """Milliseconds per stage. The first five add up to `total_ms`, exactly at three decimals."""

    triage_ms: float
    specialists_ms: float
    debate_ms: float
    synthesis_ms: float
    overhead_ms: float
    total_ms: float


@dataclass(slots=True)
class CaseTrace:
    """The running record of one case."""

    clock: Callable[[], float] = time.perf_counter
    deadline_at: float = math.inf
    """The event loop's time by which the case has to be answered."""
    complexity: str = "unknown"
    """Triage's judgement, once it is known."""
    outcome: str = "internal"
    """`ok`, `degraded`, or the slug of the problem that ended the case."""
    spans: list[Span] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    _started_s: float = field(init=False)
    _timings: Timings | None = None

    def __post_init__(self) -> None:
        self._started_s = self.clock()

    def elapsed_ms(self) -> float:
        """Time since the request arrived."""
        return (self.clock() - self._started_s) * 1000

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Time a component, whether it ends well or not; a CaseError learns which stage it ended."""
        start_ms = self.elapsed_ms()
        try:
            yield
        except CaseError as error:
            error.stage = name if name in STAGES else error.stage
            raise
        finally:
            self.add(name, start_ms)

    def add(self, name: str, start_ms: float) -> None:
        """Note a component that began at `start_ms` and ends now."""
        self.spans.append(Span(name, round(start_ms, 3), round(self.elapsed_ms() - start_ms, 3)))

    def duration_ms(self, name: str) -> float:
        """Time of a component, 0 when it did not run."""
        return sum(span.duration_ms for span in self.spans if span.name == name)

    def close(self) -> Timings:
        """Fix the total; later calls return the same timings."""
        if self._timings is None:
            triage, specialists, debate, synthesis = (round(self.duration_ms(name), 3) for name in STAGES)
            inside_ms = triage + specialists + debate + synthesis
            # Rounded parts may exceed a rounded total by some microseconds; the total follows the parts.
            total_ms = round(max(self.elapsed_ms(), inside_ms), 3)
            overhead_ms = max(0.0, round(total_ms - inside_ms, 3))
            self._timings = Timings(triage, specialists, debate, synthesis, overhead_ms, total_ms)
        return self._timings
