"""Reads the simulator's knowledge: tables in TOML files beside this module."""

import functools
import importlib.resources
import tomllib
from typing import Any


@functools.cache
def read(name: str) -> dict[str, Any]:
    """The tables of one file, such as "clinic.toml"."""
    return tomllib.loads(importlib.resources.files("target_app.inference").joinpath(name).read_text("utf-8"))
