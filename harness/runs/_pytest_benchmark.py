"""The JSON of pytest-benchmark: how long each call took, in the order in which it was measured.

What `pytest benchmarks/micro --benchmark-json=FILE` writes. Reads the samples themselves and none of
the statistics beside them; needs no pytest.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UnreadableFileError

_US_PER_S = 1e6


@dataclass(slots=True, frozen=True)
class BenchmarkSession:
    """One session of microbenchmarks.

    `calls_us` holds by benchmark the mean time of a call in each round, in µs, in the order of time.
    `machine` and `python` are what two sessions must share to be comparable.
    """

    session_id: str
    started_at: str
    git_commit: str
    machine: str
    python: str
    calls_us: Mapping[str, tuple[float, ...]]


def is_benchmark_file(path: Path) -> bool:
    """Whether a file is JSON that pytest-benchmark wrote."""
    try:
        return path.is_file() and _is_session(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def read_benchmarks(path: Path) -> BenchmarkSession:
    """Read one session. Raises UnreadableFileError, in one line, for anything else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UnreadableFileError(f"{path}: not JSON, or cut off") from error
    if not _is_session(document):
        raise UnreadableFileError(f"{path}: not what pytest --benchmark-json writes")
    try:
        started_at = str(document["datetime"])
        commit = document.get("commit_info") or {}
        return BenchmarkSession(
            session_id=f"{path.stem}@{started_at[:19]}",
            started_at=started_at,
            git_commit=f"{commit.get('id') or 'unknown'}{'+changes' if commit.get('dirty') else ''}",
            machine=_machine(document["machine_info"]),
            python=str(document["machine_info"].get("python_version", "unknown")),
            calls_us={_name(found): _calls_us(found) for found in document["benchmarks"]},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__} {error}"
        raise UnreadableFileError(f"{path}: not what pytest --benchmark-json writes ({reason})") from error


def _is_session(document: Any) -> bool:
    return isinstance(document, dict) and {"benchmarks", "machine_info", "datetime"} <= document.keys()


def _name(record: Mapping[str, Any]) -> str:
    """The test's name as a rule can hold it.

    >>> _name({"name": "test_case[simple-3]"}), _name({"name": "test_x[a={1,2}]"})
    ('case[simple-3]', 'x[a__1_2_]')
    """
    name = str(record["name"]).removeprefix("test_")
    return "".join("_" if character in "{},=" else character for character in name)


def _calls_us(record: Mapping[str, Any]) -> tuple[float, ...]:
    # pytest-benchmark has divided each round by its number of calls.
    times = tuple(float(seconds) * _US_PER_S for seconds in record["stats"]["data"])
    if not times or not all(math.isfinite(time) and time >= 0 for time in times):
        raise ValueError(f"no usable times of {record['name']}")
    return times


def _machine(info: Mapping[str, Any]) -> str:
    """As a run's fingerprint has it, with the processor's name: a microbenchmark measures little else."""
    cpu = info.get("cpu") or {}
    words = [str(info.get("system", "")), str(info.get("machine", "")), str(cpu.get("brand_raw", ""))]
    return f"{' '.join(word for word in words if word)}, {cpu.get('count', 'unknown')} CPUs"
