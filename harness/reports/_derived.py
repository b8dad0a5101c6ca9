"""Figures that the scenario derives from others of the run: a table, and lines for the terminal."""

from collections.abc import Sequence

from harness.analysis import DerivedFigure
from harness.reports._format import NO_VALUE, figure
from harness.reports._tables import Table, table


def derived_table(derived: Sequence[DerivedFigure]) -> Table:
    """One row per figure: what it is, its value, and what it was made from."""
    return table(
        ["Figure", "Made from"],
        ["Value", "n", "Of", "Over"],
        (
            [
                item.title,
                item.formula,
                figure(item.figure) if item.figure is not None else item.reason,
                f"{item.figure.n:,}" if item.figure is not None else NO_VALUE,
                figure(item.of) if item.of is not None else NO_VALUE,
                figure(item.to) if item.to is not None else NO_VALUE,
            ]
            for item in derived
        ),
    )


def derived_lines(derived: Sequence[DerivedFigure]) -> list[str]:
    """One line per figure: its title and its value, or why there is none."""
    return [
        f"{item.title}: {figure(item.figure) if item.figure is not None else f'not measured ({item.reason})'}"
        for item in derived
    ]
