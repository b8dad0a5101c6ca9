"""The tables of harness.toml about what is tested and how: services and scenarios."""

from typing import Annotated

from pydantic import Field

from harness.config._derived import DerivedConfig
from harness.config._types import Count, Name, OptionValue, Port, Seconds, Table, Text, Url

DEFAULT_SEED = 20261124


class ServiceConfig(Table):
    """A program that the harness can start: `[services.NAME]`.

    `command`, `ready_url`, `info_url`, `metrics_url` and the values of `env` may hold `{port}` and
    `{NAME.port}`. `metrics_url` tells the service's CPU, memory and queue in Prometheus' format.
    A command's leading `python` is the interpreter that runs the harness. `env` wins over the
    caller's environment. `after` names services that must be ready first.
    """

    command: tuple[Text, ...] = Field(min_length=1)
    ready_url: Url
    info_url: Url | None = None
    metrics_url: Url | None = None
    port: Port | None = None
    env: dict[str, str] = Field(default_factory=dict)
    after: tuple[str, ...] = ()


class ScenarioConfig(Table):
    """One test: `[scenarios.NAME]`. `workers = 0` runs Locust in a single process.

    `locustfiles` and `shape` are relative to the configuration file. `host` and `load` may hold
    `{NAME.port}`. `load` holds options of Locust and of the shape: `hold_s = 30` is `--hold-s 30`,
    a list is joined by commas. `settle_s` None means a fifth of each load step, at most 10 s.
    `criteria` judge the run; `load_criteria` are what one load must meet to count as carried, in a
    capacity and in the search for one (none: those of `criteria` that hold at every load).
    `criteria` are also judged while a run lasts, on its last `live_window_s` seconds, from `live_grace_s`
    on (None: warm-up and one window); with `abort_on_critical` a critical one ends the run.
    """

    description: str = ""
    locustfiles: tuple[Text, ...] = Field(min_length=1)
    shape: Text | None = None
    host: Url | None = None
    workers: Count = 1
    services: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    load_criteria: tuple[str, ...] = ()
    warm_up_s: Seconds = 5.0
    settle_s: Seconds | None = None
    abort_on_critical: Annotated[bool, Field(strict=True)] = False
    live_window_s: Annotated[float, Field(strict=True, ge=1, allow_inf_nan=False)] = 30.0
    live_grace_s: Seconds | None = None
    seed: Count = DEFAULT_SEED
    user_classes: tuple[Text, ...] = ()
    tags: tuple[Text, ...] = ()
    load: dict[str, OptionValue] = Field(default_factory=dict)
    derived: dict[Name, DerivedConfig] = Field(default_factory=dict)
