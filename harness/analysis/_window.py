"""The measured window: which stretches of a run its figures are taken from.

Hold phases minus the warm-up at the start of the run, minus the time that each load step needs to
settle. Ramps and the drain are never measured.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from harness.analysis._model import Window, WindowPiece
from harness.runs import Manifest, PhaseRecord, ScenarioRecord

_SETTLE_SHARE = 0.2
_SETTLE_AT_MOST_S = 10.0

#: Name of the one hold of a run in which no phase was recorded as a hold.
WHOLE_RUN = "run"


@dataclass(slots=True, frozen=True)
class Piece:
    """A measured stretch of one hold phase, on the master's clock: start_us <= t < end_us."""

    phase: str
    users: int
    start_us: int
    end_us: int
    arrivals_per_s: float | None = None

    @property
    def seconds(self) -> float:
        return (self.end_us - self.start_us) / 1e6


@dataclass(slots=True, frozen=True)
class MeasuredWindow:
    """The pieces in the order of time, the run's start, and what was left out in words."""

    origin_us: int
    pieces: tuple[Piece, ...]
    excluded: tuple[str, ...]

    def locate(self, at_us: NDArray[np.int64]) -> NDArray[np.int16]:
        """Index of the piece that each moment lies in, -1 for none."""
        if not self.pieces:
            return np.full(at_us.shape, -1, dtype=np.int16)
        starts = np.array([piece.start_us for piece in self.pieces])
        ends = np.array([piece.end_us for piece in self.pieces])
        index = np.searchsorted(starts, at_us, side="right") - 1
        inside = (index >= 0) & (at_us < ends[index])
        return np.where(inside, index, -1).astype(np.int16)

    def first_overlapped(self, begin_us: NDArray[np.int64], end_us: NDArray[np.int64]) -> NDArray[np.int16]:
        """Index of the first piece that shares a moment with each stretch begin <= t < end, -1 for none."""
        if not self.pieces:
            return np.full(begin_us.shape, -1, dtype=np.int16)
        starts = np.array([piece.start_us for piece in self.pieces])
        ends = np.array([piece.end_us for piece in self.pieces])
        index = np.searchsorted(ends, begin_us, side="right")
        inside = (index < len(ends)) & (starts[np.minimum(index, len(ends) - 1)] < end_us)
        return np.where(inside, index, -1).astype(np.int16)

    def highest(self) -> tuple[int, ...]:
        """Indices of the pieces with the most users."""
        most = max((piece.users for piece in self.pieces), default=0)
        return tuple(i for i, piece in enumerate(self.pieces) if piece.users == most)

    def to_window(self) -> Window:
        """The same in seconds from the start of the run."""
        return Window(
            tuple(
                WindowPiece(p.phase, p.users, self._since_start(p.start_us), self._since_start(p.end_us))
                for p in self.pieces
            ),
            self.excluded,
        )

    def _since_start(self, at_us: int) -> float:
        return (at_us - self.origin_us) / 1e6


def measured_window(
    manifest: Manifest, first_us: int | None, last_us: int | None, users: int = 0
) -> MeasuredWindow:
    """The window of a run whose first and last requests were meant to start at these moments.

    Where the manifest has no hold phase (no shape, or killed early) the whole run from the end
    of the warm-up to the drain, or to the last request, is one hold named `run` with `users`.
    """
    origin = _origin(manifest, first_us)
    warm = origin + round(manifest.scenario.warm_up_s * 1e6)
    spoiled = _tried_again(manifest)
    holds = [
        phase
        for phase in manifest.phases
        if phase.kind == "hold" and phase.end_us > phase.start_us and phase.name not in spoiled
    ]
    excluded = [f"warm-up: the first {manifest.scenario.warm_up_s:g} s"] if warm > origin else []
    if not holds and not spoiled:
        pieces = _whole_run(manifest, warm, last_us, users)
        excluded += ["no hold phase was recorded: all of the run but warm-up and drain is measured"]
        return MeasuredWindow(origin, pieces, (*excluded, *_left_out(manifest, ("drain",))))
    pieces = tuple(_settled(holds, manifest.scenario, warm))
    excluded += [_settle_words(manifest.scenario)] if manifest.scenario.settle_s != 0 else []
    excluded += _left_out(manifest, ("ramp", "drain"))
    measured = {piece.phase for piece in pieces}
    excluded += [
        f"{phase.name}: no longer than its settling and the warm-up"
        for phase in holds
        if phase.name not in measured
    ]
    excluded += [
        f"{name}: tried again, as the load generator was late ({why})" for name, why in spoiled.items()
    ]
    return MeasuredWindow(origin, pieces, tuple(excluded))


def _tried_again(manifest: Manifest) -> dict[str, str]:
    """The holds of a search that measured the generator, and why; those of the last attempts count."""
    probes = () if manifest.search is None else manifest.search.probes
    return {probe.phase: probe.trouble for probe in probes if not probe.counts and probe.phase}


def settle_seconds(phase: PhaseRecord, scenario: ScenarioRecord) -> float:
    """What is left out at the start of a hold: what the scenario says, else a fifth, at most 10 s."""
    if scenario.settle_s is not None:
        return scenario.settle_s
    return min(_SETTLE_SHARE * (phase.end_us - phase.start_us) / 1e6, _SETTLE_AT_MOST_S)


def moment_us(iso: str | None) -> int | None:
    """An ISO 8601 time in microseconds since the epoch; None for what is not one."""
    try:
        return round(datetime.fromisoformat(iso or "").timestamp() * 1e6)
    except ValueError:
        return None


def _origin(manifest: Manifest, first_us: int | None) -> int:
    loaded = [phase.start_us for phase in manifest.phases if phase.kind != "drain"]
    if loaded:
        return min(loaded)
    started = moment_us(manifest.started_at)
    known = [moment for moment in (started, first_us) if moment is not None]
    return min(known, default=0)


def _settled(holds: list[PhaseRecord], scenario: ScenarioRecord, warm_us: int) -> Iterator[Piece]:
    for phase in sorted(holds, key=lambda phase: phase.start_us):
        start = max(phase.start_us + round(settle_seconds(phase, scenario) * 1e6), warm_us)
        if start < phase.end_us:
            yield Piece(phase.name, phase.users, start, phase.end_us, phase.arrivals_per_s)


def _whole_run(manifest: Manifest, warm_us: int, last_us: int | None, users: int) -> tuple[Piece, ...]:
    drains = [phase.start_us for phase in manifest.phases if phase.kind == "drain"]
    ends = drains or ([last_us + 1] if last_us is not None else [])
    most = max(itertools.chain((users,), (phase.users for phase in manifest.phases)))
    return tuple(Piece(WHOLE_RUN, most, warm_us, end) for end in ends[:1] if end > warm_us)


def _settle_words(scenario: ScenarioRecord) -> str:
    how = "a fifth, at most 10 s," if scenario.settle_s is None else f"{scenario.settle_s:g} s"
    return f"settling: {how} at the start of each load step"


def _left_out(manifest: Manifest, kinds: tuple[str, ...]) -> list[str]:
    words = []
    for kind in kinds:
        seconds = sum((p.end_us - p.start_us) / 1e6 for p in manifest.phases if p.kind == kind)
        if seconds > 0:
            words.append(f"{kind if kind == 'drain' else 'ramps'}: {seconds:.1f} s")
    return words
