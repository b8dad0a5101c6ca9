"""Locust's web UI with the harness in it, driven in a real browser: start, watch, stop, start again.

Oracle: what a person would look for: the test runs, the tab shows the verdict and the folder of each
finished test, and the report opens.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.processes import free_port, running

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHORT_RUNS = '[scenarios.work_user]\nlocustfiles = ["x.py"]\nwarm_up_s = 0.5\nsettle_s = 0.2\n'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


@pytest.fixture
def locust_url(tmp_path: Path) -> Iterator[str]:
    """A counting service, and Locust with its web UI on it."""
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    ports = [free_port(), free_port()]
    service, web = (f"http://127.0.0.1:{port}" for port in ports)
    counting = ["tests/support/counting_service.py", "--port", str(ports[0]), "--delay-s", "0.05"]
    locust = ["-m", "locust", "-f", "tests/support/work_user.py", "-H", service, "WorkUser"]
    locust += ["--web-host", "127.0.0.1", "--web-port", str(ports[1]), "--runs-dir", str(tmp_path / "runs")]
    with (
        running(counting, f"{service}/count"),
        running(locust, f"{web}/", {"HARNESS_CONFIG": str(tmp_path / "harness.toml")}),
    ):
        yield web


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        yield page
        browser.close()


def _run_a_test(page: Page) -> None:
    page.get_by_label("Number of users").fill("4")
    page.get_by_label("Ramp up").fill("4")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("RUNNING")).to_be_visible(timeout=15_000)
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
    for run in runs:
        expect(page.get_by_role("cell", name=run, exact=True)).to_be_visible(timeout=10_000)
        expect(page.get_by_role("cell", name=str(tmp_path / "runs" / run), exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "verdicts.png")

    page.goto(f"{locust_url}/harness/report/latest")
    expect(page.get_by_role("heading", name="Latency Distribution")).to_be_visible()
    expect(page.get_by_text(runs[-1]).first).to_be_visible()
