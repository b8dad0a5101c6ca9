"""The whole file as one frozen value, and what follows from it: paths, ports, addresses, what starts first.

Knows the shape of the file, not the meaning of a rule (`harness.verdicts` parses those) nor of a
scenario's load (its shape reads that).
"""

import graphlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from harness.config._monitoring import MonitoringConfig
from harness.config._placeholders import PLACEHOLDER
from harness.config._regression import RegressionConfig
from harness.config._scenarios import ScenarioConfig, ServiceConfig
from harness.config._suggest import suggest
from harness.config._suites import PlanConfig, PrometheusConfig, SuiteConfig
from harness.config._types import Name, Table, Text
from harness.config._variables import CONFIG_NAME, RUNS_DIR_VARIABLE
from harness.errors import ConfigError

DEFAULT_RUNS_DIR = "benchmarks/results"

T = TypeVar("T")


class Config(Table):
    """The whole file. `source` is where it was read; None where there is no file at all."""

    runs_dir: Text = DEFAULT_RUNS_DIR
    services: dict[Name, ServiceConfig] = Field(default_factory=dict)
    criteria: dict[Name, Text] = Field(default_factory=dict)
    scenarios: dict[Name, ScenarioConfig] = Field(default_factory=dict)
    regression: RegressionConfig = RegressionConfig()
    suites: dict[Name, SuiteConfig] = Field(default_factory=dict)
    prometheus: PrometheusConfig = PrometheusConfig()
    plan: PlanConfig = PlanConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
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

    def suite(self, name: str) -> SuiteConfig:
        """The suite `name`; ConfigError with the nearest known name if there is none."""
        return _look_up(self.suites, name, "suite", self._label)

    def criteria_of(self, scenario: str) -> dict[str, str]:
        """Name and text of the rules that a scenario names, in its order."""
        return {name: self.criteria[name] for name in self.scenario(scenario).criteria}

    def load_criteria_of(self, scenario: str) -> dict[str, str]:
        """Name and text of the rules that a load of the scenario must meet; may be empty."""
        return {name: self.criteria[name] for name in self.scenario(scenario).load_criteria}

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

        return PLACEHOLDER.sub(port_of, text)

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


def _look_up(table: Mapping[str, T], name: str, kind: str, label: str) -> T:
    if name not in table:
        raise ConfigError(f"no {kind} '{name}' in {label}; {suggest(name, table)}")
    return table[name]
