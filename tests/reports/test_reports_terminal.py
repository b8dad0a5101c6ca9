"""The terminal report: golden files, its width, its colours, and names that are not control codes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from harness.reports import terminal_report
from tests.reports.all_samples import NAMES


def report(sample: Any, *, width: int = 80, colour: bool = False) -> str:
    return terminal_report(sample.summary, sample.judgement, sample.manifest, width=width, colour=colour)


@pytest.mark.parametrize("name", NAMES)
def test_golden(samples: dict[str, Any], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"{name}.txt", report(samples[name]))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_asked(samples: dict[str, Any], name: str, width: int) -> None:
    assert max(cell_len(line) for line in report(samples[name], width=width).splitlines()) <= width


def test_colour_only_where_asked(samples: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in report(samples["full"])
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" in report(samples["full"], colour=True)


def test_control_characters_of_a_name_do_not_reach_the_terminal(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    judgement = replace(sample.judgement, headline="bad \x1b[2J\r name\x07")
    assert "bad  [2J  name" in report(sample._replace(judgement=judgement))


def test_square_brackets_are_text_and_not_rich_markup(samples: dict[str, Any]) -> None:
    sample = samples["full"]
    judgement = replace(sample.judgement, headline="[bold]as it is[/bold]")
    assert "[bold]as it is[/bold]" in report(sample._replace(judgement=judgement))
