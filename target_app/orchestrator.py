"""A case from triage to synthesis: plain asyncio around shared agents.

    triage -> specialists, in parallel -> debate, when their dispositions conflict -> synthesis

A specialist that fails leaves the case `degraded`. If all fail, or any other stage does, the case ends in a
typed error. Nothing is repeated here: the provider layer holds the only retries.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from target_app.agents import AgentTeam, Debate, Disposition, Opinion, Slug, Synthesis, Triage, conflicting
from target_app.assessment import Assessment, ProviderInfo, SpecialistResult, TimingsMs, Usage
from target_app.case import CaseRequest, one_line, render
from target_app.errors import CaseError, DeadlineExceededError, ProviderError
from target_app.provider import CallRecord, cost_usd
from target_app.settings import Price
from target_app.trace import CaseTrace

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Orchestrator:
    """The stages over one team of agents."""

    team: AgentTeam
    prices: Mapping[str, Price]

    async def assess(self, case: CaseRequest, trace: CaseTrace, provider: ProviderInfo) -> Assessment:
        """Assess a case, filling `trace`; raises a CaseError.

        Every call to the provider gets what is left until the trace's deadline, so none outlives it.
        """
        message = render(case)
        with trace.span("triage"):
            triage = await self.team.triage.ask(message, trace)
        trace.complexity = triage.complexity
        reasons = _reasons(triage)
        with trace.span("specialists"):
            outcomes = await self._consult(reasons, message, trace)
        opinions = {slug: outcome for slug, outcome in outcomes.items() if isinstance(outcome, Opinion)}
        message += "\nOpinions:\n" + "\n".join(
            _opinion_line(slug, opinion) for slug, opinion in opinions.items()
        )
        debate: Debate | None = None
        if conflicting(opinion.disposition for opinion in opinions.values()):
            with trace.span("debate"):
                debate = await self.team.debate.ask(message, trace)
            message += "\n" + _debate_line(debate)
        with trace.span("synthesis"):
            synthesis = await self.team.synthesis.ask(message, trace)
        status: Literal["ok", "degraded"] = "ok" if len(opinions) == len(outcomes) else "degraded"
        trace.outcome = status
        return Assessment(
            case_id=case.case_id,
            status=status,
            complexity=triage.complexity,
            specialists=[_result(slug, reasons[slug], outcome) for slug, outcome in outcomes.items()],
            findings=list(synthesis.findings),
            agreement=synthesis.agreement,
            debated=debate is not None,
            disposition=synthesis.disposition,
            synthesis=synthesis.summary,
            recommendations=list(synthesis.recommendations),
            red_flags=_red_flags(triage, opinions.values(), synthesis),
            usage=usage_of(trace.calls, self.prices),
            provider=provider,
            timings=TimingsMs(**asdict(trace.close())),
        )

    async def _consult(
        self, slugs: Iterable[Slug], message: str, trace: CaseTrace
    ) -> dict[Slug, Opinion | CaseError]:
        """Every specialist's opinion or error, in triage's order.

        Raises when none has an opinion, or when no time is left to use one.
        """
        async with asyncio.TaskGroup() as group:
            tasks = {slug: group.create_task(self._opinion(slug, message, trace)) for slug in slugs}
        outcomes = {slug: task.result() for slug, task in tasks.items()}
        errors = [outcome for outcome in outcomes.values() if isinstance(outcome, CaseError)]
        for error in errors:
            if isinstance(error, DeadlineExceededError):
                raise error
        if len(errors) == len(outcomes):
            # Of several reasons the one that tells the client when to come back says the most.
            raise max(errors, key=lambda error: error.retry_after_s or 0.0)
        return outcomes

    async def _opinion(self, slug: Slug, message: str, trace: CaseTrace) -> Opinion | CaseError:
        try:
            with trace.span(f"specialist-{slug}"):
                return await self.team.specialists[slug].ask(message, trace)
        except CaseError as error:
            _LOGGER.warning("specialist %s failed: %s", slug, described(error))
            return error


def described(error: CaseError) -> str:
    """One line for the log, with the provider's name for the call where it gave one."""
    name = error.request_id if isinstance(error, ProviderError) else None
    return f"{error.detail} ({error.slug}{f', {name}' if name else ''})"


def usage_of(calls: Iterable[CallRecord], prices: Mapping[str, Price]) -> Usage:
    """Tokens, calls, retries and cost of a case, whether it succeeded or not."""
    calls = list(calls)
    return Usage(
        input_tokens=sum(call.input_tokens or 0 for call in calls),
        output_tokens=sum(call.output_tokens or 0 for call in calls),
        llm_calls=len(calls),
        retries=sum(call.attempt > 0 for call in calls),
        cost_usd=cost_usd(calls, prices),
    )


def _reasons(triage: Triage) -> dict[Slug, str]:
    """Why each specialist was called; of a specialist named twice the first reason counts."""
    reasons: dict[Slug, str] = {}
    for referral in triage.specialists:
        reasons.setdefault(referral.specialist, referral.reason)
    return reasons


def _opinion_line(slug: Slug, opinion: Opinion) -> str:
    return (
        f"- {slug}: disposition={opinion.disposition}; confidence={opinion.confidence:g}; "
        f"assessment={one_line(opinion.assessment)}"
    )


def _debate_line(debate: Debate) -> str:
    resolved = "true" if debate.resolved else "false"
    rationale = one_line(debate.rationale)
    return f"Debate: disposition={debate.disposition}; resolved={resolved}; rationale={rationale}"


def _result(slug: Slug, reason: str, outcome: Opinion | CaseError) -> SpecialistResult:
    if isinstance(outcome, CaseError):
        return SpecialistResult(specialist=slug, reason=reason, status="failed")
    disposition: Disposition = outcome.disposition
    return SpecialistResult(
        specialist=slug, reason=reason, status="ok", disposition=disposition, confidence=outcome.confidence
    )


def _red_flags(triage: Triage, opinions: Iterable[Opinion], synthesis: Synthesis) -> list[str]:
    """Every red flag that anyone raised, once each: a conclusion must not lose one."""
    raised = [*synthesis.red_flags, *triage.red_flags]
    for opinion in opinions:
        raised += opinion.red_flags
    return list(dict.fromkeys(raised))
