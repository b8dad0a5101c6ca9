"""The one clock of a load generator: UTC microseconds that never step back.

The system's clock is read once; from then on a monotonic clock adds to it. A step of the system's
clock during a run (a time server's correction) would otherwise make latencies wrong or negative.
"""

from time import perf_counter_ns, time_ns

_ANCHOR_NS = time_ns() - perf_counter_ns()


def now_us() -> int:
    """UTC now, in whole microseconds."""
    return (_ANCHOR_NS + perf_counter_ns()) // 1000
