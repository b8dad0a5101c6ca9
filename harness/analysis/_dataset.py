"""A run's samples inside the measured window: what rules are judged on and summaries are made from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis._cells import Cells
from harness.analysis._model import NotMeasured, Selection, Window
from harness.analysis._quantities import QUANTITIES, describe
from harness.analysis._samples import Samples, limited, place
from harness.analysis._slice import Slice, measure, of_values
from harness.analysis._spans import ComponentTimes
from harness.analysis._table import NO_TIME, RequestColumns
from harness.analysis._time_order import TimeOrder
from harness.analysis._window import MeasuredWindow, measured_window, moment_us
from harness.runs import Manifest, Run, RunSource
from harness.stats import Estimate

if TYPE_CHECKING:
    import pandas as pd


#: Quantities whose intervals widen by what neighbouring samples share.
_DEPENDENT = ("response_time", "service_time")


class Dataset(ABC):
    """Implements `Measurements` for one run, whichever source it has."""

    @property
    @abstractmethod
    def window(self) -> Window: ...

    @abstractmethod
    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured: ...

    @staticmethod
    def from_run(run: Run, limits_ms: Mapping[str | None, float] | None = None) -> "Dataset":
        """Read a run. `limits_ms` are the response times, by category, that goodput counts under.

        The key None is for every category without a limit of its own. Raises UnreadableFileError
        when a table of the run is not what it should be.
        """
        if run.source is RunSource.LOCUST_CSV:
            from harness.analysis._locust import LocustDataset

            return LocustDataset.read(run)
        return RequestDataset.read(run, limits_ms)


class RequestDataset(Dataset):
    """A run folder's requests and spans, inside and outside of the measured window."""

    def __init__(
        self, run: Run, measured: MeasuredWindow, samples: Samples, generator: "pd.DataFrame"
    ) -> None:
        self.run = run
        self.measured = measured
        self.samples = samples
        self.generator = generator

    @classmethod
    def read(cls, run: Run, limits_ms: Mapping[str | None, float] | None = None) -> "RequestDataset":
        """Read the tables of a run folder; see `Dataset.from_run`."""
        columns, generator = RequestColumns(run), run.generator()
        at = columns.at_us[columns.at_us != NO_TIME]
        first, last = (int(at.min()), int(at.max())) if len(at) else (None, None)
        measured = measured_window(run.manifest, first, last, _most_users(generator))
        placed = place(columns, measured, run_end_us(run.manifest))
        return cls(run, measured, Samples(limited(placed, limits_ms or {})), generator)

    def with_limits(self, limits_ms: Mapping[str | None, float]) -> "RequestDataset":
        """The same run with other limits for goodput, without reading it again."""
        other = copy(self)
        other.samples = Samples(limited(self.samples.placed, limits_ms))
        for made in ("whole", "cells"):
            other.__dict__.pop(made, None)
        return other

    @property
    def spans(self) -> ComponentTimes:
        """The times of the components, which are read when they are first asked for."""
        return self.samples.placed.columns.spans

    @property
    def window(self) -> Window:
        return self.measured.to_window()

    @cached_property
    def whole(self) -> Slice:
        """All requests of the measured window."""
        return self.in_pieces(range(len(self.measured.pieces)))

    @cached_property
    def cells(self) -> Cells:
        """The measured window cut up for groups."""
        return Cells(self.samples, self.order)

    @cached_property
    def order(self) -> TimeOrder:
        """The latency samples of the measured window in the order of time."""
        return TimeOrder(self.samples)

    def in_pieces(self, indices: range | tuple[int, ...]) -> Slice:
        """The requests of some of the window's pieces."""
        piece, done_piece = self.samples.values("piece"), self.samples.values("done_piece")
        if len(indices) == len(self.measured.pieces):
            return Slice(self.samples, tuple(indices), piece >= 0, done_piece >= 0)
        inside, ended = np.isin(piece, indices), np.isin(done_piece, indices)
        rows = inside | ended
        return Slice(self.samples.where(rows), tuple(indices), inside[rows], ended[rows])

    def select(self, selection: Selection) -> Slice | NotMeasured:
        """The requests that a selection leaves; says why where there are none."""
        indices = self._pieces(selection.phase)
        if isinstance(indices, NotMeasured):
            return indices
        chosen = self.whole if len(indices) == len(self.measured.pieces) else self.in_pieces(indices)
        for column in ("category", "name", "model"):
            value = getattr(selection, column)
            # The model of a component is the span's, not the request's.
            if value is None or (column == "model" and selection.component is not None):
                continue
            code = self.samples.placed.columns.words[column].code(value)
            chosen = chosen.where(chosen.frame.codes(column) == code)
        if not chosen.inside.any():
            what = describe(selection)
            return NotMeasured(f"no request{f' with {what}' if what else ''} in the measured window")
        return chosen

    def estimate(self, statistic: str, quantity: str, selection: Selection) -> Estimate | NotMeasured:
        """See `Measurements`."""
        chosen = self.select(selection)
        if isinstance(chosen, NotMeasured):
            return chosen
        if quantity == "component_time":
            return of_values(self.component_times(chosen, selection), statistic, quantity)
        return measure(chosen, statistic, quantity, self._worth(chosen, statistic, quantity))

    def _worth(self, chosen: Slice, statistic: str, quantity: str) -> int | None:
        """How many independent samples the times of a slice are worth; None where it is not looked for."""
        if quantity not in _DEPENDENT:
            return None
        wanted = np.zeros(len(self.samples), dtype=np.bool_)
        wanted[chosen.frame.numbered()[chosen.flagged("latency")]] = True
        return self.order.worth_of(QUANTITIES[quantity].column, statistic, chosen.indices, wanted)

    def component_times(self, chosen: Slice, selection: Selection) -> NDArray[np.float64]:
        """Time in a component, ms, per successful request in which it occurred."""
        wanted = np.zeros(len(self.samples), dtype=bool)
        wanted[chosen.frame.numbered()[chosen.flagged("ok")]] = True
        return self.spans.of(selection.component, wanted, selection.model).ms

    def _pieces(self, phase: str | None) -> range | tuple[int, ...] | NotMeasured:
        if phase is None:
            return range(len(self.measured.pieces))
        if phase == "highest":
            found = self.measured.highest()
        else:
            found = tuple(i for i, piece in enumerate(self.measured.pieces) if piece.phase == phase)
        if found:
            return found
        known = ", ".join(piece.phase for piece in self.measured.pieces) or "none"
        return NotMeasured(f"no measured hold phase is called {phase}; measured: {known}")


def run_end_us(manifest: Manifest) -> int:
    """The recorded end of the run, else that of its last phase; NO_TIME where there is neither."""
    ended = moment_us(manifest.ended_at)
    return ended if ended is not None else max((p.end_us for p in manifest.phases), default=NO_TIME)


def _most_users(generator: "pd.DataFrame") -> int:
    if "users" not in generator or not len(generator):
        return 0
    per_second = generator.groupby(generator["at"].dt.floor("s"))["users"].sum()
    return int(per_second.max()) if len(per_second) else 0
