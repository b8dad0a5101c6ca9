"""The HTTP client of the load engine, on gevent's loop: what it costs is what it must not add.

It sends requests that were serialised before, and tells when bytes came and why they did not.
It keeps no statistics, follows no redirects and judges no answers.
"""

from harness.engine._http._client import HttpClient
from harness.engine._http._exchange import Exchange
from harness.engine._http._failure import Failure, FailureKind
from harness.engine._http._head import request_head, serialise
from harness.engine._http._sse import SseReader

__all__ = [
    "Exchange",
    "Failure",
    "FailureKind",
    "HttpClient",
    "SseReader",
    "request_head",
    "serialise",
]
