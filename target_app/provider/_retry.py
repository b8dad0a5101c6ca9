"""When to repeat a failed call, and how long to wait: a pure function of the error and the attempt.

This is the only retry layer. The SDK's own (2 repeats by default), agno's and any client's would multiply
with it.
"""

import random
from dataclasses import dataclass

from target_app.errors import ProviderError

FIRST_DELAY_S = 0.25
JITTER = 0.25


@dataclass(slots=True, frozen=True)
class RetryPolicy:
    """`max_retries` repeats after the first try; a wait longer than `max_delay_s` is the caller's to make."""

    max_retries: int = 2
    max_delay_s: float = 5.0

    def delay_s(self, error: ProviderError, attempt: int, rng: random.Random) -> float | None:
        """Seconds to wait before attempt + 1, or None to give up.

        The provider's Retry-After is obeyed exactly. Without one the wait doubles from 0.25 s, less up to a
        quarter of jitter, so that calls that failed together do not return together.

        >>> policy = RetryPolicy(max_retries=2, max_delay_s=5)
        >>> from target_app.errors import ProviderRateLimitedError
        >>> limited = ProviderRateLimitedError("", call_status="429", retry_after_s=3)
        >>> policy.delay_s(limited, 0, random.Random(0)), policy.delay_s(limited, 2, random.Random(0))
        (3, None)
        """
        if not error.retryable or attempt >= self.max_retries:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.max_delay_s else None
        backoff_s: float = FIRST_DELAY_S * 2**attempt * (1 - JITTER * rng.random())
        return min(self.max_delay_s, backoff_s)
