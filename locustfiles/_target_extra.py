"""For locustfiles whose imports come with the extra `target`: one line instead of a traceback."""

import sys
from typing import NoReturn

_OWN = frozenset({"harness", "locustfiles", "target_app"})


def refuse_without_target(locustfile: str, error: ModuleNotFoundError) -> NoReturn:
    """End the process with exit code 2 and say which extra to install.

    A module of this project's own that is missing is a bug, and raised.
    """
    package = (error.name or "").partition(".")[0]
    if not package or package in _OWN or package in sys.stdlib_module_names:
        raise error
    print(
        f"harness: {locustfile} needs {package}, which is not installed: "
        "pip install 'agent-load-harness[target]'",
        file=sys.stderr,
        flush=True,
    )
    sys.exit(2)
