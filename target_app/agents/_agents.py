"""One stage's agno Agent and the rules that make its silent successes loud.

agno returns provider errors as a run's content, an answer that misses the schema as a plain string with
status COMPLETED, and an empty answer as nothing at all. `StageAgent.ask` turns each into a typed error.
"""

import logging
import uuid
from typing import Generic, Protocol, TypeVar

from agno.agent import Agent
from agno.models.groq import Groq
from agno.run.base import RunStatus
from pydantic import BaseModel, ValidationError

from target_app.agents._schemas import provider_format
from target_app.errors import AgentFaultError, AnswerError
from target_app.provider import CallRecord, call_scope

A = TypeVar("A", bound=BaseModel)

_LOGGER = logging.getLogger(__name__)


def silence_agno() -> None:
    """Drop agno's log records; idempotent.

    A filter, because agno resets its loggers' level at every run and any logging.config call re-enables
    loggers. What agno would print (provider bodies, on stdout) is in our typed errors.
    """
    for name in ("agno", "agno-team", "agno-workflow"):
        logger = logging.getLogger(name)
        if _drop not in logger.filters:
            logger.addFilter(_drop)


def _drop(_record: logging.LogRecord) -> bool:
    return False


class CallLedger(Protocol):
    """What a case gives its agents: the time they have, and where their calls are written down."""

    deadline_at: float
    calls: list[CallRecord]


class StageAgent(Generic[A]):
    """An agent that answers with one pydantic model; safe to share between concurrent cases."""

    def __init__(self, name: str, system_message: str, answer: type[A], model: Groq) -> None:
        self.name = name
        self._answer = answer
        self._model_id = model.id
        self._agent = Agent(
            name=name,
            id=name,
            model=model,
            system_message=system_message,
            output_schema=provider_format(answer),
            # Braces in a case are text, not state variables.
            resolve_in_context=False,
            telemetry=False,
        )

    async def ask(self, user_message: str, ledger: CallLedger) -> A:
        """The validated answer. Calls made are added to the ledger, also when this raises a CaseError."""
        with call_scope(ledger.deadline_at) as scope:
            try:
                # Without a session id the first one is kept on the agent and shared by all concurrent runs.
                run = await self._agent.arun(user_message, session_id=uuid.uuid4().hex)
            finally:
                ledger.calls.extend(scope.calls)
        if scope.error is not None:
            raise scope.error
        if run.status is not RunStatus.completed:
            _LOGGER.error("agno ended the %s run with status %s", self.name, run.status)
            raise AgentFaultError(f"the {self.name} agent ended with status {run.status}")
        return self._validate(run.content, scope.calls)

    def _validate(self, content: object, calls: list[CallRecord]) -> A:
        what = f"the {self.name} answer of {self._model_id}"
        if calls and calls[-1].finish_reason == "length":
            raise AnswerError(f"{what} was cut off at its token limit")
        if content is None or content == "":
            raise AnswerError(f"{what} is empty")
        if not isinstance(content, dict):
            raise AnswerError(f"{what} is not a JSON object")
        try:
            return self._answer.model_validate(content)
        except ValidationError as error:
            raise AnswerError(f"{what} does not match its schema: {_first_mismatch(error)}") from None


def _first_mismatch(error: ValidationError) -> str:
    """Where and how, without the model's words: positions are left out and so are names that it made up."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"]
    loc = first["loc"][:-1] if kind == "extra_forbidden" else first["loc"]
    where = ".".join(part for part in loc if isinstance(part, str))
    return f"{kind} at {where}" if where else kind
