"""All agents, built once: the large model triages, moderates and concludes, the small one specialises."""

from dataclasses import dataclass
from typing import Protocol

from agno.models.groq import Groq

from target_app.agents import _prompts
from target_app.agents._agents import StageAgent, silence_agno
from target_app.agents._schemas import Debate, Disposition, Opinion, Slug, Synthesis, Triage
from target_app.provider import CallScope, Completion, MeteredGroq
from target_app.settings import Settings

# Reasoning tokens count too, and an answer that hits its limit is lost: generous, not tight.
TRIAGE_TOKENS = 1024
OPINION_TOKENS = 1024
DEBATE_TOKENS = 2048
SYNTHESIS_TOKENS = 3072


class ModelSource(Protocol):
    """Where the agents' models come from."""

    def model(self, model_id: str, *, max_completion_tokens: int) -> Groq:
        """A model that agents may share."""


@dataclass(slots=True, frozen=True)
class AgentTeam:
    """The agents by role."""

    triage: StageAgent[Triage]
    specialists: dict[Slug, StageAgent[Opinion]]
    debate: StageAgent[Debate]
    synthesis: StageAgent[Synthesis]

    @classmethod
    def build(cls, settings: Settings, layer: ModelSource) -> "AgentTeam":
        """Agents over the layer's models."""
        silence_agno()
        large, small = settings.model_large, settings.model_small
        opinion_model = layer.model(small, max_completion_tokens=OPINION_TOKENS)
        return cls(
            triage=StageAgent(
                "triage", _prompts.TRIAGE, Triage, layer.model(large, max_completion_tokens=TRIAGE_TOKENS)
            ),
            specialists={
                slug: StageAgent(slug, _prompts.specialist(slug), Opinion, opinion_model) for slug in Slug
            },
            debate=StageAgent(
                "debate", _prompts.DEBATE, Debate, layer.model(large, max_completion_tokens=DEBATE_TOKENS)
            ),
            synthesis=StageAgent(
                "synthesis",
                _prompts.SYNTHESIS,
                Synthesis,
                layer.model(large, max_completion_tokens=SYNTHESIS_TOKENS),
            ),
        )


async def rehearse() -> None:
    """One run of an agent without the network, so that agno's late imports are paid before the first case."""
    agent = StageAgent("rehearsal", _prompts.DEBATE, Debate, _Rehearsal(id="rehearsal"))
    await agent.ask("Chief complaint: none", CallScope())


class _Rehearsal(MeteredGroq):
    """A model that answers itself."""

    async def _attempt(self, *_unused: object) -> tuple[Completion, None]:
        answer = Debate(disposition=Disposition.DISCHARGE, resolved=True, positions=[], rationale="")
        return Completion(content=answer.model_dump_json()), None
