"""Values in groups, sorted within each: what figures of a group, or of several together, are read from."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.stats import Moments, Stretches

#: Rows that are looked at in one go: what is held on the way stays in a processor's cache.
BLOCK = 1 << 16


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """All of n rows, so many at a time."""
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


class Sorted:
    """Numbers by group, sorted within each; a sample is a number / `per_unit`."""

    def __init__(self, parts: Sequence[NDArray[Any]], per_unit: float = 1.0) -> None:
        self.parts = parts
        self.per_unit = per_unit

    @classmethod
    def whole(
        cls, numbers: NDArray[np.int64], groups: NDArray[Any], n: int, per_unit: float = 1.0
    ) -> "Sorted":
        """Of whole numbers, which are written over, and the group 0 to n - 1 of each.

        A number that holds the group above and the value below is ordered by both in one sort.
        """
        ends = _ends(groups, n)
        low, high = (int(np.min(numbers)), int(np.max(numbers))) if len(numbers) else (0, 0)
        width = (high - low).bit_length()
        if width + n.bit_length() >= 63:
            return cls(np.split(numbers[np.lexsort((numbers, groups))], ends), per_unit)
        for block in blocks(len(numbers)):
            numbers[block] += (groups[block].astype(np.int64) << width) - low
        numbers.sort()
        narrow = np.empty(len(numbers), np.int32 if max(-low, high) < 2**31 else np.int64)
        for block in blocks(len(numbers)):
            narrow[block] = (numbers[block] & ((1 << width) - 1)) + low
        return cls(np.split(narrow, ends), per_unit)

    def of(self, groups: Sequence[int]) -> Stretches:
        """The samples of some groups together."""
        parts = [self.parts[group] for group in groups]
        return Stretches(parts, self.per_unit, [self._moments[group] for group in groups])

    @cached_property
    def _moments(self) -> list[Moments]:
        return [Moments.of(part) for part in self.parts]


def _ends(groups: NDArray[Any], n: int) -> list[int]:
    """Where each group but the last ends, once all are in order."""
    counts = np.zeros(n, np.int64)
    for block in blocks(len(groups)):
        counts += np.bincount(groups[block], minlength=n)
    ends: list[int] = np.cumsum(counts)[:-1].tolist()
    return ends
