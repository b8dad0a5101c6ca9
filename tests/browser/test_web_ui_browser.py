"""Locust's web UI with the harness in it, driven in a real browser: start, watch, stop, start again.

Oracle: what a person would look for: the test runs, the tab follows it and shows the verdict and the
folder of each finished test, and the report opens.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.support.awkward_names import IMAGE, SCRIPT
from tests.support.chromium import WORST_CONTRAST
from tests.support.processes import free_port, running

SHORT_RUNS = """
[criteria]
quick = "p95(response_time) < 100 ms, critical < 60 s"

[scenarios.work_user]
locustfiles = ["x.py"]
criteria = ["quick"]
warm_up_s = 0.5
settle_s = 0.2
"""

pytestmark = pytest.mark.browser


@dataclass(slots=True)
class Locust:
    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture
def locust(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Locust]:
    """A counting service, and Locust with its web UI on it; a parameter names the locustfile."""
    locustfile = getattr(request, "param", "work_user")
    (tmp_path / "harness.toml").write_text(SHORT_RUNS.replace("work_user", locustfile))
    ports = [free_port(), free_port()]
    service, web = (f"http://127.0.0.1:{port}" for port in ports)
    counting = ["tests/support/counting_service.py", "--port", str(ports[0]), "--delay-s", "0.05"]
    command = ["-m", "locust", "-f", f"tests/support/{locustfile}.py", "-H", service]
    command += ["WorkUser"] if locustfile == "work_user" else []
    command += ["--web-host", "127.0.0.1", "--web-port", str(ports[1]), "--runs-dir", str(tmp_path / "runs")]
    command += ["--metrics-port", "0"]
    with (
        running(counting, f"{service}/count"),
        running(command, f"{web}/", {"HARNESS_CONFIG": str(tmp_path / "harness.toml")}) as process,
    ):
        yield Locust(web, process)


@pytest.fixture
def locust_url(locust: Locust) -> str:
    return locust.url


def _start(page: Page, users: int) -> None:
    page.get_by_label("Number of users").fill(str(users))
    page.get_by_label("Ramp up").fill(str(users))
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("RUNNING")).to_be_visible(timeout=15_000)


def _run_a_test(page: Page) -> None:
    _start(page, users=4)
    page.wait_for_timeout(4_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="New")).to_be_visible(timeout=20_000)


def test_start_watch_stop_start_again_and_open_the_report(
    page: Page, locust_url: str, tmp_path: Path
) -> None:
    page.goto(locust_url)
    page.get_by_text("Custom parameters").click()
    expect(page.get_by_label("Scenario")).to_be_visible()
    _run_a_test(page)
    page.get_by_role("button", name="New").click()
    _run_a_test(page)

    page.get_by_role("tab", name="Verdicts").click()
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(runs) == 2
    tab = page.frame_locator("iframe.harness-live")
    for run in runs:
        expect(tab.get_by_text(str(tmp_path / "runs" / run), exact=True)).to_be_visible(timeout=10_000)
    expect(tab.get_by_role("heading", name="Can the measurement be believed?")).to_be_visible()
    page.screenshot(path=tmp_path / "verdicts.png")

    with page.expect_popup() as opened:
        tab.get_by_role("link", name="report.html").first.click()
    report = opened.value
    expect(report.get_by_role("heading", name="Latency Distribution")).to_be_visible()
    expect(report.get_by_text(runs[-1]).first).to_be_visible()


def test_the_tab_is_refreshed_while_the_test_runs(page: Page, locust_url: str) -> None:
    """Locust's other tabs stay as they are; the page is never loaded anew."""
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    page.goto(locust_url)
    _start(page, users=4)
    page.get_by_role("tab", name="Verdicts").click()
    frame = page.frame_locator("iframe.harness-live")
    expect(frame.locator(".banner .word")).to_contain_text("RUNNING", timeout=30_000)
    expect(frame.get_by_role("row", name="simple")).to_be_visible(timeout=30_000)
    expect(frame.get_by_role("img", name="p95 response time")).to_be_visible(timeout=30_000)
    _assert_levels_are_drawn(frame)
    requests = frame.locator(".tiles div", has_text="Requests").locator("dd")
    before = int(requests.inner_text().replace(",", ""))
    page.wait_for_function(
        "before => Number(document.querySelector('iframe.harness-live').contentDocument"
        ".querySelectorAll('.tiles dd')[2].textContent.replace(',', '')) > before",
        arg=before,
    )
    page.get_by_role("tab", name="Statistics").click()
    expect(page.locator("iframe.harness-live")).to_be_hidden()
    expect(page.get_by_role("cell", name="/work").first).to_be_visible()
    page.get_by_role("tab", name="Verdicts").click()
    expect(page.get_by_role("table")).to_have_count(0)  # Locust's plain table is behind ours
    page.get_by_role("button", name="Stop").click()
    expect(frame.get_by_text("Ended: stopped")).to_be_visible(timeout=20_000)
    assert len([url for url in loads if url.endswith("/harness/live?framed")]) == 1


def _assert_levels_are_drawn(frame: FrameLocator) -> None:
    """The target has a line and a name; the critical level, far above, is told in the legend."""
    drawn = frame.locator("#charts .card").first
    expect(drawn.get_by_role("img", name="levels: target < 100 ms, critical < 60000 ms")).to_be_visible()
    expect(drawn.locator("svg[role=img] path.level.target")).to_have_count(1)
    expect(drawn.locator("svg[role=img] text.level")).to_have_text(["target"])
    expect(drawn.locator("svg[role=img] path.level.critical")).to_have_count(0)
    expect(drawn.get_by_text("critical < 60000 ms above the chart")).to_be_visible()


@pytest.mark.parametrize("locust", ["awkward_users"], indirect=True)
def test_markup_in_names_stays_text(page: Page, locust: Locust) -> None:
    page.goto(f"{locust.url}/harness/live")
    expect(page.get_by_text("Nothing to show yet")).to_be_visible()
    controls = page.context.new_page()
    controls.goto(locust.url)
    _start(controls, users=10)
    expect(page.get_by_role("rowheader", name=SCRIPT)).to_be_visible(timeout=30_000)
    expect(page.get_by_role("rowheader", name=IMAGE)).to_be_visible()
    expect(page.get_by_role("cell", name=f"{IMAGE} is wrong")).to_be_visible(timeout=30_000)
    assert page.title() == "Verdicts, live"
    assert page.locator("main script, main img").count() == 0
    assert page.locator("#names tbody tr").count() <= 12
    looks: tuple[tuple[int, Literal["light", "dark"]], ...] = (
        *((1280, "light"), (1280, "dark")),
        *((400, "light"), (400, "dark")),
    )
    for width, colours in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=colours)
        expect(page.locator("html")).to_have_attribute("data-theme", colours, timeout=10_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        contrast, where = page.evaluate(WORST_CONTRAST)
        assert contrast >= 4.5, where


def test_a_page_whose_locust_is_gone_says_so(page: Page, locust: Locust) -> None:
    page.goto(f"{locust.url}/harness/live")
    expect(page.get_by_text("Nothing to show yet")).to_be_visible()
    locust.process.terminate()
    expect(page.get_by_role("alert")).to_contain_text("Locust does not answer", timeout=20_000)
