"""What the service used and held in each measured phase, from what it told at `/metrics`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._model import ServiceResources
from harness.stats import Estimate, mean

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis._window import MeasuredWindow

#: Column, name of the figure of its largest value, unit.
_LARGEST = (
    ("cpu_percent", "cpu_max", "%"),
    ("memory_bytes", "memory_max", "bytes"),
    ("in_flight", "in_flight_max", ""),
    ("queue", "queue_max", ""),
)


def service_resources(window: "MeasuredWindow", table: "pd.DataFrame") -> list[ServiceResources]:
    """One record per measured phase and service, by phase and then by name; empty without rows."""
    if not len(table):
        return []
    piece = window.locate(table["at"].to_numpy(dtype="datetime64[us]").astype(np.int64))
    names = table["service"].to_numpy(dtype=object)
    columns = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name, _, _ in _LARGEST}
    found = []
    for index, measured in enumerate(window.pieces):
        for service in sorted(set(names[piece == index])):
            rows = (piece == index) & (names == service)
            values = {name: column[rows & ~np.isnan(column)] for name, column in columns.items()}
            found.append(_record(measured.phase, str(service), values))
    return found


def _record(phase: str, service: str, values: dict[str, NDArray[np.float64]]) -> ServiceResources:
    figures: dict[str, Estimate] = {}
    if len(values["cpu_percent"]):
        figures["cpu_mean"] = mean(values["cpu_percent"], unit="%")
    for column, name, unit in _LARGEST:
        if len(values[column]):
            largest = float(np.max(values[column]))
            method = "largest of what was told once a second"
            figures[name] = Estimate(largest, largest, largest, len(values[column]), method, unit)
    return ServiceResources(phase, service, figures)
