"""One finding of a case."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """One finding: how to write it, what it points to, and how much it alarms each specialty (1 to 4)."""

    text: str
    means: str
    levels: dict[str, int]

    @property
    def level(self) -> int:
        """The highest alarm in any field; 0 for a finding that concerns none."""
        return max(self.levels.values(), default=0)
