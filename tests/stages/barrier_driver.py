"""Runs barriers in memory the way the engine does: any batch split, any order of units, any number of partitions."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import Barrier, Context
from stages.dedupe_keepers import EARLIER, READS


def documents(texts: Sequence[str | None], ids: Sequence[str] | None = None, **columns: Sequence) -> pa.Table:
    """A table of READS; what is not given is null, ids are d0000, d0001, ..."""
    given = {"text": texts, "id": ids or [f"d{i:04d}" for i in range(len(texts))], **columns}
    nothing = [None] * len(texts)
    return pa.table({f.name: pa.array(given.get(f.name, nothing), f.type) for f in READS})


def run(
    barriers: Sequence[Barrier],
    table: pa.Table,
    folder: Path,
    *,
    units: int = 1,
    batch: int = 1 << 20,
    partitions: int = 1,
    seed: int | None = None,
    earlier: pa.Table | None = None,
    counters: Counter[str] | None = None,
) -> pa.Table:
    """The last barrier's artifact. seed: shuffles the documents and the units. earlier: a corpus all barriers compare with."""
    rng = np.random.default_rng(seed or 0)
    if seed is not None:
        table = table.take(pa.array(rng.permutation(table.num_rows)))
    pieces = _units(table, units)
    if earlier is not None:
        pieces += _units(earlier, units, EARLIER)
    artifacts: dict[str, Path] = {}
    for barrier in barriers:
        ctx = Context(scratch=folder, artifacts={name: artifacts[name] for name in barrier.needs})
        ctx.counters = counters if counters is not None else ctx.counters
        order = rng.permutation(len(pieces)) if seed is not None else range(len(pieces))
        sketches = [_sketch(barrier, ctx, pieces[k], batch) for k in order]
        parts = [_reduced(barrier, ctx, sketches, k, partitions, folder) for k in range(partitions)]
        result = pa.concat_tables(barrier.combine_in_pieces(ctx, parts))
        artifacts[barrier.name] = folder / f"{barrier.name}.parquet"
        pq.write_table(result, artifacts[barrier.name], row_group_size=64)
    return pq.read_table(artifacts[barriers[-1].name])


def by_id(result: pa.Table) -> pa.Table:
    return result.drop_columns("handle").sort_by("id")


def removed(result: pa.Table) -> set[str]:
    return set(result.filter(result["removed"])["id"].to_pylist())


def _units(table: pa.Table, count: int, first: int = 0) -> list[pa.Table]:
    bounds = np.linspace(0, table.num_rows, count + 1).astype(int)
    pieces = []
    for unit, (begin, end) in enumerate(pairwise(bounds)):
        handles = first + (unit << 32) + np.arange(end - begin, dtype=np.int64)
        pieces.append(table.slice(begin, end - begin).append_column("handle", pa.array(handles)))
    return pieces


def _sketch(barrier: Barrier, ctx: Context, piece: pa.Table, batch: int) -> pa.Table:
    narrow = piece.select([*barrier.reads.names, "handle"]).combine_chunks()
    sketch = barrier.sketch(ctx)
    batches = narrow.to_batches(max_chunksize=batch) or [pa.RecordBatch.from_pylist([], schema=narrow.schema)]
    return pa.Table.from_batches([sketch(one) for one in batches])


def _reduced(
    barrier: Barrier, ctx: Context, sketches: list[pa.Table], number: int, partitions: int, folder: Path
) -> Path:
    """One partition, unit by unit, into a file."""
    pieces = (rows.filter(pa.array(_place(rows, partitions) == number)) for rows in sketches)
    path = folder / f"{barrier.name}-{number}.parquet"
    pq.write_table(pa.concat_tables(barrier.reduce_in_pieces(ctx, pieces)), path, row_group_size=64)
    return path


def _place(rows: pa.Table, partitions: int) -> np.ndarray:
    return rows["partition"].to_numpy() % np.uint64(partitions)
