"""Rate limits of a model provider, read from a data file: `groq_limits.toml`, or one of the same form."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from harness.config import Table, Text
from harness.errors import UserError

BUNDLED = "groq_limits.toml"

_Limit = Annotated[float | None, Field(default=None, gt=0, allow_inf_nan=False)]


class ModelLimits(Table):
    """What one tier allows for one model; None where nothing is published."""

    tier: Text
    model: Text
    rpm: _Limit = None
    rpd: _Limit = None
    tpm: _Limit = None
    tpd: _Limit = None


class ProviderLimits(Table):
    """The whole file: `seen` says when `source` was looked at."""

    provider: Text
    source: Text
    seen: Text
    limits: tuple[ModelLimits, ...]

    @property
    def tiers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(limit.tier for limit in self.limits))


def read_limits(path: Path | None = None) -> ProviderLimits:
    """The limits of a file; the published ones of Groq without one. Raises UserError in one line."""
    label = path or BUNDLED
    try:
        text = path.read_text("utf-8") if path else (files("harness.suites") / BUNDLED).read_text("utf-8")
        return ProviderLimits.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{label}: cannot be read as provider limits") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{label}: TOML syntax: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"{label}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
