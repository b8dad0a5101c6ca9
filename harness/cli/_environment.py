"""The environment of what this process starts, and the file in which a run leaves its folder's path."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Inside, this process has these variables, and so have those that it starts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def run_path_file(*, own: bool = False) -> Iterator[Path]:
    """An empty file that runs inside write their folder's path to: the caller's one if it named one.

    With `own` it is another one, whatever the caller named.
    """
    from harness.config import RUN_PATH_VARIABLE

    if not own and (given := os.environ.get(RUN_PATH_VARIABLE)):
        Path(given).unlink(missing_ok=True)
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        path = Path(folder) / "run-path"
        with environment({RUN_PATH_VARIABLE: str(path)}):
            yield path


def folder_in(path_file: Path) -> Path | None:
    """The folder whose path was written last; None where none was."""
    try:
        lines = path_file.read_text(encoding="utf-8").split("\n")
    except OSError:
        return None
    paths = [line for line in lines if line]
    return Path(paths[-1]) if paths else None


def leave_path(folder: Path) -> None:
    """Write a folder's path to the file that the caller named, if it named one."""
    from harness.config import RUN_PATH_VARIABLE

    if asked := os.environ.get(RUN_PATH_VARIABLE):
        Path(asked).write_text(f"{folder}\n", encoding="utf-8")
