"""The public surface of the package: what the rest may rely on."""

import harness.config


def test_public_names() -> None:
    assert harness.config.__all__ == [
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
    assert all(hasattr(harness.config, name) for name in harness.config.__all__)
