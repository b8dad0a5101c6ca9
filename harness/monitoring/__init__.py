"""What is shown while a run lasts."""

from harness.monitoring._generator_watch import GeneratorWatch
from harness.monitoring._progress import ProgressPrinter, RecentWindow, Snapshot, progress_line

__all__ = ["GeneratorWatch", "ProgressPrinter", "RecentWindow", "Snapshot", "progress_line"]
