"""The comparison of models: a table for report.html, one for the terminal, and its part of summary.json."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.analysis import ModelFigures
from harness.reports._format import NO_VALUE, figure, is_hollow, number
from harness.reports._tables import Table, table
from harness.stats import Estimate

#: What brackets in the terminal's tables mean.
HOLLOW_WORDS = "In brackets: n too small for an interval, so an indication only."

_FIRST, _THEN = ("mean", "p95", "p99"), ("stdev", "min", "p50", "max")


def models_table(models: Sequence[ModelFigures]) -> Table:
    """One row per model and request name; errors have a column where there were any."""
    failed = any(item.error_rate.value for item in models)
    heads = ["Mean", "p95", "p99", "Calls", "Stdev", "Min", "p50", "Max", "Cost per 1000"]
    return table(
        ["Model", "Call"],
        [*heads, *(["Error rate"] if failed else [])],
        (
            [
                item.model,
                item.name,
                *(_text(item.response_time.get(name)) for name in _FIRST),
                f"{item.requests:,}",
                *(_text(item.response_time.get(name)) for name in _THEN),
                _text(item.cost_per_thousand),
                *([figure(item.error_rate)] if failed else []),
            ]
            for item in models
        ),
    )


def streams_table(models: Sequence[ModelFigures]) -> Table:
    """One row per model and name that streamed its answers."""
    return table(
        ["Model", "Call"],
        ["Mean to first token", "p95 to first token", "Between tokens", "Tokens/s", "Tokens per answer"],
        (
            [
                item.model,
                item.name,
                *(_text(item.time_to_first_token.get(name)) for name in ("mean", "p95")),
                _text(item.inter_token),
                _text(item.tokens_per_s),
                _text(item.output_tokens),
            ]
            for item in models
            if item.inter_token is not None
        ),
    )


def models_lines(models: Sequence[ModelFigures]) -> list[tuple[str, ...]]:
    """Rows for the terminal, the heading first; times in ms."""
    head = ("Model", "Call", "Mean ms", "P95 ms", "P99 ms", "USD/1000")
    rows = (
        (
            item.model,
            item.name,
            *(_number(item.response_time.get(name)) for name in ("mean", "p95", "p99")),
            _number(item.cost_per_thousand),
        )
        for item in models
    )
    return [head, *rows]


def streams_lines(models: Sequence[ModelFigures]) -> list[tuple[str, ...]]:
    """The same of those that were streamed: no row but the heading where none was."""
    head = ("Model", "Call", "First token ms", "its P95", "Between ms", "Tokens/s")
    rows = (
        (
            item.model,
            item.name,
            *(_number(item.time_to_first_token.get(name)) for name in ("mean", "p95")),
            _number(item.inter_token),
            _number(item.tokens_per_s),
        )
        for item in models
        if item.inter_token is not None
    )
    return [head, *rows]


def models_document(models: Sequence[ModelFigures], estimate: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """For summary.json; `estimate` writes one figure."""

    def estimates(figures: Mapping[str, Estimate]) -> dict[str, Any]:
        return {name: estimate(value) for name, value in figures.items()}

    return [
        {
            "model": item.model,
            "name": item.name,
            "requests": item.requests,
            "response_time": estimates(item.response_time),
            "error_rate": estimate(item.error_rate),
            "time_to_first_token": estimates(item.time_to_first_token),
            "inter_token": estimate(item.inter_token),
            "tokens_per_s": estimate(item.tokens_per_s),
            "output_tokens": estimate(item.output_tokens),
            "cost_per_thousand": estimate(item.cost_per_thousand),
        }
        for item in models
    ]


def _text(estimate: Estimate | None) -> str:
    return NO_VALUE if estimate is None else figure(estimate)


def _number(estimate: Estimate | None) -> str:
    """In round brackets where n is too small for an interval."""
    if estimate is None:
        return NO_VALUE
    text = number(estimate.value)
    return f"({text})" if is_hollow(estimate) else text
