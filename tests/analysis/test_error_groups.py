"""However many names and error texts a run has, its figures are few, and counts still add up."""

from pathlib import Path

import pytest

from harness.analysis import summarise
from tests.support.recorded_runs import one_hold, request, write_run


def failed(second: float, name: str, outcome: str, cause: str, error: str) -> dict[str, object]:
    return request(second, name=name) | {"outcome": outcome, "cause": cause, "error": error}


@pytest.mark.parametrize("kinds", [100, 101, 250])
def test_kinds_of_errors_beyond_a_hundred_are_told_together(tmp_path: Path, kinds: int) -> None:
    """Twice the first kind, once each of the others, which alternate between two outcomes."""
    rows = [failed(1.0, "/a", "invalid_answer", "answer", "text 000")]
    for n in range(kinds):
        outcome, cause = (("invalid_answer", "answer"), ("server_error", "service"))[n % 2]
        rows.append(failed(2.0 + n / 100, "/a", outcome, cause, f"text {n:03d}"))
    summary = summarise(write_run(tmp_path, rows, phases=one_hold()))
    assert sum(group.count for group in summary.errors) == summary.totals.errors == kinds + 1
    assert summary.errors[0].count == 2
    alone, together = summary.errors[:100], summary.errors[100:]
    assert {group.name for group in alone} == {"/a"}
    folded = kinds - 100
    assert {(group.name, group.outcome, group.cause) for group in together} <= {
        ("(other)", "invalid_answer", "answer"),
        ("(other)", "server_error", "service"),
    }
    assert sum(group.count for group in together) == folded
    notes = [note for note in summary.notes if "told together" in note]
    assert [note.split(" errors")[0] for note in notes] == ([f"{folded}"] if folded else [])


def test_a_hundred_names_have_figures_of_their_own(tmp_path: Path) -> None:
    """Those with the most requests: of 120 names the last hundred, which have two each."""
    rows = [request(1 + n / 100, name=f"/{n:03d}") for n in range(120)]
    rows += [request(3 + n / 100, name=f"/{n:03d}") for n in range(20, 120)]
    summary = summarise(write_run(tmp_path, rows, phases=one_hold()))
    assert list(summary.by_name) == [f"/{n:03d}" for n in range(20, 120)]
    assert summary.overall.requests == 220
    assert any(note.startswith("requests have 120 different names") for note in summary.notes)
