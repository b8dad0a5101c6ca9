"""The span table as times per request: one column per component and model, a few bytes to a span.

A run can hold many times more spans than requests, so they are read piece by piece and kept as whole
microseconds where that loses nothing, as with times that a service told in ms with three decimals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis._row_index import RowIndex
from harness.analysis._sorted import Sorted, blocks
from harness.analysis._words import Vocabulary
from harness.runs import Run

#: A component and the model that it ran on, as codes; -1 for no model.
_Key = tuple[int, int]

#: From one in so many requests on, a value for every request is kept.
_DENSE_FROM = 4
_TOO_LONG_US = 2**31


@dataclass(slots=True, frozen=True)
class Times:
    """Time of one component per request: `rows` of the request table, each once and rising, and `ms`."""

    rows: NDArray[np.intp]
    ms: NDArray[np.float64]


class ComponentTimes:
    """Every span of a run. Several of one component in one request are added up."""

    def __init__(self, run: Run, row_of: RowIndex, requests: int) -> None:
        """Read the spans of a run, but for those of unknown requests and those without a time."""
        components, models = Vocabulary(), Vocabulary()
        columns: dict[_Key, _Column] = {}
        for piece in run.scan("spans", ("request_id", "component", "model", "duration_ms")):
            ids, ms = piece.column("request_id").to_numpy(), _floats(piece.column("duration_ms"))
            component, model = (
                words.codes_of(piece.column(name))
                for words, name in ((components, "component"), (models, "model"))
            )
            pairs = len(models.labels) + 1
            pair = component.astype(np.int32) * pairs + (model + 1)
            for block in blocks(len(ids)):
                rows, times = row_of(ids[block]), ms[block]
                for number, own in _by_pair(pair[block], (rows >= 0) & ~np.isnan(times)):
                    key = (number // pairs, number % pairs - 1)
                    columns.setdefault(key, _Column(requests)).add(rows[own], times[own])
        self._components, self._models = components.labels, models.labels
        self._columns = columns

    @property
    def components(self) -> tuple[str, ...]:
        """The names of all components, sorted."""
        return tuple(sorted({self._components[component] for component, _ in self._columns}))

    def of(self, component: str | None, wanted: NDArray[np.bool_], model: str | None = None) -> Times:
        """The times of the wanted requests (a mask over all of them); None is any component or model."""
        found = [column.of(wanted) for column in self._matching(component, model)]
        if len(found) == 1:
            return found[0]
        if not found:
            return Times(np.zeros(0, np.intp), np.zeros(0))
        rows = np.concatenate([times.rows for times in found])
        return Times(*_added_up(rows, np.concatenate([times.ms for times in found])))

    def has(self, component: str, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the wanted requests have a time of a component."""
        found = np.zeros(len(wanted), dtype=np.bool_)
        for column in self._matching(component, None):
            column.mark(found)
        found &= wanted
        return found

    def cut(
        self, component: str, owner: NDArray[Any], told: NDArray[np.bool_], n: int
    ) -> tuple[Sorted, NDArray[np.float64]]:
        """A component's times by owner (0 to n - 1 for each request, -1 for none).

        And the sum, ms, by owner, of those of requests that are `told`.
        """
        columns = list(self._matching(component, None))
        if len(columns) == 1:
            return columns[0].cut(owner, told, n)
        times = self.of(component, owner >= 0)
        groups = owner[times.rows]
        sums = np.asarray(np.bincount(groups, times.ms * told[times.rows], n), dtype=np.float64)
        return Sorted([np.sort(times.ms[groups == index]) for index in range(n)]), sums

    def _matching(self, component: str | None, model: str | None) -> Iterator["_Column"]:
        for (component_code, model_code), column in self._columns.items():
            is_model = model is None or (model_code >= 0 and self._models[model_code] == model)
            if is_model and component in (None, self._components[component_code]):
                yield column


