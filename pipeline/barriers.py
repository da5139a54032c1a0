"""Barriers at work: sketch each slice, reduce each partition, combine into an artifact. Spilled, partitioned, order-free.

A sketch file is sorted by its mixed partition key, so a reducer reads one contiguous key range of every file and the
number of partitions can be chosen after all sketches are known.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from filters.judge import KEPT, Mask
from pipeline.digest import DataDigest, digest_table
from pipeline.tables import TableWriter, read_columns, read_table
from pipeline.unit import Produced
from pipeline.work import Job
from stages.base import Barrier, Slice
from stages.dedupe import Exact, MinHashCandidates, MinHashVerify
from stages.dedupe_earlier import earlier_batches
from stages.dedupe_pages import Pages
from stages.parquet_files import groups_between, read_between
from stages.select import KeepTop

UNIT_SHIFT = 32  # handle = slice ordinal << 32 | row
PARTITION_BYTES = 64 << 20
_RUN_BYTES = 64 << 20  # of sketch rows that are sorted in memory; a file holds one sorted run after the other
_GROUP_BYTES, _GROUP_ROWS = 8 << 20, 1 << 16  # of a row group at most: what a reducer reads at least of each run
_MIX = np.uint64(
    0x9E3779B97F4A7C15
)  # odd, so multiplying is a bijection on 64 bits: small keys spread over all partitions


_BARRIERS: dict[str, type[Barrier]] = {b.name: b for b in (Pages, Exact, MinHashCandidates, MinHashVerify, KeepTop)}


def make_barrier(params: dict[str, Any]) -> Barrier:
    return _BARRIERS[params["barrier"]["name"]](**params["barrier"]["config"])


def survivors(job: Job, verdict: Path) -> Mask:
    """Rows of this slice that neither a rule nor an earlier deduper has removed."""
    kept = read_table([verdict], ["rule"]).column("rule").to_numpy() == KEPT
    for path in job.params["removed"]:
        kept[removed_rows(job.root / path, job.ordinal)] = False
    return np.asarray(kept, np.bool_)


def removed_rows(artifact: Path, ordinal: int) -> npt.NDArray[np.int64]:
    """Row numbers of one slice that a deduper's artifact removes."""
    low, high = handles_of(ordinal)
    told = read_between(artifact, "handle", low, high, ["handle", "removed"])
    return np.asarray(told.filter(told.column("removed")).column("handle").to_numpy() - low, np.int64)


def handles_of(ordinal: int) -> tuple[int, int]:
    """The handles of one slice: from the first on, up to but without the second."""
    return ordinal << UNIT_SHIFT, (ordinal + 1) << UNIT_SHIFT


def sketch(job: Job) -> Produced:
    """What one slice contributes: small rows, sorted by partition key."""
    barrier = make_barrier(job.params)
    call = barrier.sketch(job.context)
    kept = survivors(job, job.root / job.params["verdict"])
    made = (call(batch) for batch in _surviving_batches(job, barrier, kept))
    return write_sketch(job, made)


def sketch_earlier(job: Job) -> Produced:
    """What a slice of an earlier corpus contributes, under handles beyond those of the run's own documents."""
    barrier = make_barrier(job.params)
    batches = earlier_batches(Slice(**job.params["slice"]), job.params["number"])
    return write_sketch(job, map(barrier.sketch(job.context), batches))


