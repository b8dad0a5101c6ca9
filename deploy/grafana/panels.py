"""What a dashboard is made of, and the queries that most panels need.

Quantiles are always taken over buckets that were summed first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

R = "[$__rate_interval]"


@dataclass(frozen=True)
class Query:
    """PromQL, and what a line of its answer is called. `is_limit` is drawn as one."""

    expr: str
    legend: str
    is_limit: bool = False
    heatmap: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel; `width` of 24 columns. `limit` is a fixed level that is drawn.

    `when_empty` is shown in place of "No data" where an empty panel is no fault.
    """

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    limit: float | None = None
    stacked: bool = False
    when_empty: str | None = None


@dataclass(frozen=True)
class Dashboard:
    """One file. `variables` are labels of the response time to choose by."""

    uid: str
    title: str
    panels: Sequence[Panel]
    variables: Sequence[str] = ()


def quantile(q: float, metric: str, by: str = "", where: str = "") -> str:
    """A quantile over buckets that were summed first."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{where}}}{R})))"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Events per second, added up."""
    grouped = f"sum by ({by}) " if by else "sum "
    return f"{grouped}(rate({metric}{{{where}}}{R}))"


def mean(metric: str, by: str = "", where: str = "") -> str:
    """The mean of a histogram's values."""
    return f"{rate(f'{metric}_sum', by, where)} / {rate(f'{metric}_count', by, where)}"


def limits(quantity: str, statistic: str | None = None) -> Query:
    """The levels of the scenario's rules about a figure."""
    chosen = f'quantity="{quantity}"' + (f', statistic="{statistic}"' if statistic else "")
    return Query(f"harness_criterion_threshold{{{chosen}}}", "{{level}} {{category}}", is_limit=True)


def stat(title: str, description: str, unit: str, expr: str, legend: str = "") -> Panel:
    """One number."""
    return Panel(title, description, unit, [Query(expr, legend)], kind="stat", width=4, height=4)
