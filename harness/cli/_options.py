"""Options that several sub-commands share, and how they speak to the terminal."""

import argparse
import os
import sys

from harness.errors import UserError


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="configuration to read (default: $HARNESS_CONFIG, else ./harness.toml)",
    )


def add_runs_dir_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs-dir",
        metavar="DIR",
        help="where run folders go (default: $HARNESS_RUNS_DIR, else runs_dir of harness.toml)",
    )


def refuse_extra(options: argparse.Namespace) -> None:
    """Raise UserError when something follows `--` for a command that hands nothing on."""
    if options.extra:
        raise UserError(f"nothing may follow `--` here, got '{options.extra[0]}'")


def port_number(text: str) -> int:
    """An argparse type: a TCP port."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 1 to 65535")
    return int(text)


def whole_number(text: str) -> int:
    """An argparse type: an integer from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0")
    return int(text)


def say(text: str) -> None:
    """Progress for the person at the terminal; stderr, so that stdout holds results alone."""
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """A result, on stdout. A reader that is gone (`| head`) takes nothing from the exit code."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # What is still in the buffer would make the interpreter complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"cannot print the result ({error.strerror})") from error
