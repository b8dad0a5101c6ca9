"""A run's life inside Locust. Importing this module in a locustfile is all it takes:

import harness.plugin  # noqa: F401

From then on every test of that Locust process, on the command line, in CI or from the web UI,
gives a run folder, a verdict and an exit code.
"""

import functools
import io
import logging
import sys
from typing import Any

import gevent
from locust import argument_parser, events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.web import WebUI

from harness.engine import access_to_service, flush_stats, record_event, recorder
from harness.errors import HarnessError
from harness.plugin._coordinator import Coordinator
from harness.plugin._crew import hurry_when_told
from harness.plugin._exporter import open_exporter
from harness.plugin._forked import dismiss_forked_workers, leave_a_master_that_never_began
from harness.plugin._generator import (
    WorkerSide,
    leave_a_master_that_is_gone,
    spawn_only_once_attached,
    stop_users_between_tasks,
)
from harness.plugin._options import add_options
from harness.plugin._settings import resolve_settings
from harness.plugin._web import WebSide
from harness.plugin._web_live import LiveDocument

__all__: list[str] = []


def _on_request(**event: Any) -> None:
    wanted = (
        "request_type",
        "name",
        "response_time",
        "response_length",
        "response",
        "context",
        "exception",
        "start_time",
    )
    record_event(recorder, **{name: event[name] for name in wanted if name in event})


def _check_own_access(environment: Environment, runner: WorkerRunner) -> None:
    """A worker of another machine has variables and files of its own; a forked one, its master's."""
    if getattr(environment.parsed_options, "processes", None):
        return
    try:
        access_to_service(environment.user_classes)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr, flush=True)
        runner.quit()
        sys.exit(error.exit_code)


def _print_whatever_the_encoding() -> None:
    """A terminal that knows no ✓ must not cost the verdict."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _on_init(environment: Environment, runner: Any, web_ui: WebUI | None = None, **_: Any) -> None:
    """Take the side that this process plays. A mistake found here ends it before any load."""
    _print_whatever_the_encoding()
    if isinstance(runner, WorkerRunner):
        _check_own_access(environment, runner)
        hurry_when_told(runner)
        WorkerSide(environment, runner)
        return
    if not isinstance(runner, MasterRunner | LocalRunner):
        return
    try:
        picking = bool(getattr(environment.parsed_options, "class_picker", False))
        settings = resolve_settings(environment, shape_is_chosen=not picking)
        if settings.quiet_locust:
            logging.getLogger("locust.stats_logger").setLevel(logging.CRITICAL)
        options: Any = environment.parsed_options
        exporter = open_exporter(options.metrics_host, options.metrics_port)
        # Before anything that lets other greenlets run: workers that were there first speak at once.
        coordinator = Coordinator(environment, runner, settings, exporter)
        if environment.parsed_options is not None and environment.parsed_options.headless:
            coordinator.settle()
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr, flush=True)
        dismiss_forked_workers()
        sys.exit(error.exit_code)
    if web_ui is not None:
        live = LiveDocument(
            lambda: coordinator.active, lambda: coordinator.results.finished, coordinator.planned_s
        )
        coordinator.count_rows(live)
        WebSide(environment, web_ui, live, lambda: coordinator.results.finished)
    # Imports took their time, and the loop's clock stood still: a timer set now would go off too early.
    gevent.get_hub().loop.update_now()


# At every step of a ramp, a worker asks for this once per option, and each time Locust builds a whole
# parser: 100 ms in which the worker sends and reads nothing. What it gives cannot change meanwhile.
argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)

spawn_only_once_attached()
stop_users_between_tasks()
leave_a_master_that_is_gone()
leave_a_master_that_never_began()
events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(_on_init)
events.request.add_listener(_on_request)
# Registered before Locust makes its runner, these come before Locust serialises or resets its tables.
for _event in (events.report_to_master, events.spawning_complete, events.reset_stats):
    _event.add_listener(flush_stats)
