"""What the routes work with, built by the app's lifespan."""

import asyncio
from dataclasses import dataclass

from target_app.api._admission import Admission
from target_app.assessment import ProviderInfo
from target_app.metrics import Levels, Metrics
from target_app.orchestrator import Orchestrator
from target_app.provider import ProviderLayer, ProviderProbe
from target_app.settings import Mode, Settings


@dataclass(slots=True, frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    orchestrator: Orchestrator
    probe: ProviderProbe
    layer: ProviderLayer
    admission: Admission
    metrics: Metrics

    def provider_info(self) -> ProviderInfo:
        """Mode, models and the profile last seen, `unknown` until the simulator has been reached."""
        simulated = self.settings.mode is Mode.SIMULATED
        profile = self.probe.state.profile or "unknown" if simulated else None
        return ProviderInfo(mode=self.settings.mode, profile=profile, models=self.settings.models)

    def sample(self) -> None:
        """Put the levels of queue, pool and tasks into the metrics as they are now."""
        pool = self.layer.http
        self.metrics.set_levels(
            Levels(
                queued=self.admission.queued,
                connections_open=pool.open,
                connections_in_use=pool.in_use,
                connections_opened=pool.opened,
                tasks=len(asyncio.all_tasks()),
            )
        )