def _by_pair(pair: NDArray[np.int32], known: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The known rows of each pair of component and model that occurs."""
    counts = np.bincount(pair)
    narrow = pair.astype(np.min_scalar_type(len(counts)))
    if known.all():
        for number in np.flatnonzero(counts).tolist():
            yield number, np.flatnonzero(narrow == number)
    else:
        for number in np.flatnonzero(counts).tolist():
            rows = np.flatnonzero(known & (narrow == number))
            if len(rows):
                yield number, rows


class _Column:
    """The times of one pair: whole microseconds while all are whole (-1 for none), else ms (NaN for none).

    Few are kept as rows and values, many as one value for every request.
    """

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._whole = True
        self._pieces: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._held = 0
        self._dense: NDArray[Any] | None = None

    def add(self, rows: NDArray[Any], ms: NDArray[np.float64]) -> None:
        if self._whole:
            whole_us = np.rint(ms * 1000)
            if np.array_equal(whole_us / 1000, ms) and whole_us.min() >= 0 and whole_us.max() < _TOO_LONG_US:
                self._put(rows, whole_us.astype(np.int32))
                return
            self._to_floats()
        self._put(rows, ms)

    def of(self, wanted: NDArray[np.bool_]) -> Times:
        """The times of the wanted requests."""
        if self._dense is not None:
            rows = np.flatnonzero(wanted & _is_known(self._dense))
            return Times(rows, self._ms(self._dense[rows]))
        self._merge()
        if not self._pieces:
            return Times(np.zeros(0, np.intp), np.zeros(0))
        rows, values = self._pieces[0]
        keep = wanted[rows]
        return Times(rows[keep].astype(np.intp), self._ms(values[keep]))

    def cut(self, owner: NDArray[Any], told: NDArray[np.bool_], n: int) -> tuple[Sorted, NDArray[np.float64]]:
        """See `ComponentTimes.cut`."""
        pieces: list[list[NDArray[Any]]] = [[] for _ in range(n)]
        sums = np.zeros(n)
        for rows, values in self._by_blocks():
            kept = (owner[rows] >= 0) & _is_known(values)
            group, found = owner[rows][kept], values[kept]
            counts, order = np.bincount(group, minlength=n), np.argsort(group, kind="stable")
            for index, own in enumerate(np.split(found[order], np.cumsum(counts)[:-1])):
                pieces[index].append(own)
            counted = told[rows][kept]
            sums += np.bincount(group, found if counted.all() else found * counted, n)
        parts = [np.concatenate([np.zeros(0, np.int8), *of_owner]) for of_owner in pieces]
        for part in parts:
            part.sort()
        return Sorted(parts, 1000 if self._whole else 1), sums / (1000 if self._whole else 1)

    def mark(self, found: NDArray[np.bool_]) -> None:
        """Set the requests that have a time."""
        for rows, values in self._by_blocks():
            found[rows] |= _is_known(values)

    def _by_blocks(self) -> Iterator[tuple[Any, NDArray[Any]]]:
        if self._dense is not None:
            for block in blocks(self._requests):
                yield block, self._dense[block]
        else:
            self._merge()
            yield from self._pieces

    def _put(self, rows: NDArray[Any], values: NDArray[Any]) -> None:
        if self._dense is not None:
            self._scatter(self._dense, rows, values)
            return
        self._pieces.append((rows, values))
        self._held += len(rows)
        if self._held * _DENSE_FROM >= self._requests:
            self._dense = np.full(self._requests, -1 if self._whole else np.nan, values.dtype)
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                self._put(*piece)

    def _scatter(self, dense: NDArray[Any], rows: NDArray[Any], values: NDArray[Any]) -> None:
        if _is_rising(rows) and not _is_known(dense[rows]).any():
            dense[rows] = values
            return
        rows, sums = _added_up(rows, values)
        before = dense[rows]
        sums = sums + np.where(_is_known(before), before, 0)
        if dense.dtype == np.int32 and sums.max() >= _TOO_LONG_US:
            self._dense = dense = dense.astype(np.int64)
        dense[rows] = sums

    def _merge(self) -> None:
        """Leave one piece, in which each row occurs once."""
        if len(self._pieces) > 1 or (self._pieces and not _is_rising(self._pieces[0][0])):
            rows, values = (np.concatenate(parts) for parts in zip(*self._pieces, strict=True))
            self._pieces = [(rows, values) if _is_rising(rows) else _added_up(rows, values)]

    def _to_floats(self) -> None:
        self._pieces = [(rows, self._ms(values)) for rows, values in self._pieces]
        if self._dense is not None:
            self._dense = np.where(_is_known(self._dense), self._ms(self._dense), np.nan)
        self._whole = False

    def _ms(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(values / 1000 if self._whole else values, dtype=np.float64)


def _is_rising(rows: NDArray[Any]) -> bool:
    return bool((rows[1:] > rows[:-1]).all())


def _is_known(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(values) if values.dtype == np.float64 else values >= 0)


def _added_up(rows: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sums per row, in rising order of rows."""
    if not len(rows):
        return rows, values
    order = np.argsort(rows, kind="stable")
    rows, values = rows[order], values[order]
    if values.dtype == np.int32:
        values = values.astype(np.int64)
    first = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    return rows[first], np.add.reduceat(values, first)


def _floats(column: Any) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), dtype=np.float64)
