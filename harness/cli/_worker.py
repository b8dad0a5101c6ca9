"""`harness worker`: a load generator for a master on another machine, or in another container."""

import argparse
import os

from harness.cli._locust_line import MASTER_PORT, as_started, as_typed, worker_arguments
from harness.cli._options import add_config_option, port_number, say

_EPILOG = """\
The master is started with the same scenario, and says how many workers it waits for:
  harness run cases --master --expect-workers 2

examples:
  harness worker cases --master-host 10.0.0.5
  harness worker cases --master-host 10.0.0.5 -- --processes 4
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "worker",
        help="send the load of a scenario for a master elsewhere",
        description="Join a Locust master as a worker, with the locustfiles of a scenario of harness.toml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="SCENARIO", help="a name under [scenarios] in harness.toml")
    parser.add_argument("--master-host", metavar="HOST", required=True, help="where the master runs")
    parser.add_argument(
        "--master-port",
        type=port_number,
        default=MASTER_PORT,
        metavar="PORT",
        help="where it listens for workers (default: %(default)s)",
    )
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._child import exec_foreground
    from harness.config import load_config

    config = load_config(options.config_file)
    master = (options.master_host, options.master_port)
    arguments = worker_arguments(config, options.scenario, master, options.extra)
    say(as_typed(arguments))
    exec_foreground(as_started(arguments), os.environ)
