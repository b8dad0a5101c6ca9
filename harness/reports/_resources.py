"""Resources of the service: what it used and held in each phase, as a table and a sentence."""

from collections.abc import Mapping, Sequence

from harness.analysis import ServiceResources
from harness.reports._format import NO_VALUE, figure, number, quantity
from harness.reports._tables import Table, table
from harness.stats import Estimate

_MIB = 2**20


def resources_table(resources: Sequence[ServiceResources]) -> Table:
    """One row per phase and service; what a service does not tell is a dash."""
    return table(
        ["Step", "Service"],
        ["CPU, mean", "CPU, highest", "Memory, highest", "In flight, most", "Queue, longest"],
        (
            [
                item.phase,
                item.service,
                figure(item.figures["cpu_mean"]) if "cpu_mean" in item.figures else NO_VALUE,
                _largest(item.figures, "cpu_max", "%"),
                _memory(item.figures),
                _largest(item.figures, "in_flight_max", ""),
                _largest(item.figures, "queue_max", ""),
            ]
            for item in resources
        ),
    )


def resources_finding(resources: Sequence[ServiceResources]) -> str:
    """The service that used most CPU, and when."""
    known = [
        (e.value, item) for item in resources if (e := item.figures.get("cpu_mean")) and e.value is not None
    ]
    if not known:
        return "The services tell nothing of their CPU"
    most, item = max(known, key=lambda pair: pair[0])
    return f"{item.service} used most CPU: {number(most)} % of one CPU in {item.phase}"


def _largest(figures: Mapping[str, Estimate], name: str, unit: str) -> str:
    return quantity(figures[name].value, unit) if name in figures else NO_VALUE


def _memory(figures: Mapping[str, Estimate]) -> str:
    value = figures["memory_max"].value if "memory_max" in figures else None
    return NO_VALUE if value is None else quantity(value / _MIB, "MiB")
