"""What an arrival schedule asked for and what became of it, counted between two looks."""

from dataclasses import dataclass


@dataclass(slots=True)
class ArrivalCounts:
    """Arrivals since the last `take`. `late`: started more than LATE_ARRIVAL_US after their time.

    `dropped`: never started, since the in-flight cap was full. `worst_delay_us`: the longest time
    from an arrival's intended start to the moment its request was begun.
    """

    due: int = 0
    late: int = 0
    dropped: int = 0
    worst_delay_us: int = 0

    def take(self) -> "ArrivalCounts":
        """The counts until now; counting starts again at 0."""
        taken = ArrivalCounts(self.due, self.late, self.dropped, self.worst_delay_us)
        self.due = self.late = self.dropped = self.worst_delay_us = 0
        return taken


#: An arrival that starts later than this after its time is counted as late.
LATE_ARRIVAL_US = 5_000
