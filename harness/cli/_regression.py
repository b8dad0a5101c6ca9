"""`harness regression`: run a scenario, compare it with its base, and end with the verdict's code."""

import argparse
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._campaign import GIVE_UP, Campaign, first_code
from harness.cli._compare import add_judging_options, terminal_text
from harness.cli._locust_line import RunRequest, load_words
from harness.cli._options import add_config_option, add_runs_dir_option, say, show, whole_number
from harness.cli._turns import Start, base_of_command, base_of_tree
from harness.errors import ExitCode, UserError

if TYPE_CHECKING:
    from harness.cli._sides import Side
    from harness.config import Config
    from harness.verdicts import Regression

_EPILOG = """\
Without a baseline, a valid run that meets its criteria becomes it (not with --no-save). With
--base-command or --base-tree no baseline is needed: base and candidate are started and measured in
turns on this machine, each with the same cases in the same order within a round. Of a suite, every
scenario is run and compared. What follows `--` goes to Locust, as with `harness run`.

examples:
  harness regression
  harness regression cases --with-services --runs 3
  harness regression cases --confirm 4 --budget-minutes 15   more runs, as long as it is INCONCLUSIVE
  harness regression cases --runs 3 --base-tree ../base      a worktree of an older commit, with .venv
  harness regression cases --runs 3 --base-command 'python -m old_app --port {port}'

exit codes: those of `harness run`, and 3 where a regression blocks or nothing is comparable
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "regression",
        help="run a scenario and compare it with its baseline",
        description="Run a scenario, compare the run with its base, and end with the verdict's code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO|SUITE",
        help="default: `scenario` under [regression] in harness.toml",
    )
    _add_amounts(parser)
    base = parser.add_mutually_exclusive_group()
    base.add_argument("--baseline", metavar="FILE", help="the file with the baselines")
    base.add_argument(
        "--base-command",
        metavar="CMD",
        help="start the base's service so (default: `base_command` under [regression])",
    )
    base.add_argument(
        "--base-tree", metavar="DIR", help="start the base's services from this tree, with its .venv"
    )
    parser.add_argument("--no-save", action="store_true", help="do not save a first run as the baseline")
    parser.add_argument(
        "--ignore-criteria", action="store_true", help="a missed criterion does not decide the exit code"
    )
    parser.add_argument("--out", metavar="DIR", help="write the comparison there too, as `harness compare`")
    parser.add_argument("--host", metavar="URL", help="the service to load (default: the scenario's)")
    parser.add_argument("--workers", type=whole_number, metavar="N", help="load-generating processes")
    parser.add_argument("--seed", type=whole_number, metavar="N", help="seed of cases and arrivals")
    parser.add_argument(
        "--with-services", action="store_true", help="start the scenario's services, anew for each run"
    )
    add_judging_options(parser)
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _add_amounts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=_at_least_one, default=1, metavar="N", help="repeat it (default: 1)")
    parser.add_argument(
        "--confirm", type=whole_number, default=0, metavar="N", help="so many runs more while INCONCLUSIVE"
    )
    parser.add_argument(
        "--budget-minutes",
        type=_minutes,
        default=10.0,
        metavar="MINUTES",
        help="--confirm begins no run that would end after (default: 10)",
    )


def _at_least_one(text: str) -> int:
    if (number := whole_number(text)) < 1:
        raise argparse.ArgumentTypeError("there has to be a run")
    return number


def _minutes(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (minutes := float(text)) < float("inf"):
            return minutes
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of minutes")


def _command(options: argparse.Namespace) -> int:
    from harness.config import load_config

    config = load_config(options.config_file)
    requests = _requests(options, config)
    out = Path(options.out) if options.out else None
    codes: list[int] = []
    for request in requests:
        if len(requests) > 1:
            say(f"Scenario {request.scenario} ({len(codes) + 1} of {len(requests)})")
            options.out = out and out / request.scenario
        codes.append(_regression(options, config, request))
        if codes[-1] == ExitCode.INTERRUPTED:
            break
    return first_code(*codes)


def _requests(options: argparse.Namespace, config: "Config") -> list[RunRequest]:
    """What to run: one scenario, or each of a suite with the suite's options for it."""
    found = _chosen(options.scenario, config)
    return [
        RunRequest(
            scenario=name,
            host=options.host,
            workers=options.workers,
            seed=options.seed,
            runs_dir=options.runs_dir,
            config_file=options.config_file,
            with_services=options.with_services,
            extra=(*load_words(load), *options.extra),
        )
        for name, load in found.items()
    ]


