"""The plugin's options on Locust's command line; each is also an environment variable."""

from collections.abc import Callable
from typing import Any

DRAIN_DEADLINE_S = 30.0


def add_options(parser: Any, **_: Any) -> None:
    """Listener of `init_command_line_parser`; `parser` is Locust's own kind."""

    def option(name: str, *, in_web_form: bool = False, **settings: Any) -> None:
        variable = "HARNESS_" + name.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(name, env_var=variable, include_in_web_ui=in_web_form, **settings)

    _add_of_the_run(option)
    _add_of_what_is_told(option)


def _add_of_the_run(option: Callable[..., None]) -> None:
    option(
        "--scenario",
        in_web_form=True,
        default="",
        help="scenario of harness.toml whose criteria judge the run (default: the locustfile's name)",
    )
    option("--runs-dir", default="", help="where run folders go (default: runs_dir of harness.toml)")
    option("--config-file", default="", help="configuration to read (default: ./harness.toml)")
    option("--run-seed", type=int, default=None, help="seed of the case streams (default: the scenario's)")
    option(
        "--drain-deadline-s",
        type=float,
        default=DRAIN_DEADLINE_S,
        help="how long requests in flight may take to end when a test stops",
    )
    option(
        "--abort-on-critical",
        action="store_true",
        help="end the run once a criterion is critical in two evaluations in a row, 3 s apart",
    )
    option(
        "--skip-target-check", action="store_true", help="start even if the master cannot reach the target"
    )


def _add_of_what_is_told(option: Callable[..., None]) -> None:
    option(
        "--metrics-port",
        type=int,
        default=None,
        help="port of /metrics for Prometheus on the master, 0 for none (default: 9646 if it is free)",
    )
    option(
        "--metrics-host",
        default="127.0.0.1",
        help="address that /metrics listens on; 0.0.0.0 for all, as in a container",
    )
    option(
        "--trace",
        action="store_true",
        help="send a traceparent header with every request and keep its trace id in the row",
    )
    option(
        "--quiet-locust",
        action="store_true",
        help="print the harness's progress and verdicts only, not Locust's own tables",
    )
