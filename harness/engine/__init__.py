"""What sends requests and records them: the user class, the request log, the generator's health."""

from harness.engine._access import Access, access_to_service
from harness.engine._arrivals import (
    ArrivalUser,
    abandon_arrivals,
    check_arrival_users,
    finish_arrivals,
    planned_arrivals_per_s,
    stop_arrivals,
)
from harness.engine._async_call import Call
from harness.engine._async_user import AsyncUser
from harness.engine._cases import Case, CaseDeck, Corpus, case_stream, load_corpus
from harness.engine._clock import now_us
from harness.engine._health import HealthMonitor
from harness.engine._http import SseReader
from harness.engine._listener import record_event
from harness.engine._outcome import Answer, Ending, classify
from harness.engine._quota import QuotaReport, TaskQuota, task_quota
from harness.engine._recorder import Recorder, Request, Response, RunTicket, Shipment
from harness.engine._server_timing import Span, parse_server_timing
from harness.engine._stats_feed import StatsFeed, flush_stats, flush_stats_often, stats_feed
from harness.engine._user import ServiceUser, recorder

__all__ = [
    "Access",
    "Answer",
    "ArrivalUser",
    "AsyncUser",
    "Call",
    "Case",
    "CaseDeck",
    "Corpus",
    "Ending",
    "HealthMonitor",
    "QuotaReport",
    "Recorder",
    "Request",
    "Response",
    "RunTicket",
    "ServiceUser",
    "Shipment",
    "Span",
    "SseReader",
    "StatsFeed",
    "TaskQuota",
    "abandon_arrivals",
    "access_to_service",
    "case_stream",
    "check_arrival_users",
    "classify",
    "finish_arrivals",
    "flush_stats",
    "flush_stats_often",
    "load_corpus",
    "now_us",
    "parse_server_timing",
    "planned_arrivals_per_s",
    "record_event",
    "recorder",
    "stats_feed",
    "stop_arrivals",
    "task_quota",
]
