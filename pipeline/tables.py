"""Parquet in and out: one explicit schema per kind of file, bounded row groups, a digest of the values on the way."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.digest import DataDigest
from stages.parquet_files import read_whole

GROUP_BYTES = 32 << 20  # of Arrow data in one row group: below the 100 MB that readers of web data stumble over
BETWEEN, FINAL = 1, 3  # zstd levels: between passes speed counts, in shards size does


class TableWriter:
    """Writes batches of one schema to a Parquet file and digests their values.

    The file's bytes depend on the rows alone, not on how they were batched: rows are regrouped by bytes before they are written.
    The digest is complete once the file is closed.
    """

    def __init__(self, path: Path, schema: pa.Schema, level: int = BETWEEN) -> None:
        self.schema = schema
        self.digest = DataDigest(schema)
        self._file = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=level, write_page_index=True, store_schema=False
        )
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        rows = batch.select(self.schema.names).cast(self.schema)
        for piece in rows.to_batches() if isinstance(rows, pa.Table) else [rows]:
            self._regroup(piece)

    def _regroup(self, rows: pa.RecordBatch) -> None:
        """Row groups end where the running size of single rows passes the limit, wherever the batches ended."""
        ends = row_bytes(rows).cumsum()
        start = 0
        while start < rows.num_rows:
            used = int(ends[start - 1]) if start else 0
            room = GROUP_BYTES - self._bytes
            end = max(int((ends - used <= room).sum()), start + (0 if self._waiting else 1))
            if end > start:
                self._waiting.append(rows.slice(start, end - start))
                self._bytes += int(ends[end - 1]) - used
            if end < rows.num_rows:
                self._flush()
            start = end

    def _flush(self) -> None:
        if self._waiting:
            group = pa.Table.from_batches(self._waiting).combine_chunks()
            self.digest.update(group)  # by the group: for a handful of rows Arrow's calls cost more than the hashes
            self._file.write_table(group, row_group_size=1 << 30)
        self._waiting, self._bytes = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()


def row_bytes(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Size of each row: the bytes of its strings plus 8 for every other value."""
    sizes = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            lengths = pc.fill_null(pc.binary_length(column), 0)
            sizes += lengths.to_numpy(zero_copy_only=False).astype(np.int64)
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            sizes += 8 * pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            sizes += 8
    return sizes


def read_columns(parts: Sequence[Path], names: Sequence[str], batch_rows: int = 1024) -> Iterator[pa.RecordBatch]:
    """The rows of one slice, put together from the parts its passes wrote. A later part's column hides an earlier one's.

    parts: files of equal row count and order. names: columns to read; each must stand in some part.
    """
    where = place_columns(parts, names)
    readers = [
        pq.ParquetFile(path).iter_batches(batch_rows, columns=[n for n in names if where[n] == index])
        for index, path in enumerate(parts)
        if index in where.values()
    ]
    for pieces in _aligned(readers):
        found = {name: piece.column(name) for piece in pieces for name in piece.schema.names}
        yield pa.RecordBatch.from_arrays([found[n] for n in names], names=list(names))


def _aligned(readers: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[list[pa.RecordBatch]]:
    """Batches of several files, cut to common lengths: row groups end in different places in different files."""
    held: list[pa.RecordBatch | None] = [next(r, None) for r in readers]
    while all(piece is not None for piece in held):
        full = [piece for piece in held if piece is not None]
        rows = min(piece.num_rows for piece in full)
        yield [piece.slice(0, rows) for piece in full]
        rest = [piece.slice(rows) for piece in full]
        held = [piece if piece.num_rows else next(reader, None) for piece, reader in zip(rest, readers, strict=True)]
    if any(piece is not None for piece in held):
        raise ValueError("the parts of one slice differ in their number of rows")


def place_columns(parts: Sequence[Path], names: Sequence[str]) -> dict[str, int]:
    """Which part holds the valid version of each column."""
    where = {}
    for index, path in enumerate(parts):
        for name in pq.read_schema(path).names:
            if name in names:
                where[name] = index
    missing = [n for n in names if n not in where]
    if missing:
        raise KeyError(f"columns {missing} stand in none of {[p.name for p in parts]}")
    return where


def read_table(parts: Sequence[Path], names: Sequence[str]) -> pa.Table:
    """The named columns of one slice at once; for narrow columns only."""
    where = place_columns(parts, names)
    read = {k: read_whole(parts[k], [n for n in names if where[n] == k]) for k in set(where.values())}
    return pa.table([read[where[n]].column(n) for n in names], names=list(names))


def count_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
