"""Microbenchmarks as a run that can be compared: one series of call times per benchmark.

What a session of pytest-benchmark shares with another is the machine and Python; commits may differ,
as they are what is compared.
"""

from harness.analysis._comparison import COMPARED, RunSeries, Series, Values, series_name
from harness.analysis._model import Selection
from harness.analysis._quantities import quantile_of
from harness.runs import BenchmarkSession
from harness.stats import Distribution, effective_n

#: What stands for the scenario in a comparison of microbenchmarks.
MICROBENCHMARKS = "microbenchmarks"
_QUANTITY = "call_time"


def benchmark_series(session: BenchmarkSession) -> RunSeries:
    """The samples of a session, in µs, with what they are worth: rounds follow each other in time."""
    series: dict[str, Series] = {
        series_name(_QUANTITY, Selection(component=name)): Values(
            Distribution.of(times_us, most_points=4096),
            {statistic: effective_n(times_us, quantile_of(statistic)) for statistic in COMPARED[_QUANTITY]},
        )
        for name, times_us in session.calls_us.items()
    }
    return RunSeries(
        run_id=session.session_id,
        scenario=MICROBENCHMARKS,
        started_at=session.started_at,
        git_commit=session.git_commit,
        provider="unknown",
        fingerprint_parts={"machine": session.machine, "python": session.python},
        series=series,
    )
