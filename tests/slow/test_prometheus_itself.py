"""The criteria of a deployed service, asked of a real Prometheus that scrapes the bundled service."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from harness.analysis import Selection
from harness.cli._suite_steps import _fetch
from harness.config import PrometheusConfig
from harness.stats import Estimate
from harness.suites import PrometheusApi, PrometheusMeasurements
from tests.support.processes import free_port, get, simulated_target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = 40
CASE = {"chief_complaint": "mild sore throat and runny nose for two days"}

CONFIG = """\
global: {{ scrape_interval: 1s }}
scrape_configs:
  - job_name: target
    static_configs: [{{ targets: ["{target}"] }}]
"""


@contextmanager
def scraping(target: str, folder: Path) -> Iterator[str]:
    """A Prometheus of its own that looks at `target` every second; yields its address."""
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target.removeprefix("http://")))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/-/ready")
            yield url
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            get(url)
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not come up"
            time.sleep(0.2)
        else:
            return


def total_ms(client: httpx.Client, case_id: str) -> float:
    """Post a case; how long it took inside the service, as it says itself."""
    answer = client.post("/api/cases", json={"case_id": case_id, **CASE})
    answer.raise_for_status()
    found = re.search(r"\btotal;dur=([\d.]+)", answer.headers["server-timing"])
    assert found is not None
    return float(found[1])


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on the path")
def test_figures_of_a_real_prometheus_are_those_of_the_requests(tmp_path: Path) -> None:
    with (
        simulated_target(0.2) as (_, target),
        scraping(target, tmp_path) as url,
        httpx.Client(base_url=target, timeout=30) as client,
    ):
        # A counter counts from its second sample on: the series have to be there before the cases.
        total_ms(client, "first")
        time.sleep(4)
        took_ms = [total_ms(client, str(number)) for number in range(CASES)]
        time.sleep(4)
        config = PrometheusConfig.model_validate({"selector": 'job="target"', "window_h": 0.1})
        measured = PrometheusMeasurements(PrometheusApi(url, _fetch), config)
        mean = measured.estimate("mean", "response_time", Selection())
        median = measured.estimate("p50", "response_time", Selection())
        errors = measured.estimate("rate", "error_rate", Selection())
        counted = measured.requests()

    # Prometheus extrapolates an increase by up to a scrape interval, which is much of these few seconds.
    assert 0.95 * CASES <= counted <= 1.4 * CASES
    assert isinstance(mean, Estimate)
    assert mean.value == pytest.approx(sum(took_ms) / CASES, rel=0.1)
    assert isinstance(median, Estimate)
    assert median.value is not None
    assert median.value < max(took_ms)
    assert isinstance(errors, Estimate)
    assert errors.value == 0.0
