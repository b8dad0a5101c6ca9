"""A real Prometheus for tests: the binary where there is one, else its image; and what it is asked."""

import json
import math
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ROOT, free_port

FOLDER = ROOT / "deploy" / "prometheus"
IMAGE = "prom/prometheus:latest"
READY_S = 30

Json = Any


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Json:
        """The data of an answer; what Prometheus says is wrong fails the test."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                document: Json = json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        assert document["status"] == "success", document
        data: Json = document["data"]
        return data

    def values(self, expr: str) -> list[float]:
        """The finite values of an instant query."""
        found = [float(series["value"][1]) for series in self.get("query", query=expr)["result"]]
        return [value for value in found if math.isfinite(value)]


@contextmanager
def prometheus(folder: Path, targets: dict[str, str]) -> Iterator[Prometheus]:
    """deploy/prometheus as it is, but for its targets and that it looks every second.

    `targets` has an address for each one of the file's.
    """
    text = (FOLDER / "prometheus.yml").read_text()
    for of_compose, here in targets.items():
        assert text.count(f'"{of_compose}"') == 1
        text = text.replace(of_compose, here)
    text = text.replace("_interval: 5s", "_interval: 1s").replace("scrape_timeout: 4s", "scrape_timeout: 1s")
    (folder / "prometheus.yml").write_text(text)
    shutil.copy(FOLDER / "rules.yml", folder)
    (folder / "data").mkdir()
    folder.chmod(0o755)
    url = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*_command(folder), f"--web.listen-address={url}", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + READY_S
            while not _ready(f"http://{url}/-/ready"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "Prometheus did not come up"
                time.sleep(0.2)
            yield Prometheus(f"http://{url}")
        finally:
            process.terminate()
            process.wait(20)


def _command(folder: Path) -> list[str]:
    if binary := shutil.which("prometheus"):
        return [binary]
    if docker := shutil.which("docker"):
        done = subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True, check=False)
        if done.returncode == 0:
            user = f"{os.getuid()}:{os.getgid()}"
            run = [docker, "run", "--rm", "--network=host", "--user", user]
            return [*run, "--volume", f"{folder}:{folder}", IMAGE]
    pytest.skip(f"neither a `prometheus` nor the image {IMAGE} is here")


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def sides(expr: str) -> tuple[str, str]:
    """The measured side of an alert's rule and its limit; rules are written as `measured OPERATOR limit`."""
    measured, _, limit = re.split(
        r" ([<>]=?) (?:on \(\w+\) )?(?!.* [<>]=? )", " ".join(expr.split()), maxsplit=1
    )
    return measured, limit
