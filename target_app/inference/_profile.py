"""Loads and checks latency profiles: per model how long it queues, reads and writes, and how much at once.

A profile is a TOML file under profiles/, or any file given by a path that ends in .toml. Mistakes in it
become one line (`ProfileError`).
"""

import dataclasses
import difflib
import importlib.resources
import importlib.resources.abc
import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

EFFORTS = ("low", "medium", "high")


class ProfileError(ValueError):
    """A profile that does not exist or cannot be used; the text is one line that says what to change."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """One model's figures; see profiles/reference.toml for what each means."""

    owned_by: str
    context_window_tokens: int
    queue_median_ms: float
    queue_p95_ms: float
    network_ms: float
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    jitter: float
    decode_slots: int
    reasoning_tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def reasons(self) -> bool:
        """Whether the model writes hidden reasoning before its answer."""
        return bool(self.reasoning_tokens)


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """A named set of models."""

    name: str
    description: str
    models: Mapping[str, ModelProfile]


def profile_names() -> list[str]:
    """Names of the profiles that come with the simulator."""
    return sorted(entry.name.removesuffix(".toml") for entry in _directory().iterdir())


def load_profile(name: str) -> Profile:
    """Load a bundled profile by name, or a file by a path ending in .toml.

    Raises `ProfileError` for an unknown name, unreadable TOML, and unknown, missing or impossible values.
    """
    try:
        if name.endswith(".toml"):
            text = pathlib.Path(name).read_text("utf-8")
        elif name in profile_names():
            text = _directory().joinpath(f"{name}.toml").read_text("utf-8")
        else:
            raise ProfileError(_unknown("profile", name, profile_names()))
        table = tomllib.loads(text)
    except OSError as error:
        raise ProfileError(f"cannot read profile {name}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile {name} is not valid TOML: {error}") from error
    return parse_profile(name.removesuffix(".toml").rpartition("/")[2], table)


def parse_profile(name: str, table: Mapping[str, Any]) -> Profile:
    """Check a parsed TOML table; raises `ProfileError`."""
    for key in table.keys() - {"description", "models"}:
        raise ProfileError(f"profile {name}: {_unknown('key', key, ['description', 'models'])}")
    models = table.get("models", {})
    if not isinstance(models, dict) or not models:
        raise ProfileError(f"profile {name}: no models; add a table [models.NAME]")
    parsed = {model: _model(f'profile {name}: models."{model}"', entry) for model, entry in models.items()}
    return Profile(name, str(table.get("description", "")), parsed)


def _model(where: str, entry: Any) -> ModelProfile:
    if not isinstance(entry, dict):
        raise ProfileError(f"{where}: has to be a table")
    fields = {field.name: field for field in dataclasses.fields(ModelProfile)}
    for key in entry.keys() - fields.keys():
        raise ProfileError(f"{where}: {_unknown('key', key, list(fields))}")
    for name, field in fields.items():
        if name == "reasoning_tokens":
            _check_reasoning(where, entry.get(name, {}))
        elif name not in entry:
            raise ProfileError(f"{where}: {name} is missing")
        elif field.type is not str:
            _check_number(where, name, entry[name], whole=field.type is int)
        elif not isinstance(entry[name], str):
            raise ProfileError(f"{where}: {name} has to be a text")
    if entry["queue_p95_ms"] < entry["queue_median_ms"]:
        raise ProfileError(f"{where}: queue_p95_ms is below queue_median_ms")
    return ModelProfile(**entry)


def _check_number(where: str, name: str, value: Any, *, whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ProfileError(f"{where}: {name} has to be a {'whole ' if whole else ''}number, not {value!r}")
    may_be_zero = name in {"network_ms", "jitter"}
    if not 0 <= value < float("inf") or (value == 0 and not may_be_zero):
        raise ProfileError(
            f"{where}: {name} has to be {'0 or more' if may_be_zero else 'above 0'}, not {value}"
        )
    if name == "jitter" and value > 0.3:
        raise ProfileError(f"{where}: jitter has to be at most 0.3, not {value}")


def _check_reasoning(where: str, value: Any) -> None:
    if not isinstance(value, dict) or (value and set(value) != set(EFFORTS)):
        raise ProfileError(f"{where}: reasoning_tokens needs exactly {', '.join(EFFORTS)}")
    for effort, tokens in value.items():
        _check_number(where, f"reasoning_tokens.{effort}", tokens, whole=True)


def _unknown(what: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"unknown {what} {name!r}; {hint}"


def _directory() -> importlib.resources.abc.Traversable:
    return importlib.resources.files("target_app.inference").joinpath("profiles")
