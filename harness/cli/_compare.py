"""`harness compare`: whether one run, or group of runs, is slower than another."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, say, show
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.cli._sides import Side
    from harness.config import Config
    from harness.verdicts import Regression

_EPILOG = """\
A run is a run folder, a run's id in the results folder (or a part of it), `latest`, the prefix of
stock Locust CSVs, or the JSON of microbenchmarks (`pytest benchmarks/micro --benchmark-json=FILE`).
The base may be a baseline file. Several runs a side see smaller changes: the spread between runs of
the same service is then measured instead of assumed.

report.html, report.md and comparison.json are written into the last candidate's folder, as
compared-with-BASE/, or to --out DIR. With --json, --tsv or --markdown they are written only to --out.

examples:
  harness compare BASE CANDIDATE
  harness compare BASE1 BASE2 BASE3 --against CANDIDATE1 CANDIDATE2 CANDIDATE3
  harness compare benchmarks/baseline.json latest
  harness compare BASE CANDIDATE --out comparison         comparison/report.html
  harness compare BASE CANDIDATE --ignore-fingerprint provider --json

exit codes: 0 no regression (see --strict), 3 a regression blocks or the runs are not comparable,
4 a run is invalid, 2 usage
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compare",
        help="tell whether runs are slower than others, with evidence",
        description="Compare runs: a verdict per metric, with the interval of the change and its cause.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="base and candidate; with --against, bases")
    parser.add_argument("--against", nargs="+", default=[], metavar="RUN", help="the candidates")
    parser.add_argument("--out", metavar="DIR", help="where to write the report")
    add_judging_options(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the comparison as JSON")
    form.add_argument("--tsv", action="store_true", help="print a line per metric, tab-separated")
    form.add_argument("--markdown", action="store_true", help="print it for a pull request")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def add_judging_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that compares."""
    parser.add_argument(
        "--ignore-fingerprint",
        action="append",
        default=[],
        metavar="PART",
        help="compare runs that differ in this part of the fingerprint; may be repeated",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit 3 for INVESTIGATE and INCONCLUSIVE as well"
    )
    parser.add_argument("--all", action="store_true", help="show every metric")


def _command(options: argparse.Namespace) -> int:
    from harness.cli._sides import ignored_parts, is_baseline_file, judge_sides, read_runs
    from harness.config import load_config

    refuse_extra(options)
    bases, candidates = _sides(options)
    config = load_config(options.config_file)
    runs_dir = config.runs_path(options.runs_dir)
    for word in candidates:
        if is_baseline_file(word):
            raise UserError(f"{word}: a baseline is the base; give it first and the run after it")
    candidate = read_runs(candidates, runs_dir)
    base = _base(bases, candidate, config, runs_dir)
    regression = judge_sides(config, base, candidate, ignored_parts(options.ignore_fingerprint))
    show(_text(options, regression))
    _write(options, regression, candidates[-1], runs_dir)
    return regression.exit_code(strict=options.strict)


def _sides(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    if options.against:
        return options.runs, options.against
    if len(options.runs) != 2:
        raise UserError(
            f"compare takes a base and a candidate, not {len(options.runs)} run(s); "
            "give several as `harness compare BASE1 BASE2 --against CANDIDATE1 CANDIDATE2`"
        )
    return options.runs[:1], options.runs[1:]


def _base(words: list[str], candidate: "Side", config: "Config", runs_dir: Path) -> "Side":
    from harness.cli._sides import is_baseline_file, read_baseline, read_runs
    from harness.config import suggest
    from harness.runs import read_baselines

    if not any(is_baseline_file(word) for word in words):
        return read_runs(words, runs_dir)
    if len(words) > 1:
        raise UserError(f"{words[0]}: a baseline stands alone; name no other base beside it")
    path, scenario = Path(words[0]), candidate.runs[0].scenario
    found = read_baseline(path, scenario, config)
    if found is None:
        hint = suggest(scenario, read_baselines(path))
        raise UserError(f"{path}: no baseline of scenario '{scenario}'; {hint}")
    return found


def _write(options: argparse.Namespace, regression: "Regression", candidate: str, runs_dir: Path) -> None:
    """Write the report where it was asked for, else beside the candidate's own, if that can be done."""
    from harness.reports import write_comparison

    own = _own_place(regression, candidate, runs_dir)
    for_scripts = options.json or options.tsv or options.markdown
    out = Path(options.out) if options.out else None if for_scripts else own
    if out is None:
        return
    try:
        written = write_comparison(out, regression, strict=options.strict)
    except OSError as error:
        problem = f"cannot write the report at {error.filename or out} ({error.strerror})"
        if options.out:
            raise UserError(f"{problem}; choose another --out") from error
        say(f"harness: {problem}; --out DIR writes it elsewhere")
        return
    if not for_scripts:
        show(f"Report: {written['report.html']}")


def _own_place(regression: "Regression", candidate: str, runs_dir: Path) -> Path | None:
    """The folder inside the candidate's; None for microbenchmarks, which have none."""
    from harness.cli._run_names import find_run
    from harness.runs import is_benchmark_file

    if is_benchmark_file(Path(candidate)):
        return None
    path = find_run(candidate, runs_dir)
    folder = path if path.is_dir() else path.with_name(f"{path.name}-report")
    more = f"-and-{len(regression.bases) - 1}-more" if len(regression.bases) > 1 else ""
    return folder / f"compared-with-{Path(regression.bases[0].run_id).name}{more}"


def _text(options: argparse.Namespace, regression: "Regression") -> str:
    from harness.cli._sides import as_json
    from harness.reports import regression_document, regression_markdown, regression_tsv

    if options.json:
        return as_json(regression_document(regression, strict=options.strict))
    if options.tsv:
        return regression_tsv(regression)
    if options.markdown:
        return "\n".join(regression_markdown(regression)).rstrip()
    return terminal_text(regression, everything=options.all)


def terminal_text(regression: "Regression", *, everything: bool) -> str:
    """The comparison for this process's terminal."""
    from harness.reports import regression_terminal, wants_colour

    width = shutil.get_terminal_size().columns
    colour = wants_colour(sys.stdout)
    return regression_terminal(regression, width=width, colour=colour, everything=everything)
