"""Colours, dashes and markers of the charts. Text and grid colours come from CSS, in the page."""

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Look:
    """How one series is drawn: never told apart by colour alone."""

    colour: str
    dash: str
    symbol: str
    pattern: str

    @property
    def faint(self) -> str:
        """The colour as a fill that lets the others shine through."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red}, {green}, {blue}, 0.12)"


#: Okabe and Ito's palette without black and yellow, which vanish on a dark or a light page.
_LOOKS = (
    Look("#0072B2", "solid", "circle", ""),
    Look("#E69F00", "dash", "square", "/"),
    Look("#D55E00", "dashdot", "diamond", "x"),
    Look("#009E73", "dot", "triangle-up", "."),
    Look("#CC79A7", "longdash", "cross", "\\"),
    Look("#56B4E9", "longdashdot", "star", "-"),
)

GREY = "#7f8894"
SHADE = "rgba(127, 136, 148, 0.16)"


def look(index: int) -> Look:
    """The look of the index-th series; repeats after six, which no chart here should reach."""
    return _LOOKS[index % len(_LOOKS)]
