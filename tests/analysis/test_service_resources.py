"""What the service used and held, per measured phase: counted by hand."""

from pathlib import Path

from harness.analysis import ServiceResources, summarise
from tests.support.recorded_runs import phase, request, resource, write_run

PHASES = [
    phase("1-users", "hold", 1, 0, 10),
    phase("ramp-to-2", "ramp", 2, 10, 12),
    phase("2-users", "hold", 2, 12, 20),
]


def resources_of(folder: Path, rows: list[dict[str, object]]) -> dict[tuple[str, str], ServiceResources]:
    run = write_run(folder, [request(1)], phases=PHASES, resources=rows)
    return {(item.phase, item.service): item for item in summarise(run).resources}


def test_mean_and_largest_of_each_phase_and_service(tmp_path: Path) -> None:
    rows = [
        resource(1, cpu_percent=None, memory_bytes=100, in_flight=3, queue=0),
        resource(2, cpu_percent=20.0, memory_bytes=300, in_flight=1, queue=7),
        resource(3, cpu_percent=40.0, memory_bytes=200, in_flight=2, queue=2),
        resource(11, cpu_percent=500.0, memory_bytes=9000, in_flight=99, queue=99),
        resource(13, cpu_percent=90.0, memory_bytes=500, in_flight=5, queue=0),
        resource(3, "model", cpu_percent=10.0),
    ]
    found = resources_of(tmp_path, rows)
    assert list(found) == [("1-users", "model"), ("1-users", "target"), ("2-users", "target")]
    figures = found["1-users", "target"].figures
    assert {name: (figure.value, figure.n, figure.unit) for name, figure in figures.items()} == {
        "cpu_mean": (30.0, 2, "%"),
        "cpu_max": (40.0, 2, "%"),
        "memory_max": (300.0, 3, "bytes"),
        "in_flight_max": (3.0, 3, ""),
        "queue_max": (7.0, 3, ""),
    }
    assert figures["cpu_max"].low == figures["cpu_max"].high == 40.0
    assert list(found["1-users", "model"].figures) == ["cpu_mean", "cpu_max"]
    assert found["2-users", "target"].figures["cpu_max"].value == 90.0


def test_a_run_without_the_table_has_none(tmp_path: Path) -> None:
    assert resources_of(tmp_path, []) == {}
