"""`harness export`: a run's traced requests, for programs that show traces."""

import argparse
import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from harness.cli._options import add_config_option, add_runs_dir_option, refuse_extra, show, whole_number
from harness.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: An answer that takes longer is none.
TIMEOUT_S = 30.0
#: So many of the slowest requests, unless told otherwise.
SLOWEST = 1000

_PATH = "/v1/traces"
_EPILOG = """\
Needs a run with `--trace`: requests without a trace id are left out. The endpoint is that of an OpenTelemetry
collector, Jaeger, Tempo or the like, over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT gives it as well, and
OTEL_EXPORTER_OTLP_HEADERS has keys ("name=value,..."). Nothing is sent while a run lasts.

examples:
  harness export otlp latest --endpoint http://127.0.0.1:4318
  harness export otlp 1a2b3c --endpoint http://127.0.0.1:4318 --slowest 50
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="send a run's traced requests to an OpenTelemetry collector",
        description="Send the slowest requests of a run as spans, by OTLP over HTTP.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=["otlp"], help="what to export")
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help="default: the latest run")
    parser.add_argument("--endpoint", metavar="URL", help=f"of the collector; `{_PATH}` is added")
    some = parser.add_mutually_exclusive_group()
    some.add_argument(
        "--slowest", type=whole_number, default=SLOWEST, metavar="N", help=f"so many (default {SLOWEST})"
    )
    some.add_argument("--all", action="store_true", help="every request that has a trace id")
    add_runs_dir_option(parser)
    add_config_option(parser)
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from harness.cli._run_names import open_named
    from harness.config import hide_credentials, load_config
    from harness.reports import otlp_messages

    refuse_extra(options)
    url = _traces_url(options.endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    headers = _headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    run = open_named(options.run, load_config(options.config_file).runs_path(options.runs_dir))
    sent = refused = 0
    for spans, message in otlp_messages(run, None if options.all else options.slowest):
        sent += spans
        refused += _post(url, message, headers)
    if not sent:
        raise UserError(f"{run.manifest.run_id}: no request has a trace id; run it with --trace")
    if refused:
        raise UserError(f"{hide_credentials(url)} refused {refused} of {sent} spans")
    show(f"{sent} spans sent to {hide_credentials(url)}")
    return ExitCode.OK


def _traces_url(endpoint: str | None) -> str:
    from harness.config import hide_credentials

    if not endpoint:
        raise UserError("give --endpoint URL (or OTEL_EXPORTER_OTLP_ENDPOINT), as http://127.0.0.1:4318")
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(
            f"--endpoint '{hide_credentials(endpoint)}': not an http:// or https:// address with a host"
        )
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH).geturl()


def _headers(text: str) -> dict[str, str]:
    """`name=value,name=value`, percent-encoded, as OpenTelemetry's exporters read it."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _post(url: str, message: dict[str, Any], headers: "Mapping[str, str]") -> int:
    """How many spans the collector refused. Raises UserError where it takes none."""
    from harness.config import hide_credentials, split_credentials

    address, authorization = split_credentials(url)
    known = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(  # noqa: S310
        address, json.dumps(message).encode(), {"Content-Type": "application/json", **known, **headers}
    )
    where = hide_credentials(url)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            body = response.read()
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(200).decode("utf-8", "replace").strip()
        raise UserError(f"{where} answered {error.code}" + (f": {said}" if said else "")) from error
    except OSError as error:
        raise UserError(f"{where} cannot be reached: {getattr(error, 'reason', error)}") from error
    try:
        partial = json.loads(body or b"{}").get("partialSuccess") or {}
        return int(partial.get("rejectedSpans") or 0)
    except (ValueError, AttributeError):
        return 0  # taken, by the status; the answer's body is not JSON
