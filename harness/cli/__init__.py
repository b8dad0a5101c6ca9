"""The `harness` command: one file per sub-command over libraries that own all logic."""

from harness.cli._main import main

__all__ = ["main"]
