"""The FastAPI application: parts built in the lifespan, closed with it."""

import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator

from fastapi import FastAPI

from target_app.agents import AgentTeam, rehearse
from target_app.api import CaseGate, Service, add_problem_handlers, router
from target_app.metrics import Metrics
from target_app.orchestrator import Orchestrator
from target_app.provider import ProviderLayer, ProviderProbe
from target_app.settings import Settings, version

_LOGGER = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for these settings, or for those of the environment; raises SettingsError."""
    config = Settings.from_env(os.environ) if settings is None else settings
    metrics = Metrics()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        layer = ProviderLayer(config, on_call=metrics.observe_call)
        try:
            probe = ProviderProbe(config, layer.client)
            team = AgentTeam.build(config, layer)
            app.state.service = Service(
                config, Orchestrator(team, config.prices, config.case_deadline_s), probe, metrics
            )
            await _warm_up(probe)
            yield
        finally:
            await layer.close()
            metrics.close()

    app = FastAPI(
        title="Medical-case assistant",
        description="A multi-agent service to put under load. Not medical advice.",
        version=version(),
        lifespan=lifespan,
    )
    add_problem_handlers(app)
    app.include_router(router)
    app.add_middleware(CaseGate, metrics=metrics, max_body_bytes=config.max_body_bytes)
    return app


async def _warm_up(probe: ProviderProbe) -> None:
    """Pay what the first calls of a process cost (over 100 ms) before the first case.

    The provider need not be there yet: the service then answers, and /readyz says what is missing.
    """
    await rehearse()
    state = await probe.check()
    for missing in state.missing:
        _LOGGER.warning("not ready: %s", missing)
    # What exists now lives as long as the process: keep it out of every later collection.
    gc.collect()
    gc.freeze()
