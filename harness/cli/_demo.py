"""`harness demo`: from nothing to a report in under a minute, against the simulated service."""

import argparse

from harness.cli._locust_line import RunRequest
from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, say

_SCENARIO = "demo"
_EPILOG = """\
Services listen on free ports, so a demo disturbs nothing and two of them can run at once. They are
stopped at the end, whatever happens. No key and no network is needed: the models are simulated.

examples:
  harness demo
  harness demo --runs-dir /tmp/results
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo",
        help="start the bundled service, load it, show the report",
        description=f"Start the services of the scenario `{_SCENARIO}`, load them, and show the verdicts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._run import run_scenario
    from harness.config import load_config

    refuse_extra(options)
    config = load_config(options.config_file)
    scenario = config.scenario(_SCENARIO)
    names = " and ".join(config.start_order(scenario.services))
    say(f"Demo: starts {names} on free ports, loads them, judges the run, stops them.")
    request = RunRequest(
        scenario=_SCENARIO,
        runs_dir=options.runs_dir,
        config_file=options.config_file,
        with_services=True,
    )
    return run_scenario(request)
