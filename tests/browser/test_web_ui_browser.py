"""Locust's web UI with the harness in it, driven in a real browser: start, watch, stop, start again.

Oracle: what a person would look for: the test runs, the tab shows the verdict and the folder of each
finished test, and the report opens.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

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
ROOT = Path(__file__).parents[2]
SHORT_RUNS = '[scenarios.work_user]\nlocustfiles = ["x.py"]\nwarm_up_s = 0.5\nsettle_s = 0.2\n'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} did not come up"
            time.sleep(0.1)


@pytest.fixture
def locust_url(tmp_path: Path) -> Iterator[str]:
    """A counting service, and Locust with its web UI on it."""
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    service, web = _free_port(), _free_port()
    support = ROOT / "tests" / "support"
    commands = [
        [sys.executable, str(support / "counting_service.py"), "--port", str(service), "--delay-s", "0.05"],
        [
            *(sys.executable, "-m", "locust", "-f", str(support / "work_user.py")),
            *("-H", f"http://127.0.0.1:{service}", "--web-host", "127.0.0.1", "--web-port", str(web)),
            *("--runs-dir", str(tmp_path / "runs"), "WorkUser"),
        ],
    ]
    processes = [
        subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
        for command in commands
    ]
    try:
        _wait_for(f"http://127.0.0.1:{service}/count")
        _wait_for(f"http://127.0.0.1:{web}/")
        yield f"http://127.0.0.1:{web}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


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
