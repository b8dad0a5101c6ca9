"""One HTTP client, one SDK client and the model objects, built once per process and closed with it."""

from collections.abc import Callable

import groq

from target_app.provider._calls import CallRecord
from target_app.provider._groq import MeteredGroq
from target_app.provider._http import PooledClient
from target_app.provider._retry import RetryPolicy
from target_app.settings import Mode, Settings

KEEPALIVE_S = {Mode.SIMULATED: 4.0, Mode.LIVE: 30.0}
"""How long an idle connection is kept. Locally below the 5 s after which uvicorn and others close theirs, so
that no request meets a closing socket; live longer, because a TLS handshake would count as latency."""


class ProviderLayer:
    """Build inside a running event loop, and `await close()` in the same one."""

    def __init__(self, settings: Settings, on_call: Callable[[CallRecord], None] | None = None) -> None:
        self._settings = settings
        self._on_call = on_call
        self.http = PooledClient(
            max_connections=settings.max_connections,
            keepalive_s=KEEPALIVE_S[settings.mode],
            # A proxy from the environment is for the way out, never for the simulator next door.
            trust_env=settings.mode is Mode.LIVE,
        )
        self.client = groq.AsyncGroq(
            api_key=settings.provider_key,
            base_url=settings.provider_url,
            http_client=self.http,
            max_retries=0,
        )

    def model(self, model_id: str, *, max_completion_tokens: int) -> MeteredGroq:
        """A model object over the shared client; agents may share it."""
        return MeteredGroq(
            id=model_id,
            async_client=self.client,
            base_url=self._settings.provider_url,
            temperature=0.0,
            request_params=request_params(self._settings, model_id, max_completion_tokens),
            retry_policy=RetryPolicy(self._settings.max_retries, self._settings.retry_max_delay_s),
            call_timeout_s=self._settings.call_timeout_s,
            streaming=self._settings.model_streaming,
            on_call=self._on_call,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.client.close()


def request_params(settings: Settings, model_id: str, max_completion_tokens: int) -> dict[str, object]:
    """What a call asks for besides its messages; only models that reason take an effort."""
    params: dict[str, object] = {"max_completion_tokens": max_completion_tokens}
    if model_id.startswith("openai/gpt-oss"):
        params["reasoning_effort"] = settings.reasoning_effort
    return params
