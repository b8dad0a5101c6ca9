"""The FastAPI application: parts built in the lifespan, closed with it."""

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI

from target_app.agents import AgentTeam, rehearse
from target_app.api import Admission, CaseGate, Service, add_problem_handlers, router
from target_app.metrics import Metrics
from target_app.orchestrator import Orchestrator
from target_app.provider import CallRecord, ProviderLayer, ProviderProbe
from target_app.settings import Settings, version

SAMPLE_INTERVAL_S = 1.0
_LOGGER = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    provider: Callable[[Settings, Callable[[CallRecord], None]], ProviderLayer] = ProviderLayer,
) -> FastAPI:
    """The application for these settings, or for those of the environment; raises SettingsError.

    `provider` builds the model layer; a benchmark puts another one in its place.
    """
    config = Settings.from_env(os.environ) if settings is None else settings
    metrics = Metrics()
    admission = Admission(config.max_concurrent_cases, config.max_queued_cases)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        layer = provider(config, metrics.observe_call)
        try:
            probe = ProviderProbe(config, layer.client)
            orchestrator = Orchestrator(AgentTeam.build(config, layer), config.prices)
            service = Service(config, orchestrator, probe, layer, admission, metrics)
            app.state.service = service
            await _warm_up(probe)
            async with _sampling(service):
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
    add_problem_handlers(app, with_key=config.api_key is not None)
    app.include_router(router)
    app.add_middleware(CaseGate, metrics=metrics, admission=admission, settings=config)
    return app


@contextlib.asynccontextmanager
async def _sampling(service: Service) -> AsyncIterator[None]:
    """Keep the levels in the metrics fresh: with several workers, any of them may be asked for all."""

    async def sample() -> None:
        while True:
            service.sample()
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()


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
