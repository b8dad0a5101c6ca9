"""The command line: `python -m target_app.inference --port 9101 --profile reference`.

A wrong option, an unusable profile or a busy port is one line on stderr and exit code 2.
"""

import argparse
import gc
import math
import socket
import sys
from typing import NoReturn

import uvicorn

from target_app.inference._app import InferenceApp
from target_app.inference._profile import Profile, ProfileError, load_profile, profile_names

EXIT_USAGE = 2
# Longer than any client's own idle limit, so that the client closes first and no request meets a closed
# socket.
_KEEP_ALIVE_S = 120
_BACKLOG = 2048


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(f"{message} (see --help)")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        profile = load_profile(options.profile)
    except ProfileError as error:
        _fail(str(error))
    app = InferenceApp(profile, seed=options.seed, speed_factor=options.speed_factor)
    with _listen(options.host, options.port) as sock:
        host, port = sock.getsockname()[:2]
        print(_banner(profile, options, f"http://{host}:{port}"), flush=True)
        config = uvicorn.Config(
            app,
            loop="auto",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
            backlog=_BACKLOG,
            server_header=False,
        )
        # What is loaded by now lives as long as the process: spare the collector from walking it.
        gc.freeze()
        try:
            uvicorn.Server(config).run(sockets=[sock])
        except KeyboardInterrupt:
            return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m target_app.inference",
        description="Serve simulated Groq chat completions.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=9101, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--profile",
        default="reference",
        help=f"{', '.join(profile_names())}, or a path to a .toml file (default: %(default)s)",
    )
    parser.add_argument(
        "--speed-factor",
        type=_factor,
        default=1.0,
        help="multiplies every simulated time; 0 answers at once (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of wordings and latencies (default: %(default)s)"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            # Listening at once makes a second simulator fail here and not inside the server.
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host")
    return sock


def _banner(profile: Profile, options: argparse.Namespace, url: str) -> str:
    return (
        f"SIMULATED inference on {url}: profile {profile.name}, {len(profile.models)} models, "
        f"seed {options.seed}, speed factor {options.speed_factor:g}"
    )


def _fail(message: str) -> NoReturn:
    print(f"target_app.inference: {message}", file=sys.stderr)
    raise SystemExit(EXIT_USAGE)
