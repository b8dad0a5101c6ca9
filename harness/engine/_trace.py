"""W3C trace context: a `traceparent` header per request, by which the service's traces are found again.

The flag says `sampled`: a service that records traces is asked to record every one of them, which is
work that it does not have without. So nothing is sent unless a run asks for it (`--trace`), or a user
class does (`trace = True`).

The span that begins a trace has the second half of the trace id for its own: rows keep the trace id
alone, and whoever exports them as spans knows both. Those are the parents of the service's spans.
"""

import os
from random import Random

# Seeded by the operating system, apart from the generators that draw cases and waits.
_ids = Random()
# Locust forks its workers (`--processes`): they would all send the same ids.
os.register_at_fork(after_in_child=_ids.seed)

_NAME = b"\r\ntraceparent:"


def traced(head: bytes, trace_id: str | None) -> tuple[bytes, str | None]:
    r"""A request's head with the header, and its trace id; None begins a trace.

    A header that the task has set itself stays, and its trace id is the one returned: None where it is
    malformed.

    >>> traced(b"GET / HTTP/1.1\r\nHost: x\r\n", "0af7651916cd43dd8448eb211c80319c")[0][25:72]
    b'traceparent: 00-0af7651916cd43dd8448eb211c80319'
    """
    place = head.lower().find(_NAME)
    if place >= 0:
        return head, _trace_id_of(head[place + len(_NAME) :].split(b"\r\n", 1)[0])
    if trace_id is None:
        trace_id = f"{_ids.getrandbits(128) | 1:032x}"
        span_id = trace_id[16:]
    else:
        span_id = f"{_ids.getrandbits(64) | 1:016x}"
    return b"%straceparent: 00-%s-%s-01\r\n" % (head, trace_id.encode(), span_id.encode()), trace_id


def _trace_id_of(value: bytes) -> str | None:
    parts = value.strip().decode("latin-1").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
