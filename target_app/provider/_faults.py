"""The groq SDK's exceptions as our typed errors, with Retry-After kept.

Trap: over aiohttp, httpx-aiohttp maps a refused or dropped connection to `httpx.ConnectTimeout`, so the SDK
calls it `APITimeoutError`. Only aiohttp's own exception, two causes down, tells it from a real timeout.
"""

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
    """The typed error for any exception that the SDK raises out of a call."""
    match error:
        case groq.APIStatusError():
            return _from_status(error.status_code, error.response.headers, model)
        case groq.APITimeoutError() if _is_timeout(error):
            return timeout(model)
        case groq.APIConnectionError() | httpx.TransportError():
            return ProviderUnreachableError(
                f"no connection to the provider of {model}", call_status="unreachable"
            )
    return unreadable(model)


def timeout(model: str) -> ProviderTimeoutError:
    """No complete answer in time."""
    return ProviderTimeoutError(f"{model} did not answer in time", call_status="timeout")


def unreadable(model: str) -> ProviderFaultError:
    """A 200 that is not a chat completion."""
    return ProviderFaultError(
        f"the provider's answer for {model} is not a chat completion", call_status="unreadable"
    )


def _is_timeout(error: groq.APITimeoutError) -> bool:
    transport = error.__cause__
    origin = transport.__cause__ if transport is not None else None
    return origin is None or isinstance(origin, TimeoutError)


def _from_status(status: int, headers: httpx.Headers, model: str) -> ProviderError:
    detail = f"the provider answered {status} for {model}"
    call_status = str(status)
    wait_s = retry_after_s(headers)
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
