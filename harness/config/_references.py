"""Names in the file that stand for something else in it: all must be defined, and no ring of services."""

import graphlib
from collections.abc import Iterable

from harness.config._config import Config
from harness.config._placeholders import PLACEHOLDER
from harness.config._suggest import suggest
from harness.config._suites import fault_of_steps
from harness.errors import ConfigError


def check_references(config: Config) -> None:
    """Raises ConfigError for the first name that is not defined."""
    for name, service in config.services.items():
        place = f"services.{name}"
        _check_names(config, f"{place}.after", service.after, config.services)
        urls = [service.ready_url, service.info_url or "", service.metrics_url or ""]
        texts = [*service.command, *urls, *service.env.values()]
        _check_placeholders(config, place, texts, name)
    for name, scenario in config.scenarios.items():
        place = f"scenarios.{name}"
        _check_names(config, f"{place}.criteria", scenario.criteria, config.criteria)
        _check_names(config, f"{place}.load_criteria", scenario.load_criteria, config.criteria)
        _check_names(config, f"{place}.services", scenario.services, config.services)
        _check_placeholders(config, f"{place}.host", [scenario.host or ""], None)
        _check_placeholders(config, f"{place}.load", map(str, scenario.load.values()), None)
    if config.regression.scenario is not None:
        _check_names(config, "regression.scenario", [config.regression.scenario], config.scenarios)
    for name, suite in config.suites.items():
        if fault := fault_of_steps(suite.steps, config.scenarios, config.criteria):
            raise ConfigError(f"{config.source}: suites.{name}.{fault}")
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
    for match in (match for text in texts for match in PLACEHOLDER.finditer(text)):
        name = match["service"] or own
        if name is None:
            raise ConfigError(f"{config.source}: {place}: write {{SERVICE.port}} instead of {{port}}")
        _check_names(config, place, [name], config.services)
        if config.services[name].port is None:
            raise ConfigError(f"{config.source}: {place}: {match[0]} needs services.{name}.port")
