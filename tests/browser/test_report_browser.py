"""report.html in Chromium: draws, asks for nothing, follows the theme, fits a telephone, reads without JS."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from harness.reports import write_reports
from tests.reports.all_samples import all_samples
from tests.reports.compared_sample import compared
from tests.support.chromium import WORST_CONTRAST

pytestmark = pytest.mark.browser

CHARTS = 6
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of every sample, and `compared`: the full one with a regression."""
    samples = all_samples()
    regression = compared()
    root = tmp_path_factory.mktemp("reports")
    written = {name: write_reports(root / name, *sample) for name, sample in samples.items()}
    full = samples["full"]
    written["compared"] = write_reports(
        root / "compared", full.summary, full.judgement, full.manifest, full.trend, regression
    )
    return {name: files["report.html"] for name, files in written.items()}


@pytest.fixture
def opened(browser: Browser, folders: dict[str, Path]) -> Open:
    """Opens a sample's report; fails where the page logs an error or asks for anything but itself."""

    @contextmanager
    def open_page(name: str = "full", width: int = 1280, **options: Any) -> Iterator[Page]:
        address = folders[name].as_uri()
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        page = context.new_page()
        problems: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        yield page
        context.close()
        assert problems == []
        assert [url for url in requests if url.split("#")[0] != address and not url.startswith("data:")] == []

    return open_page


def test_draws_every_chart_and_asks_for_nothing(opened: Open) -> None:
    with opened() as page:
        page.wait_for_function(
            f"document.querySelectorAll('.chart:has(svg g[class$=tick])').length === {CHARTS}"
        )
        assert page.locator(".chart svg path[d]").count() > 3 * CHARTS
        assert page.locator("details.data[open]").count() == 0


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("full", 360),
        ("full", 1280),
        ("stock_csv", 360),
        ("compared", 360),
        ("compared", 1280),
        ("carried", 360),
    ],
)
def test_the_page_itself_never_scrolls_sideways(opened: Open, name: str, width: int) -> None:
    with opened(name, width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_verdict_mode_and_first_rule_are_on_the_first_screen_of_a_telephone(opened: Open) -> None:
    with opened(width=360) as page:
        for selector in (".word", ".mode", ".rules .verdict"):
            box = page.locator(selector).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 800, selector


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_theme_follows_the_system_and_the_button_with_the_charts(
    opened: Open, scheme: str, other: str
) -> None:
    with opened(color_scheme=scheme) as page:
        text_of_chart = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
        page.wait_for_selector(".chart .xtick text")
        before = (page.evaluate(BACKGROUND), page.evaluate(text_of_chart))
        page.locator("button.theme").focus()
        page.keyboard.press("Enter")
        page.wait_for_function(f"{text_of_chart} !== '{before[1]}'")
        assert page.evaluate(BACKGROUND) != before[0]
        assert page.evaluate("document.documentElement.dataset.theme") == other
        assert page.locator("button.theme").get_attribute("aria-pressed") == str(other == "dark").lower()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_all_text_is_at_least_that_of_wcag_aa(opened: Open, scheme: str) -> None:
    with opened("compared", color_scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        contrast, where = page.evaluate(WORST_CONTRAST)
        assert contrast >= 4.5, where


def test_reads_without_javascript(opened: Open) -> None:
    with opened(java_script_enabled=False) as page:
        assert page.locator("h1").inner_text().startswith("1 of 4 criteria had no data")
        assert page.locator("details.data[open]").count() == CHARTS
        assert page.locator("details.data table").first.is_visible()
        assert page.locator(".chart").first.is_hidden()
        assert page.locator("button.theme").is_hidden()


def test_a_regression_reads_without_javascript_and_its_word_is_on_the_first_screen(opened: Open) -> None:
    with opened("compared", width=360, java_script_enabled=False) as page:
        box = page.locator(".chips .verdict", has_text="BLOCK").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800
        row = page.locator("#regression ~ .compared tbody tr").first
        assert "is synthesis time" in row.inner_text()
        assert row.locator(".track .dot").is_visible()
        folded = page.locator("#regression ~ details")
        assert folded.locator("table").is_hidden()
        folded.locator("summary").focus()
        page.keyboard.press("Enter")
        assert folded.locator("table").is_visible()


def test_the_data_tables_open_from_the_keyboard(opened: Open) -> None:
    with opened() as page:
        summary = page.locator("details.data > summary").first
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator("details.data table").first.is_visible()


def test_prints_on_white_without_controls(opened: Open) -> None:
    with opened(color_scheme="dark") as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        fill = page.evaluate("getComputedStyle(document.querySelector('.chart .xtick text')).fill")
        assert fill == "rgb(86, 97, 112)"
        assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
        assert page.locator("button.theme").is_hidden()
