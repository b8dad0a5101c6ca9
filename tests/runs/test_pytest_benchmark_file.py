"""pytest-benchmark's JSON as samples per benchmark, and one line for what is not such a file."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UnreadableFileError
from harness.runs import is_benchmark_file, read_benchmarks

DOCUMENT: dict[str, Any] = {
    "datetime": "2026-11-24T12:03:20.834914+00:00",
    "version": "5.3.1",
    "commit_info": {"id": "2a7b978", "dirty": True},
    "machine_info": {
        "system": "Linux",
        "machine": "x86_64",
        "python_version": "3.13.0",
        "cpu": {"brand_raw": "AMD EPYC", "count": 2},
    },
    "benchmarks": [
        {"name": "test_quick", "stats": {"data": [1e-6, 2e-6, 1.5e-6]}},
        {"name": "test_case[simple-3]", "stats": {"data": [0.004]}},
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "micro.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_reads_samples_in_their_order(tmp_path: Path) -> None:
    session = read_benchmarks(written(tmp_path, DOCUMENT))
    assert session.calls_us == {
        "quick": pytest.approx((1.0, 2.0, 1.5)),
        "case[simple-3]": pytest.approx((4000.0,)),
    }
    assert session.session_id == "micro@2026-11-24T12:03:20"
    assert session.git_commit == "2a7b978+changes"
    assert (session.machine, session.python) == ("Linux x86_64 AMD EPYC, 2 CPUs", "3.13.0")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param([], "not what pytest", id="a list"),
        pytest.param({"schema_version": 1, "scenarios": {}}, "not what pytest", id="a baseline"),
        pytest.param(DOCUMENT | {"benchmarks": [{"name": "a"}]}, "KeyError 'stats'", id="no samples kept"),
        pytest.param(
            DOCUMENT | {"benchmarks": [{"name": "a", "stats": {"data": []}}]}, "no usable times", id="empty"
        ),
        pytest.param(
            DOCUMENT | {"benchmarks": [{"name": "a", "stats": {"data": [-1]}}]},
            "no usable times",
            id="below 0",
        ),
    ],
)
def test_what_is_none_is_refused_in_one_line(tmp_path: Path, document: Any, says: str) -> None:
    with pytest.raises(UnreadableFileError, match=re.escape(says)) as caught:
        read_benchmarks(written(tmp_path, document))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    assert not is_benchmark_file(tmp_path / "none.json")
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_benchmarks(tmp_path / "none.json")


def test_is_told_from_a_baseline(tmp_path: Path) -> None:
    assert is_benchmark_file(written(tmp_path, DOCUMENT))
    assert not is_benchmark_file(written(tmp_path, {"schema_version": 1, "scenarios": {}}))


def test_reads_what_the_installed_pytest_benchmark_writes(tmp_path: Path) -> None:
    test = "def test_sum(benchmark):\n    benchmark.pedantic(sum, ([1, 2],), iterations=10, rounds=7)\n"
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--benchmark-json=out.json",
            "test_it.py",
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        check=True,
        capture_output=True,
    )
    session = read_benchmarks(tmp_path / "out.json")
    assert list(session.calls_us) == ["sum"]
    assert len(session.calls_us["sum"]) == 7
    assert all(0 < time_us < 1e5 for time_us in session.calls_us["sum"])
