"""A run's traced requests as OpenTelemetry spans, in the JSON of OTLP/HTTP (opentelemetry-proto 1.x).

Made from the run folder once a run is over, so that it costs the load nothing. A request is a client
span, from sending to the last byte; its span id is the one that was sent in `traceparent` (the second half
of the trace id), so that the service's own spans hang below it. A component that `Server-Timing` placed
in time is a span inside it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.analysis import provider_words
from harness.runs import NOT_ERRORS, Outcome, Run

if TYPE_CHECKING:
    import pandas as pd

#: So many requests in one message: some 100 KB of JSON.
REQUESTS_AT_ONCE = 100

_CLIENT, _INTERNAL = 3, 1
_FAILED = 2

_REQUEST_COLUMNS = (
    *("request_id", "worker", "case_id", "user_class", "method", "name", "category", "phase", "model"),
    *("intended_at", "sent_at", "first_byte_at", "first_token_at", "last_token_at", "done_at"),
    *("status", "outcome", "cause", "error", "input_tokens", "output_tokens", "cost_usd", "trace_id"),
)
_SPAN_COLUMNS = ("request_id", "component", "model", "start_ms", "duration_ms")

#: Columns by the name that OpenTelemetry's conventions have for them, else under `harness.`.
_ATTRIBUTES = {
    "method": "http.request.method",
    "name": "url.template",
    "status": "http.response.status_code",
    "model": "gen_ai.request.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    **{
        column: f"harness.{column}"
        for column in ("case_id", "category", "phase", "user_class", "worker", "outcome", "cause", "cost_usd")
    },
}
_EVENTS = {
    "first_byte_at": "first byte",
    "first_token_at": "first token",
    "last_token_at": "last token",
}

Json = dict[str, Any]
Row = Mapping[Any, Any]


def otlp_messages(run: Run, slowest: int | None = None) -> Iterator[tuple[int, Json]]:
    """Messages for an OTLP receiver, each with its number of spans; the slowest requests first.

    `slowest` of the requests with a trace id and an end, by response time; None is all of them.
    """
    requests = _traced(run, slowest)
    components = _components(run, requests["request_id"].tolist()) if len(requests) else {}
    taken: set[str] = set()
    for start in range(0, len(requests), REQUESTS_AT_ONCE):
        spans = []
        for row in requests.iloc[start : start + REQUESTS_AT_ONCE].to_dict("records"):
            spans += _spans(run, row, components.get(row["request_id"], ()), taken)
        yield len(spans), _message(run, spans)


def _traced(run: Run, slowest: int | None) -> "pd.DataFrame":
    """Requests with a trace id, the slowest first; at most `slowest` rows are held beside those just read."""
    import pandas as pd

    found = pd.DataFrame(columns=[*_REQUEST_COLUMNS, "took_us"])
    for table in run.scan("requests", _REQUEST_COLUMNS):
        rows = table.to_pandas()
        rows = rows[rows["trace_id"].notna() & rows["done_at"].notna() & rows["sent_at"].notna()]
        if not len(rows):
            continue
        for column in ("intended_at", "sent_at", "done_at", *_EVENTS):
            rows[column] = rows[column].astype("int64").where(rows[column].notna())
        rows["took_us"] = rows["done_at"] - rows["intended_at"].fillna(rows["sent_at"])
        found = pd.concat([found, rows]) if len(found) else rows
        if slowest is not None:
            found = found.nlargest(slowest, "took_us")
    return found.sort_values("took_us", ascending=False, kind="stable")


def _components(run: Run, request_ids: Sequence[int]) -> dict[int, list[Row]]:
    """By request, the components whose place in time is known."""
    found: dict[int, list[Row]] = {}
    wanted = set(request_ids)
    for table in run.scan("spans", _SPAN_COLUMNS):
        rows = table.to_pandas()
        rows = rows[rows["request_id"].isin(wanted) & rows["start_ms"].notna() & rows["duration_ms"].notna()]
        for row in rows.to_dict("records"):
            found.setdefault(row["request_id"], []).append(row)
    return found


def _spans(run: Run, row: Row, components: Sequence[Row], taken: set[str]) -> list[Json]:
    """The request's span and those of its components. `taken` are trace ids whose own span is known."""
    trace_id, sent_us = row["trace_id"], int(row["sent_at"])
    span_id = trace_id[16:]
    # A header that tasks set themselves may be the same for many requests, or not end in a span id.
    if trace_id in taken or not span_id.strip("0"):
        span_id = _made_up(run, row["request_id"], "")
    taken.add(trace_id)
    failed = row["outcome"] not in NOT_ERRORS
    span: Json = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": f"{row['method']} {row['name']}",
        "kind": _CLIENT,
        "startTimeUnixNano": _nanoseconds(sent_us),
        "endTimeUnixNano": _nanoseconds(max(int(row["done_at"]), sent_us)),
        "attributes": _attributes(
            {name: row[column] for column, name in _ATTRIBUTES.items()}
            | {"harness.response_time_ms": row["took_us"] / 1000}
            | {"error.type": row["outcome"] if failed else None}
        ),
        "events": [
            {"name": name, "timeUnixNano": _nanoseconds(int(row[column]))}
            for column, name in _EVENTS.items()
            if not _is_null(row[column])
        ],
    }
    if failed:
        error = row["error"] if isinstance(row["error"], str) else str(Outcome(row["outcome"]))
        span["status"] = {"code": _FAILED, "message": error}
    inner = [
        _component(span, each, sent_us, _made_up(run, row["request_id"], f"{number} {each['component']}"))
        for number, each in enumerate(components)
    ]
    return [span, *inner]


def _component(parent: Json, row: Row, sent_us: int, span_id: str) -> Json:
    """Placed as if the service had begun when the request was sent: the way there is not known."""
    start_us = sent_us + round(row["start_ms"] * 1000)
    return {
        "traceId": parent["traceId"],
        "spanId": span_id,
        "parentSpanId": parent["spanId"],
        "name": row["component"],
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(start_us),
        "endTimeUnixNano": _nanoseconds(start_us + round(max(row["duration_ms"], 0) * 1000)),
        "attributes": _attributes({"gen_ai.request.model": row["model"]}),
    }


def _message(run: Run, spans: list[Json]) -> Json:
    manifest = run.manifest
    resource = {
        "service.name": "agent-load-harness",
        "service.version": __version__,
        "harness.run_id": manifest.run_id,
        "harness.scenario": manifest.scenario.name,
        "harness.provider": provider_words(manifest.target),
    }
    scope = {"name": "agent-load-harness", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
        ]
    }


def _attributes(values: Mapping[str, Any]) -> list[Json]:
    """Those that are known; 64-bit integers are texts in OTLP's JSON."""
    found = []
    for name, value in values.items():
        if _is_null(value):
            continue
        if isinstance(value, str):
            typed: Json = {"stringValue": value}
        elif float(value).is_integer() and not name.endswith(("_ms", "_usd")):
            typed = {"intValue": str(int(value))}
        else:
            typed = {"doubleValue": float(value)}
        found.append({"key": name, "value": typed})
    return found


def _is_null(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN, and pandas' NaT, are not themselves


def _made_up(run: Run, request_id: int, part: str) -> str:
    """A span id that is the same each time that a run is exported."""
    text = f"{run.manifest.run_id} {request_id} {part}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _nanoseconds(at_us: int) -> str:
    return str(at_us * 1000)
