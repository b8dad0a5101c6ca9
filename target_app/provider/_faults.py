"""The groq SDK's exceptions as our typed errors, with Retry-After and the provider's request id kept."""

import email.utils
import math
import time

import groq
import httpx

from target_app.errors import (
    ProviderError,
    ProviderFaultError,
    ProviderOverloadedError,
    ProviderRateLimitedError,
    ProviderRefusedError,
    ProviderTimeoutError,
    ProviderUnreachableError,
)

DEFAULT_RETRY_AFTER_S = 1.0


def from_sdk(error: Exception, model: str) -> ProviderError:
    """The typed error for any exception that the SDK raises out of a call, or httpx out of a stream."""
    if isinstance(error, groq.APIStatusError):
        return _from_status(error.status_code, error.response.headers, model)
    # The SDK wraps what the client raised.
    origin = error.__cause__ if isinstance(error, groq.APIConnectionError) else error
    match origin:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            detail = f"no connection to the provider of {model}"
            return ProviderUnreachableError(detail, call_status="unreachable")
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return cut(model)
        case httpx.TimeoutException():
            return timeout(model)
    return unreadable(model)


def timeout(model: str) -> ProviderTimeoutError:
    """No complete answer in time."""
    return ProviderTimeoutError(f"{model} did not answer in time", call_status="timeout")


def cut(model: str) -> ProviderUnreachableError:
    """The connection closed, or the stream ended, before the answer was complete."""
    return ProviderUnreachableError(f"the answer of {model} broke off", call_status="cut")


def unreadable(model: str) -> ProviderFaultError:
    """A 200 that is not a chat completion."""
    return ProviderFaultError(
        f"the provider's answer for {model} is not a chat completion", call_status="unreadable"
    )


def stream_error(model: str) -> ProviderFaultError:
    """An error reported inside a stream that had begun with 200."""
    return ProviderFaultError(
        f"the provider failed in the middle of an answer of {model}", call_status="stream-error"
    )


def _from_status(status: int, headers: httpx.Headers, model: str) -> ProviderError:
    error = _by_status(status, retry_after_s(headers), f"the provider answered {status} for {model}")
    error.request_id = headers.get("x-request-id")
    return error


def _by_status(status: int, wait_s: float | None, detail: str) -> ProviderError:
    call_status = str(status)
    if status == 429:
        return ProviderRateLimitedError(
            detail, call_status=call_status, retry_after_s=wait_s or DEFAULT_RETRY_AFTER_S
        )
    if status == 498 or (status == 503 and wait_s is not None):
        return ProviderOverloadedError(
            detail, call_status=call_status, retry_after_s=wait_s or DEFAULT_RETRY_AFTER_S
        )
    if status == 408:
        return ProviderTimeoutError(detail, call_status=call_status)
    if status >= 500 or status == 409:
        return ProviderFaultError(detail, call_status=call_status, retry_after_s=wait_s)
    return ProviderRefusedError(detail, call_status=call_status)


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (number or HTTP date); None if absent or unreadable."""
    millis = _non_negative(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after")
    seconds = _non_negative(text)
    if seconds is not None or text is None:
        return seconds
    date = email.utils.parsedate_tz(text)
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _non_negative(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
