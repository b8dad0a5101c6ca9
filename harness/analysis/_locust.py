"""Figures from stock Locust CSVs: what an aggregated table can honestly give.

Locust counts failed requests among the response times, measures from the moment of sending, and
keeps percentiles in buckets of two significant digits. Warm-up, ramps and drain are in the
figures. Where the table allows an interval it is wider than one from samples, never narrower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis._capacity import steps_capacity
from harness.analysis._dataset import Dataset
from harness.analysis._groups import ALL
from harness.analysis._locust_history import Step, load_steps_of
from harness.analysis._locust_table import Row, row_estimate, rows_of
from harness.analysis._model import (
    ErrorGroup,
    Group,
    LoadStep,
    NotMeasured,
    Selection,
    Summary,
    Totals,
    Window,
    WindowPiece,
)
from harness.analysis._quantities import QUANTITIES, REPORTED, Kind
from harness.analysis._summary import exception_notes
from harness.analysis._window import WHOLE_RUN
from harness.errors import UnreadableFileError
from harness.runs import Run
from harness.stats import Estimate, proportion, rate

if TYPE_CHECKING:
    import pandas as pd

_NEVER = "stock Locust CSVs do not hold it"
_UNKNOWN = ("category", "model", "component")
_NO_LIMIT = (
    "not known: stock Locust CSVs hold neither the generator's CPU, nor the services' figures, nor the "
    "causes of errors"
)
_NOTES = (
    "Percentiles are Locust's, rounded to two significant digits; intervals are widened by the rounding.",
    "Figures cover the whole test: warm-up, ramps and failed requests are in them.",
    "Response times count from the moment of sending: waiting before it is not in them.",
)


class LocustDataset(Dataset):
    """One test's CSVs: `rows` of P_stats.csv without the total, `total`, and steps of the history."""

    def __init__(self, rows: Sequence[Row], total: Row, steps: Sequence[Step]) -> None:
        self.rows = tuple(rows)
        self.total = total
        self.steps = tuple(steps)

    @classmethod
    def read(cls, run: Run) -> "LocustDataset":
        """Take the tables of stock CSVs; UnreadableFileError when they are not Locust's."""
        if run.locust is None:
            raise UnreadableFileError(f"{run.path}: no Locust tables were read")
        rows, total = rows_of(run.locust.stats, run.path)
        history = run.locust.history
        return cls(rows, total, load_steps_of(history) if history is not None else ())

    @property
    def window(self) -> Window:
        users = max((step.users for step in self.steps), default=0)
        piece = WindowPiece(WHOLE_RUN, users, 0.0, self.total.seconds)
        left_out = ("nothing: stock CSVs hold cumulative figures only",)
        return Window((piece,) if self.total.seconds > 0 else (), left_out)

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        """See `Measurements`. What CSVs can never hold is not applicable."""
        for part in _UNKNOWN:
            if getattr(selection, part) is not None:
                return NotMeasured(f"no {part} is known: {_NEVER}", applicable=False)
        if selection.phase is not None:
            return self._of_phase(quantity, selection)
        row = self._row(selection.name)
        return row if isinstance(row, NotMeasured) else row_estimate(row, statistic, quantity)

    def _row(self, name: str | None) -> Row | NotMeasured:
        if name is None:
            return self.total
        found = [row for row in self.rows if name in {row.name, f"{row.method} {row.name}"}]
        match found:
            case [row]:
                return row
            case []:
                known = ", ".join(row.name for row in self.rows) or "none"
                return NotMeasured(f"no entry is called {name}; known: {known}")
            case _:
                full = " or ".join(f"{row.method} {row.name}" for row in found)
                return NotMeasured(f"{len(found)} entries are called {name}: write {full}")

    def _of_phase(self, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        what = QUANTITIES[quantity]
        if what.kind is Kind.VALUE or quantity == "goodput":
            return NotMeasured(f"no {what.words} of a phase is known: {_NEVER}", applicable=False)
        if selection.name is not None or not self.steps:
            reason = (
                "figures of a phase need P_stats_history.csv with steps of 5 s or longer, for all requests"
            )
            return NotMeasured(reason, applicable=False)
        most = max(step.users for step in self.steps)
        chosen = [
            step
            for step in self.steps
            if step.phase == selection.phase or (selection.phase == "highest" and step.users == most)
        ]
        if not chosen:
            known = ", ".join(step.phase for step in self.steps)
            return NotMeasured(f"no load step is called {selection.phase}; known: {known}")
        counts = _Counts(
            sum(step.requests for step in chosen),
            sum(step.failures for step in chosen),
            sum(step.seconds for step in chosen),
        )
        return counts.estimate(quantity)


@dataclass(slots=True, frozen=True)
class _Counts:
    requests: int
    failures: int
    seconds: float

    def estimate(self, quantity: str) -> Estimate | NotMeasured:
        if quantity == "throughput":
            return rate(self.requests - self.failures, self.seconds)
        if not self.requests:
            return NotMeasured("no request ended in the load step")
        good = self.failures if quantity == "error_rate" else self.requests - self.failures
        return proportion(good, self.requests)


def summarise_locust(run: Run, data: LocustDataset) -> Summary:
    """The summary of stock CSVs: fewer fields, `exact` False, and notes that say what the figures are."""
    tables = run.locust
    total = data.total
    steps = [_step(step) for step in data.steps]
    return Summary(
        run_id=run.manifest.run_id,
        scenario=run.manifest.scenario.name,
        source=str(run.source),
        exact=False,
        provider="unknown",
        started_at=run.manifest.started_at,
        duration_s=total.seconds,
        window=data.window,
        totals=Totals(total.requests, total.failures, 0, 0, _outcomes(total.requests, total.failures)),
        overall=_group(ALL, total),
        by_category={},
        by_name={row.label: _group(row.label, row) for row in data.rows},
        components=(),
        steps=steps,
        errors=_errors(tables.failures) if tables is not None and tables.failures is not None else (),
        histogram=None,
        series=None,
        slowest=(),
        notes=(*_NOTES, *exception_notes(run)),
        capacity=steps_capacity(run.manifest.run_id, steps, _NO_LIMIT),
    )


def _group(label: str, row: Row) -> Group:
    times = {
        name: estimate
        for name in REPORTED
        if isinstance(estimate := row_estimate(row, name, "response_time"), Estimate)
    }
    return Group(
        label=label,
        requests=row.requests,
        outcomes=_outcomes(row.requests, row.failures),
        response_time=times,
        service_time=times,
        throughput=rate(row.requests - row.failures, row.seconds),
        error_rate=proportion(row.failures, row.requests),
        success_rate=proportion(row.requests - row.failures, row.requests),
        per_case={},
    )


def _step(step: Step) -> LoadStep:
    good = step.requests - step.failures
    group = Group(
        label=step.phase,
        requests=step.requests,
        outcomes=_outcomes(step.requests, step.failures),
        response_time={},
        service_time={},
        throughput=rate(good, step.seconds),
        error_rate=proportion(step.failures, step.requests),
        success_rate=proportion(good, step.requests),
        per_case={},
    )
    return LoadStep(step.phase, step.users, step.seconds, group, {})


def _outcomes(requests: int, failures: int) -> dict[str, int]:
    """Locust knows only success and failure."""
    return {word: n for word, n in (("ok", requests - failures), ("failure", failures)) if n}


def _errors(failures: "pd.DataFrame") -> list[ErrorGroup]:
    def text(value: Any) -> str:
        return value if isinstance(value, str) else ""

    groups = [
        ErrorGroup(text(row["Name"]), "failure", "", text(row["Error"]), int(row["Occurrences"]))
        for _, row in failures.iterrows()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.name, group.error))