def _chosen(given: str | None, config: "Config") -> Mapping[str, Mapping[str, Any]]:
    """The scenarios that a name means, each with the options that go over its load."""
    from harness.config import suggest

    name = given or config.regression.scenario
    if name is None:
        if len(config.scenarios) != 1:
            known = ", ".join(sorted(config.scenarios)) or "none is defined"
            raise UserError(f"which scenario? Name one ({known}), or set `scenario` under [regression]")
        name = next(iter(config.scenarios))
    if name in config.scenarios:
        return {name: {}}
    if name not in config.suites:
        hint = suggest(name, [*config.scenarios, *config.suites])
        raise UserError(f"no scenario or suite '{name}' in {config.source or 'harness.toml'}; {hint}")
    # A scenario that a suite runs more than once is compared as it runs first.
    steps = [step for step in config.suites[name].steps if step.scenario is not None]
    found = {str(step.scenario): step.options for step in reversed(steps)}
    if not found:
        raise UserError(f"suite '{name}' runs no scenario")
    return {scenario: found[scenario] for scenario in dict.fromkeys(str(step.scenario) for step in steps)}


def _regression(options: argparse.Namespace, config: "Config", request: RunRequest) -> int:
    from harness.cli._sides import baseline_path, read_baseline

    start_base = _start_base(options, config, request)
    path = baseline_path(config, options.baseline)
    base = read_baseline(path, request.scenario, config) if start_base is None else None
    campaign = Campaign(config, request, start_base, ignore_criteria=options.ignore_criteria)
    campaign.run(options.runs)
    if not campaign.candidates or (start_base is not None and not campaign.folders["base"]):
        say("harness: nothing was compared, as no run of each side is complete")
        return campaign.code
    if campaign.code in GIVE_UP and campaign.code != ExitCode.INTERRUPTED:
        return campaign.code
    if base is None and start_base is None:
        if campaign.code == ExitCode.INTERRUPTED:
            return campaign.code
        return _without_baseline(options, campaign, path)
    return _against(options, campaign, base)


def _start_base(options: argparse.Namespace, config: "Config", request: RunRequest) -> Start | None:
    """How the base is started where it is to be measured in turns; None where there is a baseline."""
    command = shlex.split(options.base_command) if options.base_command is not None else None
    if command is None and options.base_tree is None and options.baseline is None:
        command = list(config.regression.base_command) or None
    if command is None and options.base_tree is None:
        return None
    if command is not None and not command:
        raise UserError("--base-command is empty; give the command that starts the base's service")
    if options.host:
        raise UserError(f"--host {options.host}: base and candidate are both started here; leave it out")
    runs_dir = config.runs_path(request.runs_dir)
    if command is not None:
        return base_of_command(config, request.scenario, command, runs_dir)
    return base_of_tree(config, request.scenario, Path(options.base_tree), runs_dir)


def _without_baseline(options: argparse.Namespace, campaign: Campaign, path: Path) -> int:
    """The first runs become the baseline where they are worth it."""
    from harness.cli._baseline import save_baseline
    from harness.verdicts import no_baseline

    if campaign.code != ExitCode.OK:
        said = f"not saved to {path}, as the run is invalid or does not meet its criteria"
    elif options.no_save:
        said = f"{path} has none of this scenario, and --no-save leaves it so"
    else:
        words = [str(folder) for folder in campaign.candidates]
        said = save_baseline(words, path, campaign.candidates[-1].parent, replace=False)
    regression = no_baseline(campaign.candidate_side().runs, said)
    campaign.report(regression, strict=options.strict)
    show(regression.headline)
    return campaign.code


def _against(options: argparse.Namespace, campaign: Campaign, base: "Side | None") -> int:
    from harness.cli._sides import ignored_parts
    from harness.verdicts import RegressionWord

    ignored = ignored_parts(options.ignore_fingerprint)
    regression = campaign.judge(base, ignored)
    left = options.confirm
    while regression.word is RegressionWord.INCONCLUSIVE and left and campaign.code not in GIVE_UP:
        if not campaign.fits(options.budget_minutes):
            say(f"INCONCLUSIVE, and another run would not end within {options.budget_minutes:g} minutes")
            break
        left -= 1
        say(f"INCONCLUSIVE: one run more ({left} left)")
        campaign.run(1)
        regression = campaign.judge(base, ignored)
    if campaign.code in GIVE_UP:
        said = f"the measurement was not finished: {len(campaign.candidates)} run(s) of the candidate"
        regression = replace(regression, notes=(*regression.notes, said))
    return _told(options, campaign, regression)


def _told(options: argparse.Namespace, campaign: Campaign, regression: "Regression") -> int:
    """Write the reports and print the comparison; returns the exit code."""
    from harness.reports import write_comparison
    from harness.verdicts import RegressionWord

    judged = campaign.report(regression, strict=options.strict)
    show(terminal_text(regression, everything=options.all))
    if regression.word is RegressionWord.NOT_COMPARABLE and not campaign.in_turns:
        show(f"To make this run the baseline: harness baseline promote {campaign.candidates[-1].name}")
    if options.out:
        try:
            write_comparison(Path(options.out), regression, strict=options.strict)
        except OSError as error:
            raise UserError(
                f"cannot write to {options.out} ({error.strerror}); choose another --out"
            ) from error
    show(f"Report: {judged.report_path}")
    return first_code(campaign.code, regression.exit_code(strict=options.strict))
