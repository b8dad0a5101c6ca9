"""Which of a generator's numbered rows have arrived: gaps and repetitions, whatever the order."""

from dataclasses import dataclass, field

Stretch = tuple[int, int]


@dataclass(slots=True)
class Received:
    """Stretches are half open: first <= number < end. `repeated`: numbers that came once more."""

    end: int = 0
    repeated: int = 0
    gaps: list[Stretch] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many numbers below `end` have not come."""
        return sum(end - first for first, end in self.gaps)

    def expect(self, end: int) -> None:
        """All numbers below `end` were given out; those that did not come are a gap from now on."""
        if end > self.end:
            self.gaps.append((self.end, end))
            self.end = end

    def take(self, first: int, end: int) -> list[Stretch]:
        """A stretch came; the parts of it that are new, in order.

        What fills a gap is new: two reports may overtake each other.
        """
        self.expect(end)
        new: list[Stretch] = []
        gaps: list[Stretch] = []
        for gap_first, gap_end in self.gaps:
            new_first, new_end = max(gap_first, first), min(gap_end, end)
            if new_first >= new_end:
                gaps.append((gap_first, gap_end))
                continue
            new.append((new_first, new_end))
            gaps += [(a, b) for a, b in ((gap_first, new_first), (new_end, gap_end)) if a < b]
        self.gaps = gaps
        self.repeated += (end - first) - sum(b - a for a, b in new)
        return new
