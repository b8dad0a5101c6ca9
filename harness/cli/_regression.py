"""`harness regression`: run a scenario, compare it with its baseline, and end with the verdict's code."""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli._compare import add_judging_options, terminal_text
from harness.cli._locust_line import RunRequest
from harness.cli._options import add_config_option, add_runs_dir_option, say, show, whole_number
from harness.errors import PRECEDENCE, ExitCode, UserError

if TYPE_CHECKING:
    from harness.cli._sides import Side
    from harness.config import Config
    from harness.verdicts import Regression

_EPILOG = """\
Without a baseline, a valid run that meets its criteria becomes it (not with --no-save). What
follows `--` goes to Locust, as with `harness run`.

examples:
  harness regression
  harness regression cases --with-services --runs 3
  harness regression cases --confirm 4 --budget 15   more runs, as long as it is INCONCLUSIVE

exit codes: those of `harness run`, and 3 where a regression blocks or nothing is comparable
"""

#: Codes after which there is nothing to compare.
_GIVE_UP = frozenset({ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.BUG, ExitCode.INTERRUPTED})


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "regression",
        help="run a scenario and compare it with its baseline",
        description="Run a scenario, compare the run with its baseline, and end with the verdict's code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        help="default: `scenario` under [regression] in harness.toml",
    )
    parser.add_argument("--runs", type=_at_least_one, default=1, metavar="N", help="repeat it (default: 1)")
    parser.add_argument(
        "--confirm", type=whole_number, default=0, metavar="N", help="so many runs more while INCONCLUSIVE"
    )
    parser.add_argument(
        "--budget",
        type=_minutes,
        default=10.0,
        metavar="MINUTES",
        help="begin no run that would end after (default: 10)",
    )
    parser.add_argument("--no-save", action="store_true", help="do not save a first run as the baseline")
    parser.add_argument("--baseline", metavar="FILE", help="the file with the baselines")
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
    from harness.cli._sides import baseline_path, read_baseline
    from harness.config import load_config

    config = load_config(options.config_file)
    scenario = _scenario(options.scenario, config)
    path = baseline_path(config, options.baseline)
    base = read_baseline(path, scenario, config)
    campaign = _Campaign(options, config, scenario)
    if campaign.run(options.runs) in _GIVE_UP:
        return campaign.code
    if base is None:
        return _without_baseline(options, campaign, path)
    return _against(options, campaign, base)


def _scenario(given: str | None, config: "Config") -> str:
    name = given or config.regression.scenario
    if name is None:
        if len(config.scenarios) != 1:
            known = ", ".join(sorted(config.scenarios)) or "none is defined"
            raise UserError(f"which scenario? Name one ({known}), or set `scenario` under [regression]")
        name = next(iter(config.scenarios))
    config.scenario(name)
    return name


class _Campaign:
    """The runs of the candidate, one after the other, and the first of their exit codes that wins."""

    def __init__(self, options: argparse.Namespace, config: "Config", scenario: str) -> None:
        self._config = config
        self._request = RunRequest(
            scenario=scenario,
            host=options.host,
            workers=options.workers,
            seed=options.seed,
            runs_dir=options.runs_dir,
            config_file=options.config_file,
            with_services=options.with_services,
            extra=tuple(options.extra),
        )
        self._began_s = time.monotonic()
        self._longest_s = 0.0
        self.folders: list[Path] = []
        self.code: int = ExitCode.OK

    def run(self, times: int) -> int:
        """Run the scenario so many times; stops at an ending after which nothing can be compared."""
        for number in range(times):
            if times > 1:
                say(f"Run {number + 1} of {times}")
            began_s = time.monotonic()
            code, folder = _run_once(self._request)
            self._longest_s = max(self._longest_s, time.monotonic() - began_s)
            self.code = _first(self.code, code)
            if folder is None or code in _GIVE_UP:
                self.code = code
                return code
            self.folders.append(folder)
        return self.code

    def fits(self, minutes: float) -> bool:
        """Whether one run more would end within so many minutes of the first one's start."""
        return time.monotonic() - self._began_s + self._longest_s <= 60 * minutes

    def side(self) -> "Side":
        """All runs so far."""
        from harness.cli._sides import read_runs

        return read_runs([str(folder) for folder in self.folders], self._config.runs_path())

    def report(self, regression: "Regression", *, strict: bool) -> Path:
        """Write the reports of the last run again, with the comparison; takes its code into account."""
        from harness.reports import judge_and_report
        from harness.runs import open_run

        judged = judge_and_report(open_run(self.folders[-1]), regression=regression, strict=strict)
        self.code = _first(self.code, judged.judgement.exit_code)
        return judged.report_path

    def judge(self, base: "Side", ignored: Sequence[str]) -> "Regression":
        """The runs so far against the base."""
        from harness.cli._sides import judge_sides

        return judge_sides(self._config, base, self.side(), ignored)


def _run_once(request: RunRequest) -> tuple[int, Path | None]:
    """Run the scenario as `harness run` does; its code and its folder, if it came to have one."""
    from harness.cli._run import run_scenario

    variable = "HARNESS_RUN_PATH_FILE"
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        given = os.environ.get(variable)
        path = Path(given) if given else Path(folder) / "run-path"
        os.environ[variable] = str(path)
        try:
            code = run_scenario(request)
        finally:
            if not given:
                del os.environ[variable]
        try:
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
        except OSError:
            lines = []
    return code, Path(lines[-1]) if lines else None


def _without_baseline(options: argparse.Namespace, campaign: _Campaign, path: Path) -> int:
    """The first runs become the baseline where they are worth it."""
    from harness.cli._baseline import save_baseline
    from harness.verdicts import no_baseline

    words = [str(folder) for folder in campaign.folders]
    if campaign.code != ExitCode.OK:
        said = f"not saved to {path}, as the run is invalid or does not meet its criteria"
    elif options.no_save:
        said = f"{path} has none of this scenario, and --no-save leaves it so"
    else:
        said = save_baseline(words, path, campaign.folders[-1].parent, replace=False)
    regression = no_baseline(campaign.side().runs, said)
    campaign.report(regression, strict=options.strict)
    show(regression.headline)
    return campaign.code


def _against(options: argparse.Namespace, campaign: _Campaign, base: "Side") -> int:
    from harness.cli._sides import ignored_parts
    from harness.verdicts import RegressionWord

    ignored = ignored_parts(options.ignore_fingerprint)
    regression = campaign.judge(base, ignored)
    left = options.confirm
    while regression.word is RegressionWord.INCONCLUSIVE and left:
        if not campaign.fits(options.budget):
            say(f"INCONCLUSIVE, and another run would not end within {options.budget:g} minutes")
            break
        left -= 1
        say(f"INCONCLUSIVE: one run more ({left} left)")
        if campaign.run(1) in _GIVE_UP:
            return campaign.code
        regression = campaign.judge(base, ignored)
    report = campaign.report(regression, strict=options.strict)
    show(terminal_text(regression, everything=options.all))
    if regression.word is RegressionWord.NOT_COMPARABLE:
        show(f"To make this run the baseline: harness baseline promote {campaign.folders[-1].name}")
    show(f"Report: {report}")
    return _first(campaign.code, regression.exit_code(strict=options.strict))


def _first(*codes: int) -> int:
    """The code that wins; one that the harness does not know, as after a signal, goes before all."""
    known = [int(code) for code in PRECEDENCE]
    return min(codes, key=lambda code: known.index(code) if code in known else -1)
