"""harness.toml: services, success criteria and scenarios, checked and frozen.

Knows the shape of the file, not the meaning of a rule (`harness.verdicts` parses those) nor of a
scenario's load (its shape reads that). Every mistake is a `ConfigError` of one line that gives the
file, the dotted place and, for a mistyped name, the nearest known one.
"""

import base64
import difflib
import graphlib
import os
import re
import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from harness.errors import ConfigError

CONFIG_NAME = "harness.toml"
CONFIG_VARIABLE = "HARNESS_CONFIG"
RUNS_DIR_VARIABLE = "HARNESS_RUNS_DIR"
METRICS_VARIABLE = "HARNESS_METRICS_URLS"
DEFAULT_RUNS_DIR = "benchmarks/results"
DEFAULT_BASELINE = "benchmarks/baseline.json"
DEFAULT_SEED = 20261124

T = TypeVar("T")

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")

#: `{port}` is the service's own port, `{NAME.port}` that of the service NAME.
_PLACEHOLDER = re.compile(r"\{(?:(?P<service>[A-Za-z0-9_-]+)\.)?port\}")


def _http_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise PydanticCustomError("url", "should start with http:// or https://")
    return text


def _option_value(value: Any) -> Any:
    plain = (bool, int, float, str)
    if isinstance(value, plain) or (
        isinstance(value, list) and all(isinstance(each, plain) for each in value)
    ):
        return value
    raise PydanticCustomError("option", "should be text, a number, true, false or a list of those")


