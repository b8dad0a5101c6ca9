"""Fixtures of the report tests: the samples, and golden files with an update flag."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reports.all_samples import all_samples
from tests.reports.samples import HOSTILE

_HERE = Path(__file__).parent


@pytest.fixture
def samples() -> dict[str, Any]:
    """Each of `all_samples` by name."""
    return {**all_samples()}


@pytest.fixture
def hostile() -> str:
    """The text with markup in it that the full sample has in its names, errors and case ids."""
    return HOSTILE


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare with a file of tests/reports/golden; UPDATE_GOLDEN=1 writes it instead."""

    def check(name: str, text: str) -> None:
        path = _HERE / "golden" / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; UPDATE_GOLDEN=1 rewrites it"

    return check
