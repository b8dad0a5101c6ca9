"""What a run is to be: options of the command line, and the scenario of harness.toml.

Everything a run needs to know before it begins is settled here, and every mistake in it is found
here, before any load is sent.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust.env import Environment

from harness.config import (
    DEFAULT_SEED,
    HIDDEN,
    METRICS_VARIABLE,
    Config,
    ScenarioConfig,
    is_secret,
    load_config,
)
from harness.engine import access_to_service, check_arrival_users
from harness.errors import ConfigError, UserError
from harness.plugin._target import host_of
from harness.runs import ScenarioRecord
from harness.verdicts import parse_rule


@dataclass(slots=True, frozen=True)
class Settings:
    """Settled before a run; the same for every run of one Locust process."""

    scenario: ScenarioRecord
    runs_dir: Path
    seed: int
    drain_deadline_s: float
    check_target: bool
    quiet_locust: bool
    metrics_urls: Mapping[str, str]


def resolve_settings(environment: Environment, *, shape_is_chosen: bool = True) -> Settings:
    """Read options and harness.toml. Raises ConfigError or UserError with one line.

    The web UI's class picker stands on the first shape that was loaded until one is chosen: what cannot
    be run with that one is no mistake yet.
    """
    options: Any = environment.parsed_options
    config = load_config(options.config_file or None)
    name = options.scenario or _stem(options.locustfile)
    scenario, criteria = _scenario(config, name, explicit=bool(options.scenario))
    record = _scenario_record(environment, config, name, scenario, criteria)
    for rule_name, text in (record.criteria | record.load_criteria).items():
        parse_rule(rule_name, text)
    if shape_is_chosen:
        _check_shape(environment)
    access_to_service(environment.user_classes)
    check_arrival_users(environment.user_classes)
    runs_dir = config.runs_path(options.runs_dir or None)
    _check_writable(runs_dir)
    return Settings(
        scenario=record,
        runs_dir=runs_dir,
        seed=_seed(options.run_seed, scenario),
        drain_deadline_s=options.drain_deadline_s,
        check_target=not options.skip_target_check,
        quiet_locust=options.quiet_locust,
        metrics_urls=_metrics_urls(config, host_of(environment)),
    )


def _stem(locustfile: str) -> str:
    return Path(locustfile.split(",", maxsplit=1)[0].strip()).stem or "locustfile"


def _scenario(config: Config, name: str, *, explicit: bool) -> tuple[ScenarioConfig | None, dict[str, str]]:
    """A scenario that was asked for must exist; one guessed from the file's name may not."""
    if name in config.scenarios or explicit:
        return config.scenario(name), config.criteria_of(name)
    return None, {}


def _scenario_record(
    environment: Environment,
    config: Config,
    name: str,
    scenario: ScenarioConfig | None,
    criteria: dict[str, str],
) -> ScenarioRecord:
    options: Any = environment.parsed_options
    # A shape that counts its requests has them all measured.
    whole_holds = bool(getattr(environment.shape_class, "whole_holds", False))
    return ScenarioRecord(
        name=name,
        description=scenario.description if scenario else "",
        criteria=criteria,
        load_criteria=config.load_criteria_of(name) if scenario else {},
        warm_up_s=0.0 if whole_holds else scenario.warm_up_s if scenario else 5.0,
        settle_s=0.0 if whole_holds else scenario.settle_s if scenario else None,
        whole_holds=whole_holds,
        abort_on_critical=options.abort_on_critical or bool(scenario and scenario.abort_on_critical),
        live_window_s=scenario.live_window_s if scenario else 30.0,
        live_grace_s=scenario.live_grace_s if scenario else None,
        load=_load(environment),
        derived=scenario.derived if scenario else {},
        trace_url=config.monitoring.trace_url,
    )


def _seed(option: int | None, scenario: ScenarioConfig | None) -> int:
    if option is not None:
        return option
    return scenario.seed if scenario else DEFAULT_SEED


def _metrics_urls(config: Config, host: str) -> dict[str, str]:
    """$HARNESS_METRICS_URLS, as `NAME=URL NAME=URL`, else what harness.toml tells of the service."""
    given = os.environ.get(METRICS_VARIABLE)
    if given is None:
        return config.metrics_urls(host)
    pairs = [pair.partition("=") for pair in given.split()]
    for name, _, url in pairs:
        if not name or not url.startswith(("http://", "https://")):
            raise UserError(f"{METRICS_VARIABLE}: should be NAME=http://... for each service")
    return {name: url for name, _, url in pairs}


def _check_shape(environment: Environment) -> None:
    """A shape whose options cannot be run would otherwise fail after the load has begun."""
    shape = environment.shape_class
    check = getattr(shape, "check_options", None) or getattr(shape, "schedule", None)
    if check is not None:
        try:
            check()
        except ValueError as error:
            raise ConfigError(f"{type(environment.shape_class).__name__}: {error}") from error


def _check_writable(runs_dir: Path) -> None:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(runs_dir, os.W_OK) else "permission denied"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise UserError(f"cannot write run folders in {runs_dir} ({reason}); choose another with --runs-dir")


def _load(environment: Environment) -> dict[str, Any]:
    """What makes up the load, for the manifest and the fingerprint.

    A shape names its options in `load_options`, and so may a user class; Locust's own count where the
    shape reads them.
    """
    options = vars(environment.parsed_options) if environment.parsed_options else {}
    shape = environment.shape_class
    load: dict[str, Any] = {}
    names: list[str] = []
    if shape is None or shape.use_common_options:
        names += ["num_users", "spawn_rate", "run_time"]
    if shape is not None:
        load = {"shape_class": type(shape).__name__}
        names += getattr(shape, "load_options", ())
    for user_class in environment.user_classes:
        names += getattr(user_class, "load_options", ())
    load |= {
        name: HIDDEN if is_secret(name) else options[name] for name in names if options.get(name) is not None
    }
    return load | {"user_classes": sorted(user_class.__name__ for user_class in environment.user_classes)}
