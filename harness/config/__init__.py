"""harness.toml: services, success criteria, scenarios and the rest, checked and frozen.

Knows the shape of the file, not the meaning of a rule (`harness.verdicts` parses those) nor of a
scenario's load (its shape reads that). Every mistake is a `ConfigError` of one line that gives the
file, the dotted place and, for a mistyped name, the nearest known one.
"""

from harness.config._config import Config
from harness.config._credentials import HIDDEN, hide_credentials, hide_secrets, is_secret, split_credentials
from harness.config._derived import DerivedConfig, RequestsOf
from harness.config._load import load_config, parse_config
from harness.config._monitoring import MonitoringConfig
from harness.config._regression import RegressionConfig, RegressionRule
from harness.config._scenarios import DEFAULT_SEED, ScenarioConfig, ServiceConfig
from harness.config._suggest import suggest
from harness.config._suites import PlanConfig, PrometheusConfig, StepConfig, SuiteConfig
from harness.config._types import Table, Text
from harness.config._variables import (
    METRICS_VARIABLE,
    PORTS_VARIABLE,
    PROMETHEUS_VARIABLE,
    RUN_PATH_VARIABLE,
)

__all__ = [
    "DEFAULT_SEED",
    "HIDDEN",
    "METRICS_VARIABLE",
    "PORTS_VARIABLE",
    "PROMETHEUS_VARIABLE",
    "RUN_PATH_VARIABLE",
    "Config",
    "DerivedConfig",
    "MonitoringConfig",
    "PlanConfig",
    "PrometheusConfig",
    "RegressionConfig",
    "RegressionRule",
    "RequestsOf",
    "ScenarioConfig",
    "ServiceConfig",
    "StepConfig",
    "SuiteConfig",
    "Table",
    "Text",
    "hide_credentials",
    "hide_secrets",
    "is_secret",
    "load_config",
    "parse_config",
    "split_credentials",
    "suggest",
]
