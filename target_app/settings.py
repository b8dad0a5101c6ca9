"""Everything that can be set from outside, read once from environment variables.

Live calls need two deliberate acts: `PROVIDER=live` and a `GROQ_API_KEY`. A key alone changes nothing; the
simulator is then called with a placeholder, never with the key.
"""

import enum
import functools
import importlib.metadata
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from target_app.errors import SettingsError

LIVE_URL = "https://api.groq.com"
SIMULATOR_KEY = "simulated"
N = TypeVar("N", int, float)
DEFAULT_PRICES = Path(__file__).with_name("prices.toml")


class Mode(enum.StrEnum):
    """Which provider answers."""

    SIMULATED = "simulated"
    LIVE = "live"


@dataclass(slots=True, frozen=True)
class Price:
    """USD per million tokens."""

    input_usd_per_million: float
    output_usd_per_million: float


@dataclass(slots=True, frozen=True)
class Settings:
    """The configuration; `docs/target.md` lists the variables. Keys are kept out of the repr."""

    mode: Mode = Mode.SIMULATED
    provider_key: str = field(default=SIMULATOR_KEY, repr=False)
    api_key: str | None = field(default=None, repr=False)
    """What clients have to send; None lets everyone in."""
    provider_url: str = "http://127.0.0.1:9101"
    model_large: str = "openai/gpt-oss-120b"
    model_small: str = "openai/gpt-oss-20b"
    reasoning_effort: str = "low"
    case_deadline_s: float = 60.0
    call_timeout_s: float = 20.0
    max_concurrent_cases: int = 256
    max_queued_cases: int = 256
    model_streaming: bool = False
    max_retries: int = 2
    retry_max_delay_s: float = 5.0
    max_connections: int = 2000
    max_body_bytes: int = 65_536
    prices: Mapping[str, Price] = field(default_factory=dict)

    @property
    def models(self) -> dict[str, str]:
        """Model id by role."""
        return {"large": self.model_large, "small": self.model_small}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the variables; raises SettingsError that names the variable and what it takes."""
        default = cls()
        mode = _mode(env)
        live = mode is Mode.LIVE
        return cls(
            mode=mode,
            provider_key=_live_key(env) if live else SIMULATOR_KEY,
            api_key=env.get("API_KEY", "").strip() or None,
            provider_url=_url(env, "GROQ_BASE_URL", LIVE_URL)
            if live
            else _url(env, "INFERENCE_URL", default.provider_url),
            model_large=env.get("MODEL_LARGE") or default.model_large,
            model_small=env.get("MODEL_SMALL") or default.model_small,
            reasoning_effort=env.get("REASONING_EFFORT") or default.reasoning_effort,
            case_deadline_s=_number(env, "CASE_DEADLINE_S", float, default.case_deadline_s, low=0.001),
            call_timeout_s=_number(env, "CALL_TIMEOUT_S", float, default.call_timeout_s, low=0.001),
            max_concurrent_cases=_number(
                env, "MAX_CONCURRENT_CASES", int, default.max_concurrent_cases, low=1
            ),
            max_queued_cases=_number(env, "MAX_QUEUED_CASES", int, default.max_queued_cases, low=0),
            model_streaming=_flag(env, "MODEL_STREAMING", default=default.model_streaming),
            max_retries=_number(env, "MAX_RETRIES", int, default.max_retries, low=0),
            retry_max_delay_s=_number(env, "RETRY_MAX_DELAY_S", float, default.retry_max_delay_s, low=0.0),
            max_connections=_number(env, "MAX_CONNECTIONS", int, default.max_connections, low=1),
            max_body_bytes=_number(env, "MAX_BODY_BYTES", int, default.max_body_bytes, low=1),
            prices=load_prices(Path(env.get("PRICES_FILE") or DEFAULT_PRICES)),
        )


def load_prices(path: Path) -> dict[str, Price]:
    """Prices by model id from a TOML file of `[models."ID"]` tables; raises SettingsError."""
    try:
        models = tomllib.loads(path.read_text(encoding="utf-8")).get("models", {})
        return {
            name: Price(**{key: float(value) for key, value in row.items()}) for name, row in models.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"PRICES_FILE: {path.name} cannot be used: {error}") from error


@functools.cache
def version() -> str:
    """Version of the installed distribution, or `unknown` when run from a bare source tree."""
    try:
        return importlib.metadata.version("agent-load-harness")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _mode(env: Mapping[str, str]) -> Mode:
    value = env.get("PROVIDER") or Mode.SIMULATED
    try:
        return Mode(value)
    except ValueError:
        raise SettingsError(f"PROVIDER={value!r}: give simulated or live") from None


def _live_key(env: Mapping[str, str]) -> str:
    key = env.get("GROQ_API_KEY", "").strip()
    if not key:
        raise SettingsError(
            "PROVIDER=live needs GROQ_API_KEY; set it, or leave PROVIDER out to use the simulator"
        )
    return key


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    value = (env.get(name) or default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"{name}: give an http:// or https:// address")
    if parts.username or parts.password:
        raise SettingsError(f"{name}: leave the user name and password out")
    if parts.path:
        # The SDK appends /openai/v1/...; a path here would double it and every call would be a 404.
        raise SettingsError(f"{name}: leave the path {parts.path!r} out; the client appends /openai/v1")
    return value


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name)
    if not text:
        return default
    if text.lower() not in {"true", "false"}:
        raise SettingsError(f"{name}={text!r}: give true or false")
    return text.lower() == "true"


def _number(env: Mapping[str, str], name: str, kind: Callable[[str], N], default: N, *, low: float) -> N:
    text = env.get(name)
    if not text:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not math.isfinite(value) or value < low:
        raise SettingsError(f"{name}={text!r}: give a number of at least {low:g}")
    return value
