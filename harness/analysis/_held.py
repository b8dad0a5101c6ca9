"""Figures while a run goes on, from the rows that are held of it: of one load step, or of the last seconds.

The same code as after the run makes the estimates; only what counts as the measured window differs.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.analysis._dataset import RequestDataset
from harness.analysis._model import NotMeasured, Selection
from harness.analysis._samples import Placed, Samples, limited, place
from harness.analysis._table import RequestColumns
from harness.analysis._window import MeasuredWindow, Piece, measured_window
from harness.runs import Manifest, PhaseRecord, Run


class HeldDataset(RequestDataset):
    """The part of a run that is held in memory. It knows nothing of the generators: no validity."""

    def __init__(self, run: Run, measured: MeasuredWindow, placed: Placed) -> None:
        self.run = run
        self.measured = measured
        self.samples = Samples(placed)

    def mean_and_p95_ms(self) -> tuple[float, float] | None:
        """Of the response times of all requests, without intervals; None where there is none."""
        chosen = self.select(Selection())
        values = np.zeros(0) if isinstance(chosen, NotMeasured) else chosen.values("response_ms")
        return (float(values.mean()), float(np.quantile(values, 0.95))) if len(values) else None


def step_dataset(run: Run, step: PhaseRecord, limits_ms: Mapping[str | None, float]) -> HeldDataset:
    """The requests that were meant to start in (a part of) one hold phase, as far as they have ended."""
    measured = MeasuredWindow(step.start_us, (Piece(step.name, step.users, step.start_us, step.end_us),), ())
    return HeldDataset(run, measured, limited(place(RequestColumns(run), measured), limits_ms))


def recent_dataset(
    run: Run, start_us: int, end_us: int, limits_ms: Mapping[str | None, float]
) -> HeldDataset:
    """The requests of settled hold phases that ended between two moments.

    Which requests those are is told by their end: of the requests that were meant to start in the
    last seconds only the quick ones have ended, and they would make any service look fast.
    """
    holds = settled_holds(run.manifest)
    clipped = tuple(
        replace(piece, start_us=max(piece.start_us, start_us), end_us=min(piece.end_us, end_us))
        for piece in holds.pieces
        if piece.start_us < end_us and piece.end_us > start_us
    )
    measured = MeasuredWindow(holds.origin_us, clipped, holds.excluded)
    columns = RequestColumns(run)
    placed = place(columns, measured)
    in_a_hold = holds.locate(columns.at_us) >= 0
    piece = np.where(in_a_hold, measured.locate(columns.done_us), -1).astype(placed.piece.dtype)
    return HeldDataset(run, measured, limited(replace(placed, piece=piece), limits_ms))


def settled_holds(manifest: Manifest) -> MeasuredWindow:
    """The hold phases so far without warm-up and settling; none before the first hold."""
    if all(phase.kind != "hold" for phase in manifest.phases):
        return MeasuredWindow(0, (), ())
    return measured_window(manifest, None, None)
