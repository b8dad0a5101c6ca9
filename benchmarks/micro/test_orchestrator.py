"""What a case costs beside the models: the bundled target's orchestrator over a provider that takes no time.

The provider is the inference simulator at speed factor 0, a process of its own behind real HTTP, so that
agno, the SDK and its connections are in the figure, and so is the simulator's own work.
"""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks._services import SIMULATOR, corpus, running
from benchmarks.micro.conftest import Measure
from target_app.agents import AgentTeam
from target_app.assessment import Assessment, ProviderInfo
from target_app.case import CaseRequest
from target_app.orchestrator import Orchestrator
from target_app.provider import ProviderLayer
from target_app.settings import Mode, Settings
from target_app.trace import CaseTrace


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    with running([*SIMULATOR, "--speed-factor", "0"]) as service:
        yield service.url


@pytest.mark.parametrize(("category", "calls"), [("simple", 3), ("complex", 6)])
def test_case(measure: Measure, provider_url: str, category: str, calls: int) -> None:
    specialists = 1 if category == "simple" else 3
    case = next(
        row for row in corpus(category, specialists) if bool(row["conflict"]) == (category == "complex")
    )
    request = CaseRequest.model_validate({"case_id": "bench", **case["request"]})
    settings = Settings(provider_url=provider_url)
    provider = ProviderInfo(mode=Mode.SIMULATED, profile="reference", models=settings.models)
    with asyncio.Runner() as runner:
        layer = runner.run(_layer(settings))
        orchestrator = Orchestrator(AgentTeam.build(settings, layer), settings.prices)

        def assess() -> Assessment:
            return runner.run(orchestrator.assess(request, CaseTrace(), provider))

        answer = measure(assess, calls=1)
        runner.run(layer.close())
    assert answer.status == "ok"
    assert answer.usage.llm_calls == calls


async def _layer(settings: Settings) -> ProviderLayer:
    return ProviderLayer(settings)
