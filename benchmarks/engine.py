"""How fast, exact and frugal the load generator is, beside Locust's own users, hey and wrk: one table.

    make bench            or            .venv/bin/python benchmarks/engine.py [--quick] [--only NAME] ...

Generators are real processes on one core, the server on another. Every figure with an alternative is
measured in rounds that run both, in alternating order; shown are the medians, the median ratio and the range
over the rounds. A tool that is not installed gives a row that says so. What each figure is:
docs/benchmarks.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import _engine_micro as micro
from benchmarks import _engine_open_loop as open_loop
from benchmarks import _engine_throughput as throughput
from benchmarks._engine_servers import Cores, machine, raise_open_files
from benchmarks._engine_table import Row, as_text, as_tsv


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long."""

    rounds: int
    settle_s: float
    window_s: float
    open_rounds: int
    open_window_s: float
    held_rounds: int
    rows: int


FULL = Plan(rounds=5, settle_s=1.5, window_s=4, open_rounds=3, open_window_s=6, held_rounds=2, rows=400_000)
QUICK = Plan(
    rounds=2, settle_s=0.5, window_s=1.5, open_rounds=1, open_window_s=3, held_rounds=1, rows=100_000
)
NAMES = (*throughput.OTHERS, "latency", "schedule", "in-flight", "recording", "intake")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print. 0 also when goals are missed, which depends on the machine; 1 if a row failed."""
    options = _options(argv)
    raise_open_files()
    cores, about = Cores.of_this_machine(), machine()
    plan = QUICK if options.quick else FULL
    rows = measured(options.only or NAMES, plan, cores, about)
    if options.json:
        document = {"plan": asdict(plan), "machine": about, "rows": [row.document() for row in rows]}
        print(json.dumps(document, indent=2))
    elif options.tsv:
        print(as_tsv(rows))
    else:
        print(_heading(about, cores, plan))
        print(as_text(rows))
    return 1 if any(row.failed for row in rows) else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the load generator against others.")
    parser.add_argument(
        "--quick", action="store_true", help="one to two minutes instead of eight, with wider spreads"
    )
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tsv", action="store_true", help="print columns separated by tabs")
    form.add_argument("--json", action="store_true", help="print JSON with the value of every round")
    return parser.parse_args(argv)


def measured(names: Sequence[str], plan: Plan, cores: Cores, about: dict[str, object]) -> list[Row]:
    """The rows asked for, in the table's order."""
    rows: list[Row] = []
    if closed := [name for name in throughput.OTHERS if name in names]:
        _progress("closed loop: " + ", ".join(closed))
        about["server"], found = throughput.rows(
            closed, cores, rounds=plan.rounds, settle_s=plan.settle_s, window_s=plan.window_s
        )
        rows += found
    open_settle_s = plan.settle_s + 1  # the first arrivals open the connections
    parts = {
        "latency": lambda: open_loop.latency(
            cores, rounds=plan.open_rounds, settle_s=open_settle_s, window_s=plan.open_window_s
        ),
        "schedule": lambda: open_loop.schedule(
            cores, rounds=plan.open_rounds, settle_s=open_settle_s, window_s=plan.open_window_s
        ),
        "in-flight": lambda: open_loop.in_flight(cores, rounds=plan.held_rounds, window_s=plan.window_s),
        "recording": lambda: micro.recording(cores, rounds=plan.rounds, rows=plan.rows),
        "intake": lambda: micro.intake(cores, rounds=plan.rounds, rows=plan.rows),
    }
    for name in NAMES:
        if name in names and name in parts:
            _progress(name)
            rows += parts[name]()
    return rows


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _heading(about: dict[str, object], cores: Cores, plan: Plan) -> str:
    where = (
        f"generator on core {cores.generator}, server on core {cores.server}"
        if cores.generator is not None
        else "nothing pinned"
    )
    server = f"{about['server']}; " if "server" in about else ""
    return (
        f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, load before "
        f"{about['load_average_before']}; {server}{where}; {plan.rounds} rounds of {plan.window_s:g} s"
    )


if __name__ == "__main__":
    sys.exit(main())
