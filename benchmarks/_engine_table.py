"""The table of benchmarks/engine.py: rows with their spread, what is to be reached, and whether it was."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

HEADINGS = ("what", "ours", "against", "ratio", "spread", "reach", "met?", "notes")
SERVER_LIMIT = 0.95
OTHERS_LIMIT = 0.05


@dataclass(frozen=True, slots=True)
class Reach:
    """What a row is to reach: a bound on the median ratio to the alternative, or on our own median."""

    on: Literal["ratio", "ours"]
    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether the value is within the bound."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(slots=True)
class Row:
    """One line. `ours` and `others` hold a value per round, in pairs; no `others` without an alternative.

    `skipped` says why there is no figure, `failed` what went wrong on the way to one, `spoiled` why a figure
    does not count as reached whatever it is, `remark` what else there is to say.
    """

    name: str
    what: str
    unit: str = ""
    digits: int = 0
    signed: bool = False
    reach: Reach | None = None
    against: str = ""
    ours: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    with_ratio: bool = True
    remark: str = ""
    server_busy: float = 0.0
    others_busy: float = 0.0
    skipped: str = ""
    failed: str = ""
    spoiled: str = ""

    def ratios(self) -> list[float]:
        """Ours over the other's, per round; empty where a ratio would say nothing."""
        if not self.with_ratio:
            return []
        return [a / b for a, b in zip(self.ours, self.others, strict=False) if b]

    def saw(self, server_busy: float, others_busy: float) -> None:
        """Keep the worst that was seen: the server's share of its core, other work's of the generator's."""
        self.server_busy = max(self.server_busy, server_busy)
        self.others_busy = max(self.others_busy, others_busy)

    def notes(self) -> list[str]:
        """What a reader must know before believing the figures."""
        found = [text for text in (self.spoiled, self.remark) if text]
        if self.server_busy > SERVER_LIMIT:
            found.append(f"the server's core was {self.server_busy:.0%} busy, too")
        if self.others_busy > OTHERS_LIMIT:
            found.append(f"other work took up to {self.others_busy:.0%} of the generator's core")
        return found

    def met(self) -> bool | None:
        """Whether the goal was reached; None where there is no goal or no figure."""
        values = self.ratios() if self.reach and self.reach.on == "ratio" else self.ours
        if self.reach is None or not values or self.skipped or self.failed:
            return None
        return not self.spoiled and self.reach.met_by(statistics.median(values))

    def cells(self) -> tuple[str, ...]:
        """The row as text, one cell per heading."""
        if self.skipped or self.failed:
            text = f"skipped: {self.skipped}" if self.skipped else f"FAILED: {self.failed}"
            return (self.what, "-", self.against or "-", "-", "-", self._reach_text(), "-", text)
        ratios = self.ratios()
        other = f"{self.against} {self._figure(self.others)}" if self.others else self.against or "-"
        return (
            self.what,
            self._figure(self.ours),
            other,
            f"{statistics.median(ratios):.2f}" if ratios else "-",
            f"{min(ratios):.2f}-{max(ratios):.2f}" if ratios else self._range(self.ours),
            self._reach_text(),
            {True: "yes", False: "NO", None: "-"}[self.met()],
            "; ".join(self.notes()),
        )

    def document(self) -> dict[str, Any]:
        """The row for JSON, with the value of every round."""
        ratios = self.ratios()
        return {
            "name": self.name,
            "what": self.what,
            "unit": self.unit,
            "ours": statistics.median(self.ours) if self.ours else None,
            "against": self.against or None,
            "other": statistics.median(self.others) if self.others else None,
            "ratio": statistics.median(ratios) if ratios else None,
            "reach": self._reach_text(),
            "met": self.met(),
            "rounds": {"ours": self.ours, "other": self.others, "ratio": ratios},
            "skipped": self.skipped or None,
            "failed": self.failed or None,
            "server_busy": round(self.server_busy, 3),
            "others_busy": round(self.others_busy, 3),
            "notes": self.notes(),
        }

    def _number(self, value: float) -> str:
        return f"{value:{'+' if self.signed else ''},.{self.digits}f}"

    def _figure(self, values: Sequence[float]) -> str:
        return f"{self._number(statistics.median(values))} {self.unit}".rstrip() if values else "-"

    def _range(self, values: Sequence[float]) -> str:
        return f"{self._number(min(values))} to {self._number(max(values))}" if values else "-"

    def _reach_text(self) -> str:
        if self.reach is None:
            return "-"
        bound = self.reach.at_least if self.reach.at_least is not None else self.reach.at_most
        assert bound is not None, "a goal has a bound"
        sign = ">=" if self.reach.at_least is not None else "<="
        if self.reach.on == "ratio":
            return f"{sign} {bound:g}x"
        return f"{sign} {bound:{'+' if self.signed else ''},g} {self.unit}".rstrip()


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns for people; the last one, the notes, runs free."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS) - 1)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        ).rstrip()
        for line in lines
    )


def as_tsv(rows: Sequence[Row]) -> str:
    """Columns separated by tabs, a line of headings first."""
    return "\n".join("\t".join(line) for line in (HEADINGS, *(row.cells() for row in rows)))
