"""What a run of counted requests did at each level, and what a search for the highest load tried."""

from collections.abc import Sequence

from harness.analysis import LoadStep, Summary
from harness.reports._format import NO_VALUE, duration, figure, number, quantity
from harness.reports._tables import Table, table
from harness.runs import Manifest, SearchRecord

_COUNTED = "RequestCount"
_LEVELS = (
    "Level",
    "Total",
    "Successful",
    "Success rate",
    "Concurrency",
    "Mean",
    "p95",
    "p99",
    "Throughput",
)
_SHORT = ("Level", "Total", "OK", "OK, %", "Users", "Mean", "p95", "p99", "req/s")
_PROBES = ("Load", "Measured", "Met the criteria", "Because of")
_MEETS = {True: "yes", False: "no", None: "undecided"}


def load_rows(summary: Summary, manifest: Manifest) -> list[tuple[str, ...]]:
    """For the terminal, the heading first, values without intervals; empty for other runs."""
    if manifest.search is not None:
        return [_PROBES, *_probes(manifest.search)]
    if _is_counted(manifest):
        return [_SHORT, *(_short_level(step) for step in summary.steps)]
    return []


def load_words(manifest: Manifest) -> list[str]:
    """What the search found, in a sentence."""
    return [] if manifest.search is None else [f"Search: {manifest.search.words}."]


def load_tables(summary: Summary, manifest: Manifest) -> list[tuple[str, Table]]:
    """For the page: titles and tables, figures with intervals."""
    if manifest.search is not None:
        title = f"What the search tried, in order: {manifest.search.words}"
        return [(title, table([_PROBES[2], _PROBES[3]], _PROBES[:2], _turned(manifest.search)))]
    if _is_counted(manifest):
        rows = (_level(step) for step in summary.steps)
        return [("Requests counted out, level by level", table(_LEVELS[:1], _LEVELS[1:], rows))]
    return []


def _is_counted(manifest: Manifest) -> bool:
    return manifest.scenario.load.get("shape_class") == _COUNTED


def _level(step: LoadStep) -> tuple[str, ...]:
    group = step.group
    times = (group.response_time.get(name) for name in ("mean", "p95", "p99"))
    return (
        step.phase,
        f"{group.requests:,}",
        f"{group.outcomes.get('ok', 0):,}",
        figure(group.success_rate),
        f"{step.users:,}",
        *(NO_VALUE if found is None else figure(found) for found in times),
        figure(group.throughput),
    )


def _short_level(step: LoadStep) -> tuple[str, ...]:
    """In 80 columns: values alone, rates without their unit."""
    name, total, successful, _, users, *_ = _level(step)
    times = (step.group.response_time.get(name) for name in ("mean", "p95", "p99"))
    return (
        name,
        total,
        successful,
        number(step.group.success_rate.value),
        users,
        *(NO_VALUE if found is None else quantity(found.value, found.unit) for found in times),
        number(step.group.throughput.value),
    )


def _probes(search: SearchRecord) -> list[tuple[str, ...]]:
    return [
        (
            f"{number(probe.load)} {search.unit}",
            duration(probe.measured_s),
            _MEETS[probe.meets] if probe.counts else "tried again",
            ", ".join(f"{name} {word}" for name, word in probe.criteria.items() if word != "PASS")
            if probe.counts
            else probe.trouble,
        )
        for probe in search.probes
    ]


def _turned(search: SearchRecord) -> Sequence[Sequence[str]]:
    """Words before numbers, as the page's tables have them."""
    return [(meets, why, load, measured) for load, measured, meets, why in _probes(search)]
