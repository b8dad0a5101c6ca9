"""What is shown while a run lasts."""

from harness.monitoring._generator_watch import GeneratorWatch
from harness.monitoring._live_judge import (
    CRITICAL_IN_A_ROW,
    LiveJudge,
    LivePhase,
    LiveVerdict,
    LiveVerdicts,
    clock,
    in_rule_order,
    in_the_last,
    on_a_window,
    undecided,
)
from harness.monitoring._live_rows import ROWS_HELD, LiveRows, StepTally
from harness.monitoring._metric_counts import CountsNow, LoadCounts
from harness.monitoring._metrics import LoadNow, RunNow, WorkerNow, exposition
from harness.monitoring._progress import ProgressPrinter, RecentWindow, Snapshot, progress_line

__all__ = [
    "CRITICAL_IN_A_ROW",
    "ROWS_HELD",
    "CountsNow",
    "GeneratorWatch",
    "LiveJudge",
    "LivePhase",
    "LiveRows",
    "LiveVerdict",
    "LiveVerdicts",
    "LoadCounts",
    "LoadNow",
    "ProgressPrinter",
    "RecentWindow",
    "RunNow",
    "Snapshot",
    "StepTally",
    "WorkerNow",
    "clock",
    "exposition",
    "in_rule_order",
    "in_the_last",
    "on_a_window",
    "progress_line",
    "undecided",
]
