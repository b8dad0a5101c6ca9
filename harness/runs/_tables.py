"""The run folder's tables: Arrow IPC streams while a run lasts, Parquet once it is sealed.

A stream survives a crash: every batch is on disk when `append` returns, and a reader takes
everything up to the last whole batch.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UnreadableFileError
from harness.runs._schema import GENERATOR_SCHEMA, REQUEST_SCHEMA, SPAN_SCHEMA

TABLES: dict[str, pa.Schema] = {
    "requests": REQUEST_SCHEMA,
    "spans": SPAN_SCHEMA,
    "generator": GENERATOR_SCHEMA,
}


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


def read_stream(path: Path, schema: pa.Schema) -> pa.Table:
    """All whole batches of a stream; what follows a torn end is dropped, as after a crash."""
    batches = []
    with pa.OSFile(str(path), "rb") as source:
        try:
            reader = pa.ipc.open_stream(source)
            while True:
                batches.append(reader.read_next_batch())
        except (StopIteration, pa.ArrowInvalid, OSError):
            pass
    return pa.Table.from_batches(batches, schema=schema)


def seal_stream(stream: Path, parquet: Path, schema: pa.Schema) -> None:
    """Rewrite a closed stream as Parquet, batch by batch, then remove the stream."""
    partial = parquet.with_suffix(".parquet.partial")
    with (
        pa.OSFile(str(stream), "rb") as source,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        reader = pa.ipc.open_stream(source)
        for batch in reader:
            writer.write_batch(batch)
    partial.replace(parquet)
    stream.unlink()


def read_table(folder: Path, name: str) -> pa.Table:
    """One table of a run folder, sealed or not; empty when it was never written.

    Raises UnreadableFileError when the file is there and is not what it should be.
    """
    schema = TABLES[name]
    parquet, stream = folder / f"{name}.parquet", folder / f"{name}.arrows"
    if parquet.exists():
        try:
            return pq.read_table(parquet).select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise UnreadableFileError(
                f"{parquet}: not a readable table of a run folder ({reason})"
            ) from error
    if stream.exists():
        return read_stream(stream, schema)
    return schema.empty_table()
