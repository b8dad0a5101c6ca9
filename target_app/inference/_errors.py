"""Groq's error bodies, as its API sends them."""

import orjson

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


class WireError(Exception):
    """A refusal with its HTTP status and Groq's error body."""

    def __init__(
        self, status: int, message: str, code: str = "", kind: str = "invalid_request_error", param: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        error = {"message": message, "type": kind}
        if param:
            error["param"] = param
        if code:
            error["code"] = code
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
    if model in RETIRED_MODELS:
        message = (
            f"The model `{model}` has been decommissioned and is no longer supported. Please refer to "
            "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead."
        )
        return WireError(400, message, "model_decommissioned")
    message = f"The model `{model}` does not exist or you do not have access to it."
    return WireError(404, message, "model_not_found")


def too_long() -> WireError:
    """Prompt and answer do not fit the model's context window."""
    message = "Please reduce the length of the messages or completion."
    return WireError(400, message, "context_length_exceeded", param="messages")


def bad_request(message: str, param: str = "") -> WireError:
    """A body that is not a chat completion request."""
    return WireError(400, message, param=param)
