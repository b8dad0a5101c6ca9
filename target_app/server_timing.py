"""The `Server-Timing` header (W3C): where a case's time went, for any client that reads response headers.

`triage`, `specialists`, `debate`, `synthesis` and `overhead` add up to `total`. `specialist-<slug>` lie
inside `specialists` and run in parallel. `queue`, `prefill` and `decode` are the provider's own figures,
summed over the case's calls. All are milliseconds; `start` is the offset from the arrival of the request.
"""

from collections.abc import Iterator

from target_app.trace import STAGES, CaseTrace


def render(trace: CaseTrace) -> str:
    """The header's value; closes the trace.

    >>> ticks = iter([0.0, 0.001, 0.021, 0.022])
    >>> trace = CaseTrace(clock=lambda: next(ticks))
    >>> with trace.span("triage"):
    ...     pass
    >>> render(trace).split(", ")[:2]
    ['triage;dur=20.000;start=1.000', 'specialists;dur=0.000']
    """
    return ", ".join(_entries(trace))


def _entries(trace: CaseTrace) -> Iterator[str]:
    timings = trace.close()
    starts = {span.name: span.start_ms for span in trace.spans}
    for name in STAGES:
        yield _entry(name, trace.duration_ms(name), starts.get(name))
    yield _entry("overhead", timings.overhead_ms)
    yield _entry("total", timings.total_ms, 0.0)
    for span in trace.spans:
        if span.name not in STAGES:
            yield _entry(span.name, span.duration_ms, span.start_ms)
    for name in ("queue", "prefill", "decode"):
        yield _entry(name, sum(getattr(call, f"{name}_ms") or 0.0 for call in trace.calls))


def _entry(name: str, duration_ms: float, start_ms: float | None = None) -> str:
    start = "" if start_ms is None else f";start={start_ms:.3f}"
    return f"{name};dur={duration_ms:.3f}{start}"
