"""The limits beyond which a load generator measures itself: one place for the verdict and the live view."""

#: A worker's event loop may be busier than this, but not for BUSY_SECONDS on end. It has one CPU at most.
BUSY_PERCENT = 90.0
BUSY_SECONDS = 5

#: Of the heartbeats, this share may come later than LATE_HEARTBEAT_MS: the 99th percentile is within it.
LATE_SHARE = 0.01

#: The 99th percentile of sent - intended is at most this, or that share of the median response time.
DELAY_MS = 5.0
DELAY_SHARE = 0.05

#: Of the arrivals that were planned, how many may fail to be due, or of those due, to be started.
RATE_SHARE = 0.02

#: What workers counted in flight, and what their rows imply, may differ by this share.
LITTLE_SHARE = 0.05

#: Seconds between two reports of a worker (Locust's WORKER_REPORT_INTERVAL): one that dies takes what
#: it has not reported along. A local run writes once a second.
REPORT_S = 3

ADD_A_WORKER = "add a worker: one Locust process uses one CPU"


def allowed_delay_ms(median_response_ms: float) -> float:
    """How late a request may leave, at the 99th percentile.

    >>> allowed_delay_ms(40.0), allowed_delay_ms(800.0)
    (5.0, 40.0)
    """
    return max(DELAY_MS, DELAY_SHARE * median_response_ms)
