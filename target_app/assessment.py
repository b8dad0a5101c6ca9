"""What the service answers: the assessment of a case, its cost and its times."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from target_app.agents import Complexity, Disposition, Slug
from target_app.settings import Mode


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpecialistResult(_Part):
    """A specialist that triage called; disposition and confidence are null when it failed."""

    specialist: Slug
    reason: str
    status: Literal["ok", "failed"]
    disposition: Disposition | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)


class Usage(_Part):
    """What the case took from the provider."""

    input_tokens: int
    output_tokens: int
    llm_calls: int = Field(description="HTTP calls to the provider, repeats included.")
    retries: int = Field(description="How many of them repeated a failed call.")
    cost_usd: float | None = Field(description="Null when a model has no known price.")


class TimingsMs(_Part):
    """The stages' times in ms. The first five add up to `total_ms`; `Server-Timing` says the same."""

    triage_ms: float
    specialists_ms: float
    debate_ms: float
    synthesis_ms: float
    overhead_ms: float
    total_ms: float


class ProviderInfo(_Part):
    """Who answered."""

    mode: Mode
    profile: str | None = Field(description="The simulator's latency profile; null in live mode.")
    models: dict[str, str] = Field(description="Model id by role.")


EXAMPLE: dict[str, JsonValue] = {
    "case_id": "example-1",
    "status": "ok",
    "complexity": "simple",
    "specialists": [
        {
            "specialist": "cardiology",
            "reason": "chest pain with a raised troponin",
            "status": "ok",
            "disposition": "admit",
            "confidence": 0.86,
        }
    ],
    "findings": ["troponin 0.09", "heart rate 104"],
    "agreement": 1.0,
    "debated": False,
    "disposition": "admit",
    "synthesis": "Probable acute coronary syndrome.",
    "recommendations": ["serial ECG and troponin"],
    "red_flags": ["chest pain at rest"],
    "usage": {"input_tokens": 1480, "output_tokens": 412, "llm_calls": 3, "retries": 0, "cost_usd": 0.000321},
    "timings": {
        "triage_ms": 92.114,
        "specialists_ms": 81.502,
        "debate_ms": 0.0,
        "synthesis_ms": 104.87,
        "overhead_ms": 2.031,
        "total_ms": 280.517,
    },
    "provider": {
        "mode": "simulated",
        "profile": "reference",
        "models": {"large": "openai/gpt-oss-120b", "small": "openai/gpt-oss-20b"},
    },
}


class Assessment(_Part):
    """The answer to one case. `degraded` means that at least one specialist failed and the rest answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    case_id: str
    status: Literal["ok", "degraded"]
    complexity: Complexity
    specialists: list[SpecialistResult]
    findings: list[str]
    agreement: float = Field(ge=0, le=1)
    debated: bool
    disposition: Disposition
    synthesis: str
    recommendations: list[str]
    red_flags: list[str]
    usage: Usage
    timings: TimingsMs
    provider: ProviderInfo
