"""Tables held in memory: the last rows of a run that goes on, read as those of a folder are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from harness.runs._tables import TABLES, in_schema, words_encoded


@dataclass(slots=True, frozen=True)
class HeldTables:
    """Batches of a run's tables, in the schemas of the folder's. A table that is not held is empty, a
    column that is not is null.

    Has what `Run` asks of a folder's tables; nothing is read or written.
    """

    batches: dict[str, Sequence[pa.RecordBatch]] = field(default_factory=dict)

    def read(self, name: str) -> pa.Table:
        """All of a table, in its schema."""
        return in_schema(self._held(name), TABLES[name])

    def rows(self, name: str) -> int:
        """How many rows a table has."""
        return sum(batch.num_rows for batch in self.batches.get(name, ()))

    def scan(self, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns, in one piece; words (text of low cardinality) are dictionary-encoded."""
        if self.rows(name):
            yield in_schema(self._held(name), words_encoded(TABLES[name], columns)).combine_chunks()

    def take(self, name: str, column: str, rows: Sequence[int]) -> list[object]:
        """Values of one column at some rows."""
        values: list[object] = self.read(name).column(column).take(pa.array(rows, pa.int64())).to_pylist()
        return values

    def _held(self, name: str) -> pa.Table:
        batches = self.batches.get(name, ())
        return pa.Table.from_batches(batches) if batches else TABLES[name].empty_table()
