"""What is shown while a run lasts."""

from harness.monitoring._progress import ProgressPrinter, RecentWindow, Snapshot, progress_line

__all__ = ["ProgressPrinter", "RecentWindow", "Snapshot", "progress_line"]
