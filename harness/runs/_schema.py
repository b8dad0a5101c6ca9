"""Columns of the run folder's tables, and the words that their text columns may hold.

Times are UTC microseconds on the master's clock. A column that does not apply is null. Names,
reasons and error texts are low in cardinality: never an id, an address or a model's words.
"""

import enum

import pyarrow as pa

SCHEMA_VERSION = 1

_AT = pa.timestamp("us", tz="UTC")

REQUEST_SCHEMA = pa.schema(
    [
        pa.field("request_id", pa.uint64(), nullable=False),
        pa.field("worker", pa.uint16(), nullable=False),
        ("case_id", pa.string()),
        ("user_class", pa.string()),
        ("method", pa.string()),
        ("name", pa.string()),
        ("category", pa.string()),
        ("phase", pa.string()),
        ("model", pa.string()),
        ("intended_at", _AT),
        ("sent_at", _AT),
        ("first_byte_at", _AT),
        ("first_token_at", _AT),
        ("last_token_at", _AT),
        ("done_at", _AT),
        ("status", pa.int16()),
        ("outcome", pa.string()),
        ("cause", pa.string()),
        ("error", pa.string()),
        ("request_bytes", pa.int64()),
        ("response_bytes", pa.int64()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
        ("llm_calls", pa.int32()),
        ("retries", pa.int32()),
        ("cost_usd", pa.float64()),
        ("answer_valid", pa.bool_()),
        ("trace_id", pa.string()),
    ]
)

SPAN_SCHEMA = pa.schema(
    [
        pa.field("request_id", pa.uint64(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        ("model", pa.string()),
        ("start_ms", pa.float64()),
        ("duration_ms", pa.float64()),
        ("queue_ms", pa.float64()),
        ("prefill_ms", pa.float64()),
        ("decode_ms", pa.float64()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
    ]
)

#: A heartbeat of the generator's event loop is late when it comes more than this after its time.
LATE_HEARTBEAT_MS = 20.0

# `loop_lag_ms` is the largest lag within the second. Heartbeats that a stall swallowed are counted, so
# that `heartbeats_late / heartbeats` over a phase tells exactly whether the 99th percentile of the
# lag is beyond LATE_HEARTBEAT_MS. `cpu_percent` is of all threads of the process; `loop_busy_percent`
# of the event loop's own: the time in which it ran or waited for a CPU to run on.
# `machine_cpu_percent`: 100 is all CPUs busy.
GENERATOR_SCHEMA = pa.schema(
    [
        pa.field("worker", pa.uint16(), nullable=False),
        pa.field("at", _AT, nullable=False),
        ("cpu_percent", pa.float64()),
        ("loop_lag_ms", pa.float64()),
        ("heartbeats", pa.int32()),
        ("heartbeats_late", pa.int32()),
        ("in_flight", pa.int32()),
        ("users", pa.int32()),
        ("schedule_delay_ms", pa.float64()),
        ("arrivals_due", pa.int32()),
        ("late", pa.int32()),
        ("dropped", pa.int32()),
        ("samples_shipped", pa.int64()),
        ("loop_busy_percent", pa.float64()),
        ("machine_cpu_percent", pa.float64()),
    ]
)

# `cpu_percent`: 100 is one CPU busy, since the row before. `queue`: requests that wait inside.
RESOURCE_SCHEMA = pa.schema(
    [
        pa.field("service", pa.string(), nullable=False),
        pa.field("at", _AT, nullable=False),
        ("cpu_percent", pa.float64()),
        ("memory_bytes", pa.int64()),
        ("in_flight", pa.int32()),
        ("queue", pa.int32()),
    ]
)

#: request_id = worker index << REQUEST_ID_BITS | sequence
REQUEST_ID_BITS = 40


class Outcome(enum.StrEnum):
    """How a request ended. Errors are all but OK, DEGRADED and INCOMPLETE."""

    OK = "ok"
    DEGRADED = "degraded"
    INVALID_ANSWER = "invalid_answer"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    CLIENT_ERROR = "client_error"
    TIMEOUT = "timeout"
    CONNECTION_ERROR = "connection_error"
    TRUNCATED = "truncated"
    INCOMPLETE = "incomplete"


NOT_ERRORS = frozenset({Outcome.OK, Outcome.DEGRADED, Outcome.INCOMPLETE})


class Cause(enum.StrEnum):
    """Whose fault a request's failure was."""

    SERVICE = "service"
    PROVIDER = "provider"
    NETWORK = "network"
    GENERATOR = "generator"
    ANSWER = "answer"
