"""What the routes work with, built by the app's lifespan."""

from dataclasses import dataclass

from target_app.assessment import ProviderInfo
from target_app.metrics import Metrics
from target_app.orchestrator import Orchestrator
from target_app.provider import ProviderProbe
from target_app.settings import Mode, Settings


@dataclass(slots=True, frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    orchestrator: Orchestrator
    probe: ProviderProbe
    metrics: Metrics

    def provider_info(self) -> ProviderInfo:
        """Mode, models and the profile last seen, `unknown` until the simulator has been reached."""
        simulated = self.settings.mode is Mode.SIMULATED
        profile = self.probe.state.profile or "unknown" if simulated else None
        return ProviderInfo(mode=self.settings.mode, profile=profile, models=self.settings.models)
