"""The comparison of models as text: which columns there are, and what small samples look like."""

from harness.analysis import ModelFigures
from harness.reports._models import models_lines, models_table, streams_lines, streams_table
from harness.stats import Estimate

NAMES = ("mean", "p95", "p99", "stdev", "min", "p50", "max")


def ms(value: float, *, hollow: bool = False) -> Estimate:
    warnings = ("n too small: 100 < 368",) if hollow else ()
    return Estimate(value, value - 1, None if hollow else value + 1, 100, "test", "ms", warnings)


def entry(name: str, *, streamed: bool = False, failed_percent: float = 0.0) -> ModelFigures:
    times = {each: ms(40.0, hollow=each == "p99") for each in NAMES}
    return ModelFigures(
        model="openai/gpt-oss-20b",
        name=name,
        requests=100,
        response_time=times,
        error_rate=Estimate(failed_percent, 0.0, 3.7, 100, "test", "%"),
        time_to_first_token={each: ms(15.0) for each in NAMES} if streamed else {},
        inter_token=ms(0.5) if streamed else None,
        tokens_per_s=Estimate(2000.0, 1990.0, 2010.0, 100, "test", "1/s") if streamed else None,
        output_tokens=None,
        cost_per_thousand=Estimate(0.036, 0.036, 0.036, 100, "test", "USD"),
    )


def test_mean_p95_and_p99_come_first() -> None:
    table = models_table([entry("sdk")])
    assert [column.title for column in table.columns] == [
        "Model", "Call", "Mean", "p95", "p99", "Calls", "Stdev", "Min", "p50", "Max", "Cost per 1000",
    ]  # fmt: skip
    (row,) = table.rows
    assert row[:4] == ("openai/gpt-oss-20b", "sdk", "40 ms [39, 41]", "40 ms [39, 41]")
    assert "n too small" in row[4]
    assert row[-1].startswith("0.036 USD")


def test_errors_have_a_column_where_there_were_any() -> None:
    titles = [
        column.title for column in models_table([entry("sdk"), entry("wire", failed_percent=2.0)]).columns
    ]
    assert titles[-1] == "Error rate"


def test_streams_have_a_table_of_their_own() -> None:
    models = [entry("sdk"), entry("sdk-stream", streamed=True)]
    assert [row[1] for row in streams_table(models).rows] == ["sdk-stream"]
    assert streams_lines(models)[1:] == [("openai/gpt-oss-20b", "sdk-stream", "15", "15", "0.5", "2000")]
    assert len(streams_lines([entry("sdk")])) == 1


def test_the_terminal_puts_what_is_too_small_in_brackets() -> None:
    assert models_lines([entry("sdk")])[1] == ("openai/gpt-oss-20b", "sdk", "40", "40", "(40)", "0.036")
