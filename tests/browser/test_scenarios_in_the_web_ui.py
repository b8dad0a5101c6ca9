"""Every scenario of harness.toml in Locust's web form: its user classes, its shape, its options.

Oracle: harness.toml itself, and the class that each file holds. The line is that of `harness run` with the
form in place of `--headless`.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from harness.cli._locust_line import RunRequest, load_words, locust_arguments, scenario_files
from harness.config import Config, load_config
from tests.support.processes import ROOT, free_port, running

CONFIG = load_config(ROOT / "harness.toml")

#: What Locust's own fields hold; all other load is among the custom parameters.
OWN_FIELDS = {"users": "userCount", "spawn_rate": "spawnRate", "run_time": "runTime"}
RUNS_AT_ONCE = {"--headless", "--quiet-locust"}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def config() -> Config:
    return CONFIG


@contextmanager
def form_of(
    page: Page, config: Config, scenario: str, *more: str, host: str = "http://127.0.0.1:9"
) -> Iterator[None]:
    """The page with the form of a scenario, its custom parameters open."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    words = locust_arguments(config, RunRequest(scenario, workers=0), host, 0)
    line = [word for word in words if word not in RUNS_AT_ONCE]
    line += [
        "--class-picker",
        "--web-host",
        "127.0.0.1",
        "--web-port",
        str(port),
        "--metrics-port",
        "0",
        *more,
    ]
    with running(["-m", "locust", *line], f"{url}/"):
        page.goto(url)
        page.get_by_text("Custom parameters").click()
        yield


def classes_in(path: Path) -> set[str]:
    """The classes of a file by their names; those that are no users are abstract, and among them."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


def fields(page: Page) -> dict[str, str]:
    """Name and value of every field of the form."""
    found = page.eval_on_selector_all("form [name]", "all => all.map((field) => [field.name, field.value])")
    return dict(found)


def in_camel_case(option: str) -> str:
    first, *rest = option.split("_")
    return first + "".join(word.capitalize() for word in rest)


@pytest.mark.parametrize("name", CONFIG.scenarios)
def test_a_scenario_is_in_the_pickers_with_its_options(
    page: Page, config: Config, name: str, tmp_path: Path
) -> None:
    scenario = config.scenario(name)
    files = scenario_files(config, scenario)
    with form_of(page, config, name, "--runs-dir", str(tmp_path)):
        offered = {row.strip() for row in page.get_by_role("row").all_inner_texts() if row.strip()}
        names = {row.split()[0] for row in offered}
        assert names, "user classes to choose from"
        assert names <= classes_in(files[0])
        assert set(scenario.user_classes) <= names

        found = fields(page)
        load = {key: words[1] for key in scenario.load if (words := load_words({key: scenario.load[key]}))}
        for option, written in load.items():
            field = OWN_FIELDS.get(option, in_camel_case(option))
            shown = config.expand(written).removesuffix("s" if option == "run_time" else "")
            assert found[field] == shown, option
        assert found["scenario"] == name

        shapes = set(page.locator("select[name=shapeClass] option").all_inner_texts()) - {"Default"}
        assert shapes <= {each for file in files for each in classes_in(file)}
        assert len(shapes) >= (scenario.shape is not None)


def test_a_mix_that_is_changed_in_the_form_takes_effect(page: Page, config: Config, tmp_path: Path) -> None:
    """Ten users by 8, 1, 1 in place of 5, 3, 2: the shares are those of the users, which all ask alike."""
    service = f"http://127.0.0.1:{(port := free_port())}"
    counting = ["tests/support/counting_service.py", "--port", str(port)]
    with (
        running(counting, f"{service}/count"),
        form_of(page, config, "end_to_end", "--runs-dir", str(tmp_path), host=service),
    ):
        page.get_by_label("Number of users").fill("10")
        page.get_by_label("Ramp up").fill("10")
        page.get_by_label("Mix (shares").fill("8,1,1")
        page.get_by_role("row", name="ColdStart").get_by_role("checkbox").uncheck()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_text("RUNNING")).to_be_visible(timeout=15_000)
        page.wait_for_timeout(4_000)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="New")).to_be_visible(timeout=20_000)
        (run,) = tmp_path.iterdir()
        load = json.loads((run / "manifest.json").read_text())["scenario"]["load"]
        users = Counter(
            pq.read_table(run / "requests.parquet", columns=["user_class"])["user_class"].to_pylist()
        )
    assert load["mix"] == "8,1,1"
    assert "ColdStart" not in users
    assert 6 < users["EndToEndSimple"] / users["EndToEndComplex"] < 10.5, users
    assert 0.7 < users["EndToEndModerate"] / users["EndToEndComplex"] < 1.4, users
