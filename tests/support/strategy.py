"""docs/strategy.md as data, and what makes its commands short enough for a test."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import Config
from tests.support.processes import ROOT

STRATEGY = ROOT / "docs" / "strategy.md"

#: Options that shorten a scenario to some seconds; the load is real, and far too small to judge by.
SHORT: Mapping[str, Mapping[str, Any]] = {
    "cases": {"levels": [3, 5], "hold_s": 7},
    "demo": {"levels": [3, 5], "hold_s": 7},
    "end_to_end": {"mixed_users": 6, "alone_s": 7, "mixed_s": 8},
    "agents": {"run_time": "10s"},
    "inference": {"models": ["openai/gpt-oss-20b"], "calls": 8, "warm_up_calls": 1},
    "stress": {"stress_to": 20, "stress_hold_s": 20, "stress_settle_s": 2},
    "stress_arrivals": {"stress_from": 2, "stress_to": 4, "stress_by": 2, "stress_hold_s": 8},
    "spike": {
        "spike_baseline": 2,
        "spike_peak": 6,
        "spike_baseline_s": 8,
        "spike_peak_s": 6,
        "spike_recovery_s": 8,
    },
    "soak": {"soak_users": 3, "soak_minutes": 0.3},
    "wave": {"wave_low": 1, "wave_high": 4, "wave_day_minutes": 0.5, "wave_hours": 4},
    "fixed_count": {"counts": ["6@2", "10@4"]},
    "breakpoint": {
        "breakpoint_start": 4,
        "breakpoint_max": 8,
        "breakpoint_hold_s": 6,
        "breakpoint_longest_hold_s": 6,
        "breakpoint_settle_s": 1,
        "breakpoint_max_minutes": 0.5,
    },
}

#: One microbenchmark in place of all.
MICRO = "benchmarks/micro/test_parse.py"


@dataclass(slots=True, frozen=True)
class Row:
    """One row of a table: the heading of its first column, its cells, and the command in the last."""

    table: str
    cells: tuple[str, ...]
    command: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)


def rows(path: Path = STRATEGY) -> list[Row]:
    """Every row of the tables whose last column is `command`."""
    found: list[Row] = []
    table = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = (
            [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        )
        if not cells or set(line) <= set("|- "):
            table = table if cells else ""
        elif not table:
            table = cells[0] if cells[-1] == "command" else ""
        else:
            command = re.fullmatch(r"`([^`]+)`", cells[-1])
            assert command is not None, f"no command in: {line}"
            found.append(Row(table, tuple(cells), command[1]))
    return found


def short_config(config: Config, folder: Path) -> Path:
    """harness.toml with its suites shortened, results and baseline in `folder`; the path of the new file."""
    text = (ROOT / "harness.toml").read_text(encoding="utf-8").partition("\n# --- suites:")[0]
    for kind in ("locustfiles", "shapes"):
        text = text.replace(f'"{kind}/', f'"{ROOT}/{kind}/')
    text = text.replace('"benchmarks/results"', f'"{folder}/results"')
    text = text.replace('"benchmarks/baseline.json"', f'"{folder}/baseline.json"')
    parts = [text]
    for name, suite in config.suites.items():
        parts.append(f"[suites.{name}]\nsign_off = {_value(suite.sign_off)}\nrepeat_invalid = 0\n")
        parts.append("steps = [")
        parts += [
            f"    {_value(_short_step(step.model_dump(exclude_defaults=True)))}," for step in suite.steps
        ]
        parts.append("]\n")
    calls = {role: list(names) for role, names in config.plan.calls.items()}
    parts.append(f"[plan]\ncalls = {_value(calls)}\n")
    path = folder / "harness.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _short_step(step: dict[str, Any]) -> dict[str, Any]:
    scenario = step.get("run") or step.get("regression")
    short = {key: value for key, value in step.items() if key not in {"confirm", "runs"}}
    if scenario:
        short["options"] = dict(SHORT[scenario])
    if "command" in step:
        short["command"] = [MICRO if word == "benchmarks/micro" else word for word in step["command"]]
    return short


def _value(value: Any) -> str:
    """A value as TOML; tables inline."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _:
            return str(value)
