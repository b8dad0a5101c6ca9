"""Groq's error bodies, as its API sends them.

Wordings are those of live bodies that people have published; where none was found (502, 498's message) the
form is Groq's and the words are ours. Which are which stands in docs/simulator.md.
"""

from typing import Any

import orjson

Headers = list[tuple[bytes, bytes]]

# Ids that Groq has retired and this simulator does not serve either.
RETIRED_MODELS = frozenset(
    {
        "distil-whisper-large-v3-en",
        "gemma-7b-it",
        "gemma2-9b-it",
        "llama2-70b-4096",
        "llama-3.1-70b-versatile",
        "llama-3.2-90b-vision-preview",
        "mistral-saba-24b",
    }
)
ORGANISATION = "org_01simulated0000000000000000"
_UPGRADE = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"


class WireError(Exception):
    """A refusal with its HTTP status, Groq's error body and the headers that go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        kind: str = "invalid_request_error",
        *,
        param: str = "",
        headers: Headers | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or []
        error = {"message": message, "type": kind, **more}
        if param:
            error["param"] = param
        if code:
            error["code"] = code
        self.error = error
        self.body = orjson.dumps({"error": error})


def unauthorised() -> WireError:
    """No API key was sent; the simulator takes any key."""
    return WireError(401, "Invalid API Key", "invalid_api_key")


def unknown_url(method: str, path: str) -> WireError:
    """A path that the API does not have."""
    message = (
        f"Unknown request URL: {method} {path}. Please check the URL for typos, or see the docs at "
        "https://console.groq.com/docs/"
    )
    return WireError(404, message, "unknown_url")


def unknown_model(model: str) -> WireError:
    """A model that has been retired (400) or never was (404)."""
    return decommissioned(model) if model in RETIRED_MODELS else model_not_found(model)


def decommissioned(model: str) -> WireError:
    """A model that Groq has retired."""
    message = (
        f"The model `{model}` has been decommissioned and is no longer supported. Please refer to "
        "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead."
    )
    return WireError(400, message, "model_decommissioned")


def model_not_found(model: str) -> WireError:
    """A model that never was, or that this key may not use."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return WireError(404, message, "model_not_found")


def too_long() -> WireError:
    """Prompt and answer do not fit the model's context window."""
    message = "Please reduce the length of the messages or completion."
    return WireError(400, message, "context_length_exceeded", param="messages")


def bad_request(message: str, param: str = "") -> WireError:
    """A body that is not a chat completion request."""
    return WireError(400, message, param=param)


def generation_failed(code: str) -> WireError:
    """The model wrote something that is no JSON (`json_validate_failed`) or no tool call."""
    what, failed = {
        "json_validate_failed": ("generate JSON", '{"assessment": "The patient'),
        "tool_use_failed": ("call a function", "<function=consult{}</function>"),
    }[code]
    message = f"Failed to {what}. Please adjust your prompt. See 'failed_generation' for more details."
    return WireError(400, message, code, failed_generation=failed)


def request_too_large(model: str, tier: str, limit: int, requested: int) -> WireError:
    """One request needs more tokens than a minute's allowance; waiting cannot help."""
    message = (
        f"Request too large for model `{model}` in organization `{ORGANISATION}` service tier `{tier}` on "
        f"tokens per minute (TPM): Limit {limit}, Requested {requested}, please reduce your message size and "
        "try again."
    )
    return WireError(413, message, "rate_limit_exceeded", "tokens")


_LIMITS = {
    "rpm": ("requests", "requests per minute (RPM)"),
    "rpd": ("requests", "requests per day (RPD)"),
    "tpm": ("tokens", "tokens per minute (TPM)"),
    "tpd": ("tokens", "tokens per day (TPD)"),
}


def rate_limited(
    model: str, tier: str, limit: str, figures: tuple[int, int, int], wait: str, retry_after_s: int | None
) -> WireError:
    """A limit (rpm, rpd, tpm or tpd) is used up; `figures` are limit, used and requested.

    `wait` is the exact wait in Go's notation; `retry-after` the whole seconds that cover it, None for no
    header.
    """
    kind, words = _LIMITS[limit]
    allowed, used, requested = figures
    message = (
        f"Rate limit reached for model `{model}` in organization `{ORGANISATION}` service tier `{tier}` on "
        f"{words}: Limit {allowed}, Used {used}, Requested {requested}. "
        f"Please try again in {wait}. {_UPGRADE}"
    )
    return WireError(429, message, "rate_limit_exceeded", kind, headers=retry_after(retry_after_s))


def flex_capacity() -> WireError:
    """The flex tier is full; Groq's own status."""
    message = "Flex tier capacity exceeded. Please try again later."
    return WireError(498, message, "capacity_exceeded", "capacity_exceeded")


def server_error(status: int, model: str, retry_after_s: int | None = None) -> WireError:
    """500, 502 or 503."""
    message = {
        500: "Internal Server Error",
        502: "Bad Gateway",
        503: f"{model} is currently over capacity. Please try again and back off exponentially. "
        "Visit https://groqstatus.com to see if there is an active incident.",
    }[status]
    return WireError(status, message, kind="internal_server_error", headers=retry_after(retry_after_s))


def retry_after(seconds: int | None) -> Headers:
    """The header, or none."""
    return [] if seconds is None else [(b"retry-after", str(seconds).encode())]
