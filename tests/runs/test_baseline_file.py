"""benchmarks/baseline.json: what is written is read back, small, in order, a line to a series."""

import json
from pathlib import Path

import pytest

from harness.analysis import run_from_json, run_to_json
from harness.errors import UnreadableFileError
from harness.runs import BaselineEntry, baseline_text, read_baselines, write_baselines
from tests.support.compared_runs import run


def entry(scenario: str, *numbers: int) -> BaselineEntry:
    runs = tuple(run_to_json(run(number)) for number in numbers)
    return BaselineEntry(scenario, "2026-11-24T06:33:00+00:00", runs)


def test_round_trip_of_several_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks" / "baseline.json"
    entries = {"soak": entry("soak", 3), "cases": entry("cases", 1, 2)}
    write_baselines(path, entries)
    found = read_baselines(path)
    assert list(found) == ["cases", "soak"]
    assert [len(one.runs) for one in found.values()] == [2, 1]
    assert run_from_json(found["cases"].runs[0]) == run_from_json(entries["cases"].runs[0])


def test_writing_again_what_was_read_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baselines(path, {"cases": entry("cases", 1)})
    before = path.read_text(encoding="utf-8")
    write_baselines(path, read_baselines(path))
    assert path.read_text(encoding="utf-8") == before


def test_a_series_is_one_line_and_another_run_changes_only_its_own_lines() -> None:
    text = baseline_text({"cases": entry("cases", 1)})
    lines = text.splitlines()
    series = [line for line in lines if line.lstrip().startswith('"response_time')]
    assert len(series) == 1
    assert json.loads(text)["schema_version"] == 1
    assert [line for line in lines if line.startswith("  ")] == sorted(
        (line for line in lines if line.startswith("  ")),
        key=lambda line: ("contrib" in line, lines.index(line)),
    )


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert read_baselines(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a baseline of version 1"),
        ('{"schema_version": 2, "scenarios": {}}', "not a baseline of version 1"),
        ('{"schema_version": 1}', "not a baseline"),
        ('{"schema_version": 1, "scenarios": {"a": {"runs": []}}}', "saved_at"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=says) as caught:
        read_baselines(path)
    assert str(path) in str(caught.value)
