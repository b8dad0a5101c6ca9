"""The table of harness.toml about what else watches a service while it is tested."""

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from harness.config._types import Table, Url


class MonitoringConfig(Table):
    """Where traces can be seen: `[monitoring]`. `trace_url` holds `{trace_id}`; reports link to it."""

    trace_url: Url | None = None

    @field_validator("trace_url")
    @classmethod
    def _has_a_place(cls, url: str | None) -> str | None:
        if url is not None and "{trace_id}" not in url:
            raise PydanticCustomError("trace_url", "should hold {trace_id}", {"trace_id": "{trace_id}"})
        return url
