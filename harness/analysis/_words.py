"""Columns of words (text of low cardinality) as small codes: a number per row, each word once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True, frozen=True)
class Words:
    """`codes` index `labels`; -1 is null. Codes have the narrowest type that holds them."""

    codes: NDArray[Any]
    labels: tuple[str, ...]

    def code(self, label: str) -> int:
        """The code of a label; -2, which no row has, for one that does not occur."""
        return self.labels.index(label) if label in self.labels else -2

    def at(self, row: int) -> str:
        """The word of one row; empty for null."""
        code = int(self.codes[row])
        return self.labels[code] if code >= 0 else ""

    def mapped(self, values: Iterable[Any], *, otherwise: Any) -> NDArray[Any]:
        """A value per row, given one per label and one for null."""
        per_label = np.asarray([*values, otherwise])
        return np.asarray(per_label[self.codes])


class Vocabulary:
    """Gives words their codes, in the order in which they are first seen; null is -1."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self._known)

    def codes_of(self, column: "pa.ChunkedArray") -> NDArray[Any]:
        """The codes of a dictionary-encoded column, in the narrowest type that holds all so far."""
        chunks = [self._codes_of(chunk) for chunk in column.chunks]
        return chunks[0] if len(chunks) == 1 else np.concatenate([np.zeros(0, np.int8), *chunks])

    def _codes_of(self, chunk: "pa.DictionaryArray") -> NDArray[Any]:
        own = [self._code(label) for label in chunk.dictionary.to_pylist()]
        lookup = np.array([*own, -1], dtype=_narrowest(len(self._known)))
        return np.asarray(lookup[chunk.indices.fill_null(len(own)).to_numpy()])

    def _code(self, label: str | None) -> int:
        return -1 if label is None else self._known.setdefault(label, len(self._known))


class WordsBuilder:
    """A column of a known length, filled piece by piece."""

    def __init__(self, rows: int) -> None:
        self._vocabulary = Vocabulary()
        self._codes: NDArray[Any] = np.empty(rows, np.int8)

    def fill(self, rows: slice, column: "pa.ChunkedArray") -> None:
        codes = self._vocabulary.codes_of(column)
        if codes.dtype.itemsize > self._codes.dtype.itemsize:
            self._codes = self._codes.astype(codes.dtype)
        self._codes[rows] = codes[: rows.stop - rows.start]

    def build(self, rows: int) -> Words:
        """The first rows, which were filled."""
        return Words(self._codes[:rows], self._vocabulary.labels)


def _narrowest(n: int) -> Any:
    return np.int8 if n <= 2**7 else np.int16 if n <= 2**15 else np.int32
