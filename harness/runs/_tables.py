"""The run folder's tables: Arrow IPC streams while a run lasts, Parquet once it is sealed.

A stream survives a crash: every batch is on disk when `append` returns, and a reader takes
everything up to the last whole batch. Whatever reads or writes a whole table here does so in pieces
of about `PIECE_ROWS` rows, so that memory does not grow with the length of a run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UnreadableFileError
from harness.runs._schema import GENERATOR_SCHEMA, REQUEST_SCHEMA, RESOURCE_SCHEMA, SPAN_SCHEMA

TABLES: dict[str, pa.Schema] = {
    "requests": REQUEST_SCHEMA,
    "spans": SPAN_SCHEMA,
    "generator": GENERATOR_SCHEMA,
    "resources": RESOURCE_SCHEMA,
}

#: Rows of a row group, and at least so many rows are handed on at a time.
PIECE_ROWS = 262_144

#: Text that differs from row to row: a dictionary of it would only be a second copy.
_UNIQUE_TEXT = frozenset({"case_id", "trace_id"})
_WORDS = pa.dictionary(pa.int32(), pa.string())

#: How many rows a part of a table has, and what reads it.
_Part = tuple[int, Callable[[], pa.Table]]


class StreamWriter:
    """Appends record batches to one `.arrows` file. Not safe for concurrent use."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write a batch through to the operating system. Raises OSError when the disk is full."""
        if batch.num_rows:
            self._writer.write_batch(batch)
            self.rows += batch.num_rows

    def close(self) -> None:
        self._writer.close()
        self._sink.close()


def seal_stream(stream: Path, parquet: Path, schema: pa.Schema) -> None:
    """Rewrite a closed stream as Parquet, a row group at a time, then remove the stream."""
    unfinished = parquet.with_suffix(".parquet.partial")
    words = [field.name for field in schema if _is_word(field)]
    moments = [f.name for f in schema if f.name == "request_id" or pa.types.is_timestamp(f.type)]
    with (
        pa.OSFile(str(stream), "rb") as source,
        pq.ParquetWriter(
            unfinished,
            schema,
            compression="zstd",
            use_dictionary=words,
            column_encoding=dict.fromkeys(moments, "DELTA_BINARY_PACKED"),
        ) as writer,
    ):
        for piece in _pieces(pa.ipc.open_stream(source)):
            writer.write_table(piece, row_group_size=2 * PIECE_ROWS)
    unfinished.replace(parquet)
    stream.unlink()


@dataclass(slots=True, frozen=True)
class FolderTables:
    """The tables of one run folder, sealed or not. What was never written is empty.

    A column that a file does not have, because an earlier version wrote it, is null. Everything
    raises UnreadableFileError when a file is there and is not what it should be. Rows keep their
    order and number from one call to the next; of a run that is still going on there may be more.
    """

    folder: Path

    def read(self, name: str) -> pa.Table:
        """All of a table, in its schema."""
        schema = TABLES[name]
        return pa.concat_tables([schema.empty_table(), *(read() for _, read in self._parts(name, schema))])

    def rows(self, name: str) -> int:
        """How many rows a table has."""
        return sum(rows for rows, _ in self._parts(name, words_encoded(TABLES[name], ())))

    def scan(self, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns, piece by piece; words (text of low cardinality) are dictionary-encoded."""
        for _, read in self._parts(name, words_encoded(TABLES[name], columns)):
            yield read()
        # Arrow would keep what it read into for the next time.
        pa.default_memory_pool().release_unused()

    def take(self, name: str, column: str, rows: Sequence[int]) -> list[object]:
        """Values of one column at some rows, in rising order; reads the pieces alone that hold them."""
        found: list[object] = []
        first = 0
        for length, read in self._parts(name, words_encoded(TABLES[name], (column,))):
            inside = [row - first for row in rows if first <= row < first + length]
            if inside:
                found += read().column(0).take(pa.array(inside, pa.int64())).to_pylist()
            first += length
        pa.default_memory_pool().release_unused()
        return found

    def _parts(self, name: str, schema: pa.Schema) -> Iterator[_Part]:
        parquet, stream = self.folder / f"{name}.parquet", self.folder / f"{name}.arrows"
        if parquet.exists():
            yield from _parquet_parts(parquet, schema)
        elif stream.exists():
            with pa.OSFile(str(stream), "rb") as source:
                for piece in _pieces(_whole_batches(source)):
                    yield len(piece), partial(in_schema, piece, schema)


def _parquet_parts(path: Path, schema: pa.Schema) -> Iterator[_Part]:
    """Row groups, as many together as make a piece: a run sealed by an earlier version has small ones."""
    with _unreadable(path):
        metadata = pq.read_metadata(path)
        columns = [name for name in schema.names if name in metadata.schema.names]
        _check_needed(schema, columns)
        words = [name for name in columns if schema.field(name).type == _WORDS]
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=words) as file:

        def read(groups: Sequence[int]) -> pa.Table:
            with _unreadable(path):
                return in_schema(file.read_row_groups(groups, columns=columns), schema)

        groups: list[int] = []
        rows = 0
        for group in range(file.num_row_groups):
            groups.append(group)
            rows += file.metadata.row_group(group).num_rows
            if rows >= PIECE_ROWS or group == file.num_row_groups - 1:
                yield rows, partial(read, groups)
                groups, rows = [], 0


def _pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches, as many together as make a piece."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= PIECE_ROWS:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _whole_batches(source: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    """What follows a torn end is dropped, as after a crash."""
    try:
        reader = pa.ipc.open_stream(source)
        while True:
            yield reader.read_next_batch()
    except (StopIteration, pa.ArrowInvalid, OSError):
        return


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema, in its types; null where the table has none of that name."""
    present = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in present
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _check_needed(schema: pa.Schema, present: Sequence[str]) -> None:
    for field in schema:
        if not field.nullable and field.name not in present:
            raise KeyError(f"no column {field.name}")


def _is_word(field: pa.Field) -> bool:
    return field.type == pa.string() and field.name not in _UNIQUE_TEXT


def words_encoded(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    """Some columns of a schema, its words as dictionaries."""
    fields = [schema.field(column) for column in columns]
    return pa.schema([field.with_type(_WORDS) if _is_word(field) else field for field in fields])


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableFileError(f"{path}: not a readable table of a run folder ({reason})") from error
