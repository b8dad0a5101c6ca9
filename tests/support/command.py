"""The `harness` command in the test's own process, which has the heavy imports behind it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main

#: Exit code, stdout and stderr of one command.
Harness = Callable[..., tuple[int, str, str]]


def command_in(
    folder: Path, config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    """Runs the command in `folder`, with this harness.toml, 80 columns and no variable of the caller's."""
    (folder / "harness.toml").write_text(config, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    for name in {name for name in os.environ if name.startswith("HARNESS_")}:
        monkeypatch.delenv(name)

    def run(*words: str) -> tuple[int, str, str]:
        return main(list(words)), *capsys.readouterr()

    return run
