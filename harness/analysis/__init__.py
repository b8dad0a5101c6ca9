"""From a run to its figures: the measured window, samples, groups, every one an `Estimate`."""

from harness.analysis._dataset import Dataset, RequestDataset
from harness.analysis._locust import LocustDataset
from harness.analysis._model import (
    ComponentTime,
    ErrorGroup,
    Group,
    Histogram,
    LoadStep,
    Measurements,
    NotMeasured,
    Selection,
    SlowRequest,
    Summary,
    TimeSeries,
    Totals,
    TrendPoint,
    Window,
    WindowPiece,
)
from harness.analysis._quantities import QUANTITIES, STATISTICS, Kind, Quantity, describe, quantile_of
from harness.analysis._samples import NO_TIME, moments
from harness.analysis._slice import needed_samples
from harness.analysis._summary import provider_words, summarise
from harness.analysis._trend import NOT_COMPARABLE, Trend, trend

__all__ = [
    "NOT_COMPARABLE",
    "NO_TIME",
    "QUANTITIES",
    "STATISTICS",
    "ComponentTime",
    "Dataset",
    "ErrorGroup",
    "Group",
    "Histogram",
    "Kind",
    "LoadStep",
    "LocustDataset",
    "Measurements",
    "NotMeasured",
    "Quantity",
    "RequestDataset",
    "Selection",
    "SlowRequest",
    "Summary",
    "TimeSeries",
    "Totals",
    "Trend",
    "TrendPoint",
    "Window",
    "WindowPiece",
    "describe",
    "moments",
    "needed_samples",
    "provider_words",
    "quantile_of",
    "summarise",
    "trend",
]
