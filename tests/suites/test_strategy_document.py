"""docs/strategy.md names what there is: scenarios, criteria with their rules, suites, commands."""

import re

import pytest

from harness.cli._main import build_parser
from harness.config import Config, load_config
from tests.support.processes import ROOT
from tests.support.strategy import SHORT, Row, rows

ROWS = rows()


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(ROOT / "harness.toml")


def test_there_are_tables() -> None:
    assert {row.table for row in ROWS} == {"kind", "criterion", "change against the baseline", "when"}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.words[0] == "harness"], ids=lambda row: row.cells[0]
)
def test_a_command_can_be_parsed_and_names_what_exists(row: Row, config: Config) -> None:
    options = build_parser().parse_args(row.words[1:])
    if row.words[1] in {"run", "regression"}:
        config.scenario(options.scenario)
    if row.words[1] == "suite":
        config.suite(options.name)


def test_every_command_is_of_the_harness_or_of_pytest() -> None:
    assert {row.words[0] for row in ROWS} == {"harness", "pytest"}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.table == "criterion"], ids=lambda row: row.cells[0]
)
def test_a_rule_is_that_of_the_configuration_and_of_the_scenario(row: Row, config: Config) -> None:
    name, rule = row.cells[0].strip("`"), row.cells[1].strip("`")
    assert config.criterion(name) == rule
    assert name in config.scenario(row.words[2]).criteria


def test_nothing_of_the_configuration_is_left_out(config: Config) -> None:
    words = {word for row in ROWS for word in row.words}
    assert set(config.suites) <= words
    assert set(config.scenarios) <= words, "a scenario without a place in the strategy"
    judged = {name for scenario in config.scenarios.values() for name in scenario.criteria}
    assert judged <= {row.cells[0].strip("`") for row in ROWS if row.table == "criterion"}


def test_the_schedule_is_complete() -> None:
    assert [row.words[-1] for row in ROWS if row.table == "when"] == [
        "pr",
        "daily",
        "nightly",
        "weekly",
        "monthly",
        "pre-release",
    ]


def test_every_scenario_of_a_suite_can_be_shortened(config: Config) -> None:
    used = {step.scenario for suite in config.suites.values() for step in suite.steps if step.scenario}
    assert used <= set(SHORT)


def test_the_readme_names_the_same_commands(config: Config) -> None:
    table = (ROOT / "README.md").read_text().partition("## Every kind of test")[2].partition("\n## ")[0]
    scenarios = set(re.findall(r"harness run (\w+)", table))
    assert scenarios == set(config.scenarios) - {"demo", "inference_live", "stress_arrivals"}
    named = set(re.findall(r"`(?:harness suite )?([\w-]+)`", table.splitlines()[-3]))
    assert set(config.suites) <= named


def test_cron_lines_name_suites(config: Config) -> None:
    lines = re.findall(r"harness suite ([\w-]+) +>>", (ROOT / "docs" / "suites.md").read_text())
    assert lines == ["daily", "nightly", "weekly", "monthly"]
    assert set(lines) <= set(config.suites)
