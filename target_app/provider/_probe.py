"""Whether the provider is there, takes the key and offers our models, and which profile a simulator runs."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import groq
import httpx
import orjson

from target_app.errors import ProviderError
from target_app.provider import _faults
from target_app.settings import Mode, Settings

TIMEOUT_S = 2.0
FRESH_S = {Mode.SIMULATED: 1.0, Mode.LIVE: 30.0}
"""How long a good answer is reused, so that a probing client loads us and not the provider."""
RETRY_S = 1.0
"""How long a bad answer is."""


@dataclass(slots=True, frozen=True)
class ProviderState:
    """`missing` says in words what keeps the service from working; empty when ready."""

    missing: tuple[str, ...] = ("the provider has not been asked yet",)
    profile: str | None = None


def profile_words(info: Mapping[str, object]) -> str | None:
    """A simulator's profile, with every setting in force that makes it answer later or not at all.

    Who compares two runs by this text must not take a simulator that was slowed down for the same.

    >>> profile_words({"profile": "reference", "speed_factor": 1.0, "faults": [], "rate_limits": "off"})
    'reference'
    >>> profile_words({"profile": "reference", "speed_factor": 3, "faults": ["stall:0.1"]})
    'reference x3 faults[stall:0.1]'
    """
    profile = info.get("profile")
    if not isinstance(profile, str):
        return None
    words = [profile]
    speed, faults, limits = (info.get(name) for name in ("speed_factor", "faults", "rate_limits"))
    if isinstance(speed, int | float) and speed != 1:
        words.append(f"x{speed:g}")
    if isinstance(faults, list) and faults:
        words.append(f"faults[{' '.join(map(str, faults))}]")
    if isinstance(limits, str) and limits not in ("off", ""):
        words.append(f"limits[{limits}]")
    return " ".join(words)


class ProviderProbe:
    """Asks the provider at most once per `FRESH_S`, whoever and how many ask us."""

    def __init__(self, settings: Settings, client: groq.AsyncGroq) -> None:
        self._settings = settings
        self._client = client
        self._lock = asyncio.Lock()
        self._asked_s = -float("inf")
        self.state = ProviderState()

    async def check(self) -> ProviderState:
        """The provider's state, at most `FRESH_S` old."""
        async with self._lock:
            fresh_s = RETRY_S if self.state.missing else FRESH_S[self._settings.mode]
            if time.monotonic() - self._asked_s >= fresh_s:
                self.state = await self._ask()
                self._asked_s = time.monotonic()
        return self.state

    async def _ask(self) -> ProviderState:
        try:
            models = await self._get("/openai/v1/models")
            profile = await self._profile()
        except ProviderError as error:
            what = {"401": "the provider refuses the API key", "unreachable": "the provider is not reachable"}
            reason = what.get(error.call_status, f"the provider's model list failed ({error.call_status})")
            return ProviderState((f"{reason} at {self._settings.provider_url}",), self.state.profile)
        return ProviderState(self._missing_models(models), profile)

    def _missing_models(self, models: object) -> tuple[str, ...]:
        rows = models.get("data", []) if isinstance(models, dict) else []
        offered = {row.get("id") for row in rows if isinstance(row, dict)}
        wanted = sorted(set(self._settings.models.values()))
        return tuple(
            f"the provider does not offer the model {name}" for name in wanted if name not in offered
        )

    async def _profile(self) -> str | None:
        if self._settings.mode is Mode.LIVE:
            return None
        try:
            info = await self._get("/info")
        except ProviderError:
            return None  # some other Groq-compatible server: no profile, but usable
        return profile_words(info) if isinstance(info, dict) else None

    async def _get(self, path: str) -> object:
        name = "the provider"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await self._client.get(
                    path, cast_to=httpx.Response, options={"timeout": TIMEOUT_S}
                )
            return orjson.loads(response.content)
        except TimeoutError:
            raise _faults.timeout(name) from None
        except orjson.JSONDecodeError:
            raise _faults.unreadable(name) from None
        except (groq.GroqError, httpx.HTTPError) as error:
            raise _faults.from_sdk(error, name) from error
