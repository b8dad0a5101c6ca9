"""Every error this project raises on purpose, and the exit code that each leads to.

HarnessError
├── UserError              exit 2   a mistake of the person at the keyboard: one line, what to change
│   ├── ConfigError                 harness.toml or a rule in it
│   ├── UnreadableFileError         a run folder or CSV that is missing, empty, truncated or foreign
│   ├── NothingCarriedError         a run of which no load met its criteria, where one is needed
│   └── PortBusyError               a port that something else holds
└── TargetUnreachableError exit 5   the service did not answer before the load began

Anything else that escapes is a bug: exit 70, with its traceback.
"""

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of every command; the first that applies, in the order of `PRECEDENCE`, wins."""

    OK = 0
    CRITERIA = 1
    USAGE = 2
    REGRESSION = 3
    INVALID = 4
    UNREACHABLE = 5
    BUG = 70
    INTERRUPTED = 130


PRECEDENCE = (
    ExitCode.BUG,
    ExitCode.USAGE,
    ExitCode.UNREACHABLE,
    ExitCode.INTERRUPTED,
    ExitCode.INVALID,
    ExitCode.CRITERIA,
    ExitCode.REGRESSION,
    ExitCode.OK,
)


class HarnessError(Exception):
    """Base of all deliberate errors; `str(error)` is the one line that the user sees."""

    exit_code: ExitCode = ExitCode.BUG


class UserError(HarnessError):
    """A mistake that the user can mend: the message says what, where, and what to do."""

    exit_code = ExitCode.USAGE


class ConfigError(UserError):
    """harness.toml, or a rule written in it, cannot be used as it stands."""


class UnreadableFileError(UserError):
    """A run folder or a CSV is missing, empty, truncated or not what it claims to be."""


class NothingCarriedError(UserError):
    """No load level of a run met its criteria, so that there is nothing to plan from."""


class PortBusyError(UserError):
    """A port that has to be bound is held by another process."""


class TargetUnreachableError(HarnessError):
    """The service under test did not answer before the load began."""

    exit_code = ExitCode.UNREACHABLE
