"""Ten specialists, triage, debate and synthesis: each an agno Agent with a strict answer schema."""

from target_app.agents._agents import StageAgent
from target_app.agents._prompts import prompts_hash
from target_app.agents._registry import SPECIALISTS, Specialist
from target_app.agents._schemas import (
    Complexity,
    Debate,
    Disposition,
    Opinion,
    Slug,
    Synthesis,
    Triage,
    conflicting,
)
from target_app.agents._team import AgentTeam, rehearse

__all__ = [
    "SPECIALISTS",
    "AgentTeam",
    "Complexity",
    "Debate",
    "Disposition",
    "Opinion",
    "Slug",
    "Specialist",
    "StageAgent",
    "Synthesis",
    "Triage",
    "conflicting",
    "prompts_hash",
    "rehearse",
]
