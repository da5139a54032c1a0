"""Documents of an earlier corpus as deduplicating barriers read them: the pool of a finished run, or any Parquet with texts."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.base import Slice
from stages.dedupe_keepers import EARLIER, READS
from stages.read_input import open_binary
from stages.read_rows import Identity
from stages.tables import row_groups

_ROWS, _BYTES = 1024, 16 << 20  # of a batch at most


def earlier_batches(piece: Slice, number: int) -> Iterator[pa.RecordBatch]:
    """READS and `handle` of the row groups that begin in the slice; at first a batch without rows.

    number: of the file among all earlier ones; it makes the handles. A row without an `id` gets one from the file's
    name and the row's number; other columns that are not there are null.
    """
    yield _batch(pa.RecordBatch.from_pylist([], READS), piece, number, 0)
    with open_binary(piece.location) as file:
        table = pq.ParquetFile(file)
        names = [n for n in READS.names if n in table.schema_arrow.names]
        for group, (start, row, _) in enumerate(row_groups(table, piece.size)):
            if not piece.start <= start < piece.end:
                continue
            size = table.metadata.row_group(group)
            rows = max(1, min(_ROWS, _BYTES * size.num_rows // max(1, size.total_byte_size)))
            for batch in table.iter_batches(rows, row_groups=[group], columns=names):
                yield _batch(batch, piece, number, row)
                row += batch.num_rows


def _batch(batch: pa.RecordBatch, piece: Slice, number: int, row: int) -> pa.RecordBatch:
    found = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = {f.name: found.get(f.name, pa.nulls(batch.num_rows, f.type)).cast(f.type) for f in READS}
    columns["id"] = _named(columns["id"], piece, row)
    handles = EARLIER + (number << 32) + np.arange(row, row + batch.num_rows)
    return pa.RecordBatch.from_arrays([*columns.values(), pa.array(handles, pa.int64())], [*columns, "handle"])


def _named(ids: pa.Array, piece: Slice, row: int) -> pa.Array:
    if ids.null_count == 0:
        return ids
    identity = Identity(piece)
    return pc.coalesce(ids, pa.array([identity.of(row + k) for k in range(len(ids))], pa.string()))
