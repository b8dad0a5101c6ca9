"""What tests of faults begin with: a service that notes or misbehaves, processes that end with the test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.plugin.conftest import SHORT_RUNS, run_locust
from tests.support.misbehaving import CONFIG, Misbehaving
from tests.support.starter import Starter
from tests.support.witness import Witness, witness_on_loopback

__all__ = ["run_locust"]


@pytest.fixture
def witness() -> Iterator[Witness]:
    """A service that notes when it answered which process."""
    with witness_on_loopback() as witness:
        yield witness


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts Locust processes with short waits; all of them end with the test."""
    (tmp_path / "harness.toml").write_text(SHORT_RUNS)
    with ExitStack() as stack:
        yield Starter(tmp_path, stack)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Misbehaving]:
    """A service with a fault behind every path."""
    (tmp_path / "harness.toml").write_text(CONFIG)
    misbehaving = Misbehaving(tmp_path / "ledger")
    misbehaving.start()
    yield misbehaving
    misbehaving.kill()
