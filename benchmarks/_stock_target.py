"""The target with agno's own Groq class over the SDK's default HTTP client, to compare with.

Same agents, prompts, schemas, orchestration and HTTP front; only the model layer is what agno and groq give
without our work on it. Run it as `python benchmarks/_stock_target.py`; it prints its address.
"""

import os
import socket
from collections.abc import Callable

import groq
import uvicorn
from agno.models.groq import Groq

from target_app.app import create_app
from target_app.provider import CallRecord, ProviderLayer, request_params
from target_app.settings import Settings


class StockLayer(ProviderLayer):
    """agno's Groq objects over one AsyncGroq, which brings its own httpx client and pool."""

    def __init__(self, settings: Settings, on_call: Callable[[CallRecord], None] | None = None) -> None:
        super().__init__(settings, on_call)
        self.client = groq.AsyncGroq(
            api_key=settings.provider_key, base_url=settings.provider_url, max_retries=0
        )

    def model(  # type: ignore[override]  # agents take any Groq; only this layer does not measure
        self, model_id: str, *, max_completion_tokens: int
    ) -> Groq:
        """A stock model object."""
        return Groq(
            id=model_id,
            async_client=self.client,
            supports_json_schema_outputs=True,
            temperature=0.0,
            request_params=request_params(self._settings, model_id, max_completion_tokens),
        )


def main() -> None:
    """Serve on a free port until SIGTERM."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as sock:
        print(f"stock target: listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
        app = create_app(Settings.from_env(os.environ), provider=StockLayer)
        config = uvicorn.Config(app, http="httptools", log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
