"""docs/traps.md names tests: each of them exists."""

import re

from tests.support.processes import ROOT


def test_every_test_that_the_document_names_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in (path.stem, *re.findall(r"def (test_\w+)", path.read_text()))
    }
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "traps.md").read_text()))
    assert len(named) > 30
    assert named - defined == set()
