"""The tables of harness.toml that make figures of a run from others of the same run.

[scenarios.agents.derived.time_per_agent_3]
title = "Time per agent, 3 in parallel"
of = { name = "specialists-3" }
divide_by = 3

[scenarios.end_to_end.derived.simple_beside_others]
title = "p95 of simple cases, mixed over alone"
statistic = "p95"
of = { category = "simple", phase = "mixed" }
to = { category = "simple", phase = "alone-simple" }
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.config._types import Table, Text


class RequestsOf(Table):
    """Which requests a figure is about; a key that is left out takes all."""

    category: str | None = None
    name: str | None = None
    phase: str | None = None
    model: str | None = None


class DerivedConfig(Table):
    """A figure made from others: `[scenarios.NAME.derived.FIGURE]`.

    The `statistic` of `quantity` over the requests `of`, over the same of the requests `to` where that is
    given, over `divide_by`. With `difference` the mean over `to` is taken away instead of divided by. With
    `whole_run`, requests outside of the measured window count too, which are otherwise in no figure: the
    first one after a start, say.
    """

    title: Text
    statistic: Annotated[str, Field(pattern=r"^(mean|p\d{1,2}(\.\d+)?)$")] = "mean"
    quantity: Literal["response_time", "service_time", "time_to_first_token"] = "response_time"
    of: RequestsOf
    to: RequestsOf | None = None
    divide_by: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    difference: bool = False
    whole_run: bool = False

    @model_validator(mode="after")
    def _check_difference(self) -> "DerivedConfig":
        if self.difference and (self.to is None or self.statistic != "mean"):
            raise ValueError("difference needs `to`, and is of means")
        return self
