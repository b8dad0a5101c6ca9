"""Where text for a terminal is drawn: as wide as asked, coloured only if asked."""

import io

from rich.console import Console

LEAST_WIDTH = 40


def text_console(width: int, *, colour: bool) -> tuple[Console, io.StringIO]:
    """A console and the buffer that it writes to; nothing in the text is taken for markup."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=max(width, LEAST_WIDTH),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    return console, buffer
