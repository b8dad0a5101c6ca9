"""Fixtures of the report tests: the samples, and golden files with an update flag."""

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_SAMPLES = runpy.run_path(str(_HERE / "samples.py"))


@pytest.fixture
def samples() -> dict[str, Any]:
    """Each named case of samples.py: full, passing, invalid, stock_csv."""
    found: dict[str, Any] = _SAMPLES["all_samples"]()
    return found


@pytest.fixture
def hostile() -> str:
    """The text with markup in it that the full sample has in its names, errors and case ids."""
    return str(_SAMPLES["HOSTILE"])


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
