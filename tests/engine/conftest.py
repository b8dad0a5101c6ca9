"""A service of its own process, which stamps what it receives."""

from collections.abc import Iterator

import pytest

from tests.support.processes import ROOT, free_port, running


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [str(ROOT / "tests/support/stamping_service.py"), "--port", str(port), "--delay-ms", "200"]
    with running(command, f"{url}/stamps"):
        yield url
