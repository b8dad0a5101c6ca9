"""Oracle: the W3C Server-Timing grammar, and headers as services really send them."""

import pytest

from harness.engine import Span, parse_server_timing


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        pytest.param("total;dur=12.5", [Span("total", 12.5)], id="one metric"),
        pytest.param("a;dur=1, b;dur=2", [Span("a", 1), Span("b", 2)], id="two metrics"),
        pytest.param("a;start=3;dur=1", [Span("a", 1, 3)], id="our offset, in any order"),
        pytest.param('a;desc="x, y; z";dur=1', [Span("a", 1)], id="separators inside quotes"),
        pytest.param("a ; DUR=1", [Span("a", 1)], id="spaces and capitals"),
        pytest.param('a;dur="1.5"', [Span("a", 1.5)], id="a quoted number"),
        pytest.param("cache-miss", [], id="a metric without a duration is no span"),
        pytest.param("a;dur=fast, b;dur=2", [Span("b", 2)], id="not a number"),
        pytest.param("a;dur=-1, b;dur=inf, c;dur=nan", [], id="not a duration"),
        pytest.param(";dur=1,,", [], id="no name"),
        pytest.param("", [], id="empty"),
    ],
)
def test_parse(header: str, spans: list[Span]) -> None:
    assert parse_server_timing(header) == spans