_NAME = r"^[a-z0-9][a-z0-9_-]*$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
Text = Annotated[str, StringConstraints(min_length=1)]
Url = Annotated[str, AfterValidator(_http_url)]
Count = Annotated[int, Field(strict=True, ge=0)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
OptionValue = Annotated[Any, AfterValidator(_option_value)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceConfig(_Table):
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


class ScenarioConfig(_Table):
    """One test: `[scenarios.NAME]`. `workers = 0` runs Locust in a single process.

    `locustfiles` and `shape` are relative to the configuration file. `host` may hold
    `{NAME.port}`. `load` holds options of Locust and of the shape: `hold_s = 30` is `--hold-s 30`,
    a list is joined by commas. `settle_s` None means a fifth of each load step, at most 10 s.
    """

    description: str = ""
    locustfiles: tuple[Text, ...] = Field(min_length=1)
    shape: Text | None = None
    host: Url | None = None
    workers: Count = 1
    services: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    warm_up_s: Seconds = 5.0
    settle_s: Seconds | None = None
    seed: Count = DEFAULT_SEED
    user_classes: tuple[Text, ...] = ()
    tags: tuple[Text, ...] = ()
    load: dict[str, OptionValue] = Field(default_factory=dict)


class RegressionRule(_Table):
    """What holds for some metrics in place of the general rule: `[[regression.rules]]`.

    `metric` selects them, as `p99(response_time)` or `component_time{component=specialist-*}`; of
    several rules that select one the last one that gives a value holds. `floor` is in the metric's
    unit (ms, percentage points, requests/s, USD). `ignore` leaves the metrics out.
    """

    metric: Text
    block_percent: Amount | None = None
    investigate_percent: Amount | None = None
    floor: Amount | None = None
    run_spread_percent: Amount | None = None
    ignore: bool = False


class RegressionConfig(_Table):
    """When a change between runs matters: `[regression]`.

    A change over `block_percent` for the worse blocks, one from `investigate_percent` on is to be
    looked into, both only with evidence and beyond a floor (`floor_ms` for times). `run_spread_*` is
    what is known of how much runs of an unchanged service differ: a relative standard deviation,
    held as firmly as an estimate on so many degrees of freedom. A baseline older than
    `old_after_days` is compared with a warning. `scenario` is what `harness regression` runs.
    """

    baseline: Text = DEFAULT_BASELINE
    scenario: str | None = None
    block_percent: Amount = 10.0
    investigate_percent: Amount = 5.0
    floor_ms: Amount = 1.0
    run_spread_percent: Amount = 4.0
    run_spread_degrees: Amount = 6.0
    old_after_days: Amount = 30.0
    rules: tuple[RegressionRule, ...] = ()


class Config(_Table):
    """The whole file. `source` is where it was read; None where there is no file at all."""

    runs_dir: Text = DEFAULT_RUNS_DIR
    services: dict[Name, ServiceConfig] = Field(default_factory=dict)
    criteria: dict[Name, Text] = Field(default_factory=dict)
    scenarios: dict[Name, ScenarioConfig] = Field(default_factory=dict)
    regression: RegressionConfig = RegressionConfig()
    source: Path | None = Field(default=None, exclude=True)

    def scenario(self, name: str) -> ScenarioConfig:
        """The scenario `name`; ConfigError with the nearest known name if there is none."""
        return _look_up(self.scenarios, name, "scenario", self._label)

    def service(self, name: str) -> ServiceConfig:
        """The service `name`; ConfigError with the nearest known name if there is none."""
        return _look_up(self.services, name, "service", self._label)

    def criterion(self, name: str) -> str:
        """The rule `name` as written; ConfigError with the nearest known name if there is none."""
        return _look_up(self.criteria, name, "criterion", self._label)

    def criteria_of(self, scenario: str) -> dict[str, str]:
        """Name and text of the rules that a scenario names, in its order."""
        return {name: self.criteria[name] for name in self.scenario(scenario).criteria}

    def path(self, relative: str) -> Path:
        """A path written in the file, which is relative to the file's own folder."""
        return (self.source.parent if self.source else Path()) / relative

    def runs_path(self, explicit: str | Path | None = None) -> Path:
        """Where run folders go: `explicit`, else $HARNESS_RUNS_DIR, else `runs_dir` of the file."""
        chosen = explicit or os.environ.get(RUNS_DIR_VARIABLE)
        return Path(chosen) if chosen else self.path(self.runs_dir)

    def expand(self, text: str, service: str | None = None, ports: Mapping[str, int] | None = None) -> str:
        """`text` with `{port}` (of `service`) and `{NAME.port}` filled in.

        `ports` overrides the ports of the file, for services started on free ones.

        >>> config = Config.model_validate(
        ...     {"services": {"target": {"command": ["x"], "ready_url": "http://h/", "port": 8000}}}
        ... )
        >>> config.expand("http://127.0.0.1:{target.port}")
        'http://127.0.0.1:8000'
        >>> config.expand("--port={port}", "target", {"target": 4711})
        '--port=4711'
        """

        def port_of(match: re.Match[str]) -> str:
            name = match["service"] or service or ""
            return str((ports or {}).get(name) or self.services[name].port)

        return _PLACEHOLDER.sub(port_of, text)

    def metrics_urls(self, host: str, ports: Mapping[str, int] | None = None) -> dict[str, str]:
        """By name, where the service at `host` and those that it needs tell of themselves.

        A service of the file is known by the address of its `ready_url`; any other is `target`.
        Without a `metrics_url` the service at `host` is asked for /metrics, others not at all.

        >>> Config().metrics_urls("http://chat.example")
        {'target': 'http://chat.example/metrics'}
        """
        for owner, service in self.services.items():
            if self.expand(service.ready_url, owner, ports).startswith(f"{host}/"):
                found = {owner: f"{host}/metrics"}
                for name in self.start_order([owner]):
                    if url := self.services[name].metrics_url:
                        found[name] = self.expand(url, name, ports)
                return found
        return {"target": f"{host}/metrics"} if host else {}

    def start_order(self, names: Iterable[str]) -> list[str]:
        """The services `names` and all they need, each after what it needs."""
        needed: dict[str, tuple[str, ...]] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = self.service(name).after
                waiting += needed[name]
        return list(graphlib.TopologicalSorter(needed).static_order())

    @property
    def _label(self) -> str:
        return str(self.source or CONFIG_NAME)


def split_credentials(url: str) -> tuple[str, str | None]:
    """An address without the user and password in it, and those two as an Authorization header.

    >>> split_credentials("https://ada:pa%24s@chat.example/v1")
    ('https://chat.example/v1', 'Basic YWRhOnBhJHM=')
    """
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    credentials, at, host = authority.rpartition("@")
    if not separator or not at:
        return url, None
    encoded = base64.b64encode(unquote(credentials).encode()).decode()
    return f"{scheme}://{host}{slash}{path}", f"Basic {encoded}"


def hide_credentials(text: str) -> str:
    """Text that will be printed or kept, with the user and password of every address left out.

    >>> hide_credentials("https://ada:secret@chat.example/v1")
    'https://***@chat.example/v1'
    """
    return _CREDENTIALS.sub("***@", text)


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error line about an unknown name: the nearest known one, else all of them.

    >>> suggest("caes", ["cases", "demo"])
    "did you mean 'cases'?"
    >>> suggest("xyz", ["demo", "cases"])
    'known: cases, demo'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else "none is defined"


def find_config(explicit: str | Path | None = None) -> Path | None:
    """The file to read: `explicit`, else $HARNESS_CONFIG, else ./harness.toml where it exists."""
    chosen = explicit or os.environ.get(CONFIG_VARIABLE)
    if chosen:
        return Path(chosen)
    here = Path(CONFIG_NAME)
    return here if here.is_file() else None


def load_config(explicit: str | Path | None = None) -> Config:
    """Find, read and check the configuration; an empty one where there is no file.

    Raises ConfigError for a file that was named and does not exist, and for any mistake in it.
    """
    path = find_config(explicit)
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        hint = f"--config-file and {CONFIG_VARIABLE} name another file"
        raise ConfigError(f"{path}: cannot be read ({reason}); {hint}") from error
    return parse_config(text, path)


def parse_config(text: str, source: Path) -> Config:
    """Check the text of a configuration file; `source` is named in errors and resolves paths."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: TOML syntax: {error}") from error
    if "source" in tables:
        raise ConfigError(f"{source}: source: unknown key")
    try:
        config = Config.model_validate({**tables, "source": source})
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_line(error)}") from error
    _check_references(config)
    return config


def _first_line(error: ValidationError) -> str:
    # A mistyped key is often the reason why another one is missing.
    details = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _explain(details[0]) + more


def _explain(detail: ErrorDetails) -> str:
    loc = [str(part) for part in detail["loc"]]
    if loc[-1] == "[key]":
        return f"{'.'.join(loc[:-1])}: a name here is made of a-z, 0-9, - and _"
    place = ".".join(loc)
    match detail["type"]:
        case "extra_forbidden":
            return f"{place}: unknown key; {suggest(loc[-1], _known_keys(loc[:-1]))}"
        case "missing":
            return f"{place}: missing"
        case _:
            message = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{place}: {message}, not {reprlib.repr(detail['input'])}"


def _known_keys(table: list[str]) -> Iterable[str]:
    match table:
        case ["services", _]:
            return ServiceConfig.model_fields
        case ["scenarios", _]:
            return ScenarioConfig.model_fields
        case ["regression"]:
            return RegressionConfig.model_fields
        case ["regression", "rules", _]:
            return RegressionRule.model_fields
        case _:
            return set(Config.model_fields) - {"source"}


def _look_up(table: Mapping[str, T], name: str, kind: str, label: str) -> T:
    if name not in table:
        raise ConfigError(f"no {kind} '{name}' in {label}; {suggest(name, table)}")
    return table[name]


def _check_references(config: Config) -> None:
    for name, service in config.services.items():
        place = f"services.{name}"
        _check_names(config, f"{place}.after", service.after, config.services)
        urls = [service.ready_url, service.info_url or "", service.metrics_url or ""]
        texts = [*service.command, *urls, *service.env.values()]
        _check_placeholders(config, place, texts, name)
    for name, scenario in config.scenarios.items():
        place = f"scenarios.{name}"
        _check_names(config, f"{place}.criteria", scenario.criteria, config.criteria)
        _check_names(config, f"{place}.services", scenario.services, config.services)
        _check_placeholders(config, f"{place}.host", [scenario.host or ""], None)
    if config.regression.scenario is not None:
        _check_names(config, "regression.scenario", [config.regression.scenario], config.scenarios)
    try:
        config.start_order(config.services)
    except graphlib.CycleError as error:
        ring = " -> ".join(error.args[1])
        raise ConfigError(f"{config.source}: services wait for each other by `after`: {ring}") from error


def _check_names(config: Config, place: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{config.source}: {place}: '{name}' is not defined; {suggest(name, known)}")


def _check_placeholders(config: Config, place: str, texts: Iterable[str], own: str | None) -> None:
    for match in (match for text in texts for match in _PLACEHOLDER.finditer(text)):
        name = match["service"] or own
        if name is None:
            raise ConfigError(f"{config.source}: {place}: write {{SERVICE.port}} instead of {{port}}")
        _check_names(config, place, [name], config.services)
        if config.services[name].port is None:
            raise ConfigError(f"{config.source}: {place}: {match[0]} needs services.{name}.port")