def write_sketch(job: Job, made: Iterator[pa.RecordBatch]) -> Produced:
    """Sorted runs of rows, each about _RUN_BYTES, into the unit's one file."""
    first = next(made)
    digest, writer = (
        DataDigest(first.schema),
        pq.ParquetWriter(
            job.out(f"{job.step}/{job.key}.parquet"), first.schema, compression="zstd", compression_level=1
        ),
    )
    with writer:
        for batches in _runs(itertools.chain([first], made)):
            rows = _by_partition(pa.Table.from_batches(batches))
            digest.update(rows)
            per_row = max(1, rows.nbytes // max(1, rows.num_rows))
            writer.write_table(rows, row_group_size=max(1, min(_GROUP_ROWS, _GROUP_BYTES // per_row)))
    return job.finish(digest.rows, digest.hexdigest())


def _runs(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.nbytes for one in held) >= _RUN_BYTES:
            yield held
            held = []
    if held:
        yield held


def _surviving_batches(job: Job, barrier: Barrier, kept: Mask) -> Iterator[pa.RecordBatch]:
    present = set(job.params["columns"])
    names = [n for n in barrier.reads.names if n in present]
    row = 0
    yield with_handle(barrier, pa.RecordBatch.from_pylist([], barrier.reads), np.zeros(0, np.int64))
    for batch in read_columns(job.parts(), names):
        mask = kept[row : row + batch.num_rows]
        handles = (job.ordinal << UNIT_SHIFT) + row + np.flatnonzero(mask)
        row += batch.num_rows
        if mask.any():
            yield with_handle(barrier, batch.filter(pa.array(mask)), handles)


def with_handle(barrier: Barrier, batch: pa.RecordBatch, handles: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """The declared columns, null where the run has none of that name, and the handle."""
    found = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = [found.get(f.name, pa.nulls(batch.num_rows, f.type)).cast(f.type) for f in barrier.reads]
    return pa.RecordBatch.from_arrays([*columns, pa.array(handles, pa.int64())], names=[*barrier.reads.names, "handle"])


def _by_partition(rows: pa.Table) -> pa.Table:
    mixed = rows.column("partition").to_numpy().astype(np.uint64) * _MIX
    rows = rows.set_column(rows.schema.get_field_index("partition"), "partition", pa.array(mixed))
    return rows.sort_by([("partition", "ascending"), ("handle", "ascending")]).combine_chunks()


def unmixed(rows: pa.Table) -> pa.Table:
    """Partition keys as the barrier gave them."""
    inverse = np.uint64(pow(int(_MIX), -1, 1 << 64))
    keys = rows.column("partition").to_numpy().astype(np.uint64) * inverse
    return rows.set_column(rows.schema.get_field_index("partition"), "partition", pa.array(keys))


def partitions_for(sketch_bytes: int) -> int:
    return max(1, min(4096, -(-sketch_bytes // PARTITION_BYTES)))


def reduce(job: Job) -> Produced:
    """One key range of all sketches, through the barrier's reduce."""
    barrier = make_barrier(job.params)
    number, of = job.params["partition"], job.params["partitions"]
    low, high = (number << 64) // of, ((number + 1) << 64) // of - 1
    files = [job.root / p for p in job.params["sketches"]]
    pieces = (unmixed(rows) for path in files for rows in _between(path, low, high))
    return _write_artifact(job, barrier.reduce_in_pieces(job.context, pieces), f"{job.step}/{job.key}.parquet")


def _between(path: Path, low: int, high: int) -> Iterator[pa.Table]:
    """Rows of a sketch whose mixed key lies in [low, high]: an empty table, then a table per row group that has some."""
    with pq.ParquetFile(path) as file:
        yield file.schema_arrow.empty_table()
        for group in groups_between(file, "partition", low, high + 1):
            rows = file.read_row_group(group)
            keys = rows.column("partition").to_numpy()
            rows = rows.filter(pa.array((keys >= np.uint64(low)) & (keys <= np.uint64(high))))
            if rows.num_rows:
                yield rows


def combine(job: Job) -> Produced:
    """All reduced partitions into the artifact's one table."""
    barrier = make_barrier(job.params)
    tables = barrier.combine_in_pieces(job.context, [job.root / p for p in job.params["reduced"]])
    return _write_artifact(job, _noted(job, tables), f"{job.step}/table.parquet")


def _noted(job: Job, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables; what they remove is noted, slice by slice. Tables that remove come whole, one."""
    for table in tables:
        if "removed" in table.schema.names:
            job.produced.extra["removed_by_slice"] = _removed_by_slice(table)
        yield table


def _removed_by_slice(table: pa.Table) -> dict[str, str]:
    """For each slice that loses rows a digest of which: later units depend on this, not on the whole artifact."""
    handles = table.filter(table.column("removed")).column("handle").to_numpy()
    slices = handles >> UNIT_SHIFT
    return {
        str(int(s)): digest_table(pa.table({"row": handles[slices == s] & ((1 << UNIT_SHIFT) - 1)}))
        for s in np.unique(slices)
    }


def _write_artifact(job: Job, tables: Iterator[pa.Table], final: str) -> Produced:
    first = next(tables)
    with TableWriter(job.out(final), first.schema) as writer:
        writer.write(first.combine_chunks())
        for table in tables:
            writer.write(table.combine_chunks())
    return job.finish(writer.digest.rows, writer.digest.hexdigest())
