"""The request and span tables turned into samples: flags and milliseconds instead of timestamps.

Which outcome counts for what is decided here, once:

- *completed*: the service did the work and answered: ok, degraded, invalid_answer. Throughput
  counts these. A refusal or an error is quick and must not make a service look fast.
- *latency samples*: the completed ones, and timeouts with the time after which the client gave up.
  That is less than the service would have taken, but leaving it out would flatter more.
- *counted*: all but incomplete. Error rate and success rate are shares of these.
- *unanswered*: incomplete, and pending for so long that waiting on would have changed nothing. They
  are counted, as errors: a service that hangs must not look like one that was asked less.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.runs import NOT_ERRORS, Outcome

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis._window import MeasuredWindow

COMPLETED = frozenset({Outcome.OK, Outcome.DEGRADED, Outcome.INVALID_ANSWER})
LATENCY = COMPLETED | {Outcome.TIMEOUT}

_WORDS = ("category", "name", "model", "outcome", "cause", "error", "user_class")
_NUMBERS = ("cost_usd", "input_tokens", "output_tokens", "llm_calls")
NO_TIME = np.iinfo(np.int64).min

#: An incomplete request that was pending for less is no evidence against the service.
UNANSWERED_MS = 5000.0


def moments(column: "pd.Series[Any]") -> NDArray[np.int64]:
    """A column of timestamps as microseconds since the epoch, NO_TIME where null."""
    return np.asarray(column.to_numpy(dtype="datetime64[us]")).astype(np.int64)


def intended_moments(requests: "pd.DataFrame") -> NDArray[np.int64]:
    """When each request was meant to start: `intended_at`, else `sent_at`."""
    intended, sent = moments(requests["intended_at"]), moments(requests["sent_at"])
    return np.where(intended == NO_TIME, sent, intended)


def request_samples(
    requests: "pd.DataFrame", window: "MeasuredWindow", run_end_us: int = NO_TIME
) -> "pd.DataFrame":
    """One row per request, in the order and number of the request table.

    `piece` and `done_piece` are the indices of the window's pieces that the request was meant to
    start in and ended in, -1 for none. An unanswered request that was meant to start outside of
    all pieces belongs to the first one in which it was pending. `pending_ms` is how long an
    incomplete request was waited for: until its `done_at`, else until the end of the run.
    """
    import pandas as pd

    at, sent, done = (intended_moments(requests), moments(requests["sent_at"]), moments(requests["done_at"]))
    outcome = requests["outcome"].astype("category")
    incomplete = outcome.eq(Outcome.INCOMPLETE).to_numpy(dtype=bool)
    completed = outcome.isin(COMPLETED).to_numpy(dtype=bool)
    given_up = np.where(done == NO_TIME, run_end_us, done)
    pending_ms = np.where(incomplete, _elapsed_ms(sent, given_up), np.nan)
    service_ms = _elapsed_ms(sent, done)
    unanswered = pending_ms >= unanswered_after_ms(service_ms[completed])
    invalid = requests["answer_valid"].eq(False).fillna(False).to_numpy(dtype=bool)
    samples: dict[str, Any] = {
        "at_us": at,
        "sent_us": sent,
        "done_us": done,
        "piece": np.where(unanswered, window.first_overlapped(at, given_up), window.locate(at)),
        "done_piece": window.locate(done),
        "response_ms": _elapsed_ms(at, done),
        "service_ms": service_ms,
        "pending_ms": pending_ms,
        "first_byte_ms": _elapsed_ms(sent, moments(requests["first_byte_at"])),
        "first_token_ms": _elapsed_ms(sent, moments(requests["first_token_at"])),
        "ok": outcome.eq(Outcome.OK).to_numpy(dtype=bool),
        "good": outcome.eq(Outcome.OK).to_numpy(dtype=bool) & ~invalid,
        "completed": completed,
        "latency": outcome.isin(LATENCY).to_numpy(dtype=bool),
        "counted": ~incomplete | unanswered,
        "failed": ~outcome.isin(NOT_ERRORS).to_numpy(dtype=bool) | unanswered,
        "unanswered": unanswered,
        "worker": requests["worker"].to_numpy(),
        "case_id": requests["case_id"],
    }
    samples |= {word: requests[word].astype("category") for word in _WORDS}
    samples |= {number: requests[number].to_numpy(dtype=float, na_value=np.nan) for number in _NUMBERS}
    return pd.DataFrame(samples, index=pd.RangeIndex(len(requests)))


def unanswered_after_ms(completed_ms: NDArray[np.float64]) -> float:
    """How long an incomplete request has to have been pending to count as an error.

    5 s, or the 99th percentile of the run's completed requests where that is longer.

    >>> unanswered_after_ms(np.array([120.0])), unanswered_after_ms(np.array([9000.0]))
    (5000.0, 9000.0)
    """
    known = completed_ms[~np.isnan(completed_ms)]
    return max(UNANSWERED_MS, float(np.quantile(known, 0.99)) if len(known) else 0.0)


def span_samples(spans: "pd.DataFrame", requests: "pd.DataFrame") -> "pd.DataFrame":
    """One row per component of a request: `row` of the request, component, model, duration_ms.

    Spans of requests that are not in the table are left out.
    """
    import pandas as pd

    ids = requests["request_id"].to_numpy(dtype=np.uint64)
    order = np.argsort(ids, kind="stable")
    wanted = spans["request_id"].to_numpy(dtype=np.uint64)
    place = np.searchsorted(ids, wanted, sorter=order)
    row = order[np.minimum(place, len(ids) - 1)] if len(ids) else np.zeros(len(wanted), dtype=np.int64)
    found = (ids[row] == wanted) if len(ids) else np.zeros(len(wanted), dtype=bool)
    frame = pd.DataFrame(
        {
            "row": row,
            "component": spans["component"].astype("category").to_numpy(),
            "model": spans["model"].astype("category").to_numpy(),
            "duration_ms": spans["duration_ms"].to_numpy(dtype=float, na_value=np.nan),
        }
    )
    return frame[found & frame["duration_ms"].notna()].astype({"component": "category", "model": "category"})


def _elapsed_ms(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    known = (start != NO_TIME) & (end != NO_TIME)
    return np.where(known, np.where(known, end - start, 0) / 1000, np.nan)
