"""Histograms written as text. Oracle: prometheus_client's own of the same counts, both read by its parser."""

from collections.abc import Iterator

import numpy as np
import prometheus_client
import pytest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from harness.monitoring._metric_series import HistogramCounts
from harness.monitoring._metric_text import histogram_text

BOUNDS = ("0.005", "0.1", "+Inf")
CASES: dict[str, list[tuple[str, ...]]] = {
    "none": [],
    "plain": [("/api/cases", "ok")],
    "two": [("/a", "ok"), ("/a", "timeout")],
    "characters that have a meaning": [('say "no"\\', "a\nb"), ("{le}", "x,y="), ("Ω 病", "")],
}


class One(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


def _samples(text: str) -> list[tuple[str, list[tuple[str, str]], float]]:
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sorted((each.name, sorted(each.labels.items()), each.value) for each in found)


@pytest.mark.parametrize("sets", CASES.values(), ids=CASES)
def test_what_is_written_is_what_prometheus_client_writes(sets: list[tuple[str, ...]]) -> None:
    counts = np.arange(3 * len(sets)).reshape(len(sets), 3) * 1_000_003
    sums_s = np.array([0.1 + 1e9 * place for place in range(len(sets))])
    family = HistogramMetricFamily("took_seconds", "Time it took.", labels=["name", "outcome"])
    for place, labels in enumerate(sets):
        cumulative = np.cumsum(counts[place]).tolist()
        family.add_metric(labels, list(zip(BOUNDS, cumulative, strict=True)), float(sums_s[place]))
    theirs = prometheus_client.generate_latest(One(family)).decode()
    ours = histogram_text(
        "took_seconds",
        "Time it took.",
        ["name", "outcome"],
        HistogramCounts(BOUNDS, tuple(sets), counts, sums_s),
    )
    assert _samples(ours) == _samples(theirs)
    assert ours.splitlines()[:2] == theirs.splitlines()[:2]
    assert len(ours.splitlines()) == len(theirs.splitlines())
