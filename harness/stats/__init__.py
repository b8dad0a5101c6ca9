"""Pure statistics over arrays of samples: no files, no clocks, no Locust, no pandas."""

from harness.stats._estimate import Estimate

__all__ = ["Estimate"]
