"""`harness baseline`: what later runs are compared with, kept in one small file in git."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show
from harness.errors import ExitCode, UserError

if TYPE_CHECKING:
    from harness.config import Config
    from harness.runs import BaselineEntry

_EPILOG = """\
A baseline holds the distributions of the runs it was saved from, so that the runs themselves need
not be kept. One that holds several runs knows how much runs differ, and sees smaller changes.

examples:
  harness baseline save latest
  harness baseline save RUN1 RUN2 RUN3         one baseline of three runs of a scenario
  harness baseline show
  harness baseline promote RUN                 in place of the scenario's present baseline
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "baseline",
        help="save, show or replace what runs are compared with",
        description="Save, show or replace baselines.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, words in (
        ("save", "save runs as the baseline of a scenario that has none"),
        ("promote", "save runs in place of the scenario's baseline"),
    ):
        action = actions.add_parser(name, help=words, description=f"{words.capitalize()}.")
        action.add_argument("runs", nargs="+", metavar="RUN", help="a run folder or id; all of one scenario")
        add_runs_dir_option(action)
        _add_common(action)
        action.set_defaults(command=_save, replace=name == "promote")
    action = actions.add_parser("show", help="list the baselines", description="List the baselines.")
    action.add_argument("--json", action="store_true", help="print them as JSON, without their samples")
    _add_common(action)
    action.set_defaults(command=_show)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline", metavar="FILE", help="the file (default: `baseline` under [regression] in harness.toml)"
    )
    add_config_option(parser)


def _save(options: argparse.Namespace) -> int:
    from harness.cli._sides import baseline_path
    from harness.config import load_config

    refuse_extra(options)
    config = load_config(options.config_file)
    path = baseline_path(config, options.baseline)
    show(save_baseline(options.runs, path, config.runs_path(options.runs_dir), replace=options.replace))
    return ExitCode.OK


def save_baseline(words: Sequence[str], path: Path, runs_dir: Path, *, replace: bool) -> str:
    """Save runs as the baseline of their scenario; returns what was done, in one line.

    Raises UserError for runs that cannot be one: invalid, not alike, or of a scenario that has a
    baseline already, unless it is to be replaced.
    """
    from harness.analysis import baseline_points, differing_parts, run_to_json
    from harness.cli._sides import read_runs
    from harness.runs import BaselineEntry, read_baselines, write_baselines

    side = read_runs(words, runs_dir, baseline_points(len(words)))
    for run_id, reason in side.invalid.items():
        raise UserError(f"run {run_id} cannot be a baseline: {reason}")
    first = side.runs[0]
    if not first.fingerprint_parts:
        raise UserError(f"run {first.run_id} cannot be a baseline: stock Locust CSVs hold no samples")
    for run in side.runs:
        if differs := differing_parts([first], [run]):
            parts = ", ".join(differs)
            raise UserError(f"runs {first.run_id} and {run.run_id} make no baseline: they differ in {parts}")
    entries = read_baselines(path)
    old = entries.get(first.scenario)
    if old is not None and not replace:
        raise UserError(
            f"{path} has a baseline of scenario '{first.scenario}' (saved {old.saved_at[:10]}); "
            f"`harness baseline promote {' '.join(words)}` replaces it"
        )
    saved_at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = BaselineEntry(first.scenario, saved_at, tuple(run_to_json(run) for run in side.runs))
    write_baselines(path, {**entries, first.scenario: entry})
    runs = "1 run" if len(side.runs) == 1 else f"{len(side.runs)} runs"
    instead = "" if old is None else f", in place of that of {old.saved_at[:10]}"
    return f"Baseline of scenario '{first.scenario}' saved from {runs} to {path}{instead}"


def _show(options: argparse.Namespace) -> int:
    from harness.cli._sides import as_json, baseline_path
    from harness.config import load_config
    from harness.runs import read_baselines

    refuse_extra(options)
    config = load_config(options.config_file)
    path = baseline_path(config, options.baseline)
    described = [_described(path, entry, config) for entry in read_baselines(path).values()]
    if options.json:
        show(as_json(described))
    elif not described:
        show(f"{path}: no baseline yet; `harness baseline save RUN` makes one")
    else:
        show("\n\n".join(_lines(entry) for entry in described))
    return ExitCode.OK


def _described(path: Path, entry: "BaselineEntry", config: "Config") -> dict[str, Any]:
    from harness.analysis import Metric, Selection, Values
    from harness.cli._sides import age_days, entry_runs

    runs = entry_runs(path, entry)
    response = Metric("p95", "response_time", Selection()).series
    samples = [found.distribution.n for run in runs if isinstance(found := run.series.get(response), Values)]
    days = age_days(entry.saved_at)
    return {
        "scenario": entry.scenario,
        "saved_at": entry.saved_at,
        "age_days": None if days is None else round(days, 1),
        "is_old": days is not None and days > config.regression.old_after_days,
        "provider": runs[0].provider,
        "requests": sum(samples),
        "metrics": len({name for run in runs for name in run.series}),
        "fingerprint": dict(runs[0].fingerprint_parts),
        "runs": [
            {"run_id": run.run_id, "started_at": run.started_at, "git_commit": run.git_commit} for run in runs
        ],
    }


def _lines(entry: dict[str, Any]) -> str:
    runs = entry["runs"]
    old = " (old)" if entry["is_old"] else ""
    age = f"saved {entry['saved_at'][:10]}, {entry['age_days']} days ago{old}"
    lines = [
        f"{entry['scenario']}: {entry['provider']}, {age}",
        f"  {len(runs)} run(s), {entry['requests']:,} requests, {entry['metrics']} series of samples",
        *(f"  run {run['run_id']}  commit {run['git_commit'][:12]}" for run in runs),
    ]
    parts = (f"  {name}: {value}" for name, value in entry["fingerprint"].items())
    return "\n".join([*lines, *parts])
