"""The picture of a planned load, as SVG for the docs and as characters for the terminal.

Both are drawn from the stages that the shape itself carries out.
"""

import itertools
import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from harness.reports._format import number
from harness.schedule import Steps

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 34, 44

_STYLE = """\
svg{font:13px system-ui,sans-serif;background:#fff}
text{fill:#1f2933}.grid{stroke:#7f8894;stroke-opacity:.35}
.load{fill:#0072B2;fill-opacity:.16;stroke:#0072B2;stroke-width:2;stroke-linejoin:round}
@media(prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e6e9ed}.load{stroke:#56B4E9;fill:#56B4E9}}"""

#: Units of the time axis: seconds each, and from which length of the plan on.
_UNITS = ((3600.0, "hours", 3 * 3600.0), (60.0, "minutes", 180.0), (1.0, "seconds", 0.0))


def corners(plan: Steps) -> list[tuple[float, float]]:
    """Seconds and users of the line: a climb to each stage, then its hold.

    >>> from harness.schedule import Stage
    >>> corners(Steps((Stage(10, 5, 8), Stage(20, 10, 4))))
    [(0.0, 0), (2.0, 10), (10.0, 10), (11.0, 20), (15.0, 20)]
    """
    line: list[tuple[float, float]] = [(0.0, 0)]
    for stage in plan.stages:
        now_s, users = line[-1]
        reached_s = now_s + abs(stage.users - users) / stage.spawn_rate_per_s
        line += [(reached_s, stage.users), (reached_s + stage.hold_s, stage.users)]
    return line


def plan_svg(plan: Steps, name: str, title: str, unit: str) -> str:
    """A drawing of 720 by 260, for light and dark pages; the same plan gives the same text."""
    line = corners(plan)
    most = max(users for _, users in line)
    seconds, word = next((each, word) for each, word, least in _UNITS if plan.duration_s >= least)
    ys, xs = _ticks(most), _ticks(plan.duration_s / seconds)
    top, end = max(ys[-1], most), plan.duration_s / seconds

    def x(value: float) -> str:
        return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / end:.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top:.1f}"

    floor = y(0)
    points = " ".join(f"{x(at / seconds)},{y(users)}" for at, users in line)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(f'{name}: {title}')}</title>",
        f"<style>{_STYLE}</style>",
        _heading(name, title),
    ]
    for value in ys:
        parts += [
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value)}" y2="{y(value)}"/>',
            f'<text x="{_LEFT - 8}" y="{y(value)}" dy=".35em" text-anchor="end">{number(value)}</text>',
        ]
    parts += [
        f'<text x="{x(value)}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{number(value)}</text>'
        for value in xs
    ]
    parts += [
        f'<polygon class="load" points="{points} {x(end)},{floor}"/>',
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{escape(unit)} over {word}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _heading(name: str, title: str) -> str:
    bold = f'<tspan font-weight="600">{escape(name)}</tspan>'
    return f'<text x="{_RIGHT}" y="20" font-size="12">{bold}{escape(f": {title}")}</text>'


def plan_lines(plan: Steps, width: int = 72, height: int = 12) -> list[str]:
    """The same with characters, for a terminal."""
    line = corners(plan)
    most = max(users for _, users in line)
    label = len(number(most))
    columns = [_load_at(line, (column + 0.5) / width * plan.duration_s) for column in range(width)]
    rows = []
    for row in range(height, 0, -1):
        bar = "".join(_cell(users / most * height - (row - 1)) for users in columns)
        left = number(most) if row == height else ""
        rows.append(f"{left:>{label}} │{bar}".rstrip())
    seconds, word = next((each, word) for each, word, least in _UNITS if plan.duration_s >= least)
    end = f"{number(plan.duration_s / seconds)} {word}"
    return [*rows, f"{'0':>{label}} └{'─' * width}", f"{'':>{label}}  0{end:>{width - 1}}"]


def _cell(filled: float) -> str:
    eighths = round(8 * min(max(filled, 0.0), 1.0))
    return " ▁▂▃▄▅▆▇█"[eighths]


def _load_at(line: Sequence[tuple[float, float]], at_s: float) -> float:
    for (start_s, before), (end_s, after) in itertools.pairwise(line):
        if at_s < end_s:
            share = (at_s - start_s) / (end_s - start_s)
            return before + (after - before) * share
    return line[-1][1]


def _ticks(most: float) -> list[float]:
    """Round values from 0 on, four to nine of them, the last at or below `most`.

    >>> _ticks(200), _ticks(95)
    ([0.0, 50.0, 100.0, 150.0, 200.0], [0.0, 20.0, 40.0, 60.0, 80.0])
    """
    rough = most / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * index for index in range(int(most / step + 1e-9) + 1)]
