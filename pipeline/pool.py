"""The pool: every survivor once, with every column, in Hugging Face layout."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.barriers import UNIT_SHIFT, handles_of, survivors
from pipeline.schemas import stored_schema
from pipeline.tables import FINAL, TableWriter, read_columns
from pipeline.unit import Produced
from pipeline.work import Job
from stages.parquet_files import read_between

_BATCH_ROWS = 1024


def pool_shard(job: Job) -> Produced:
    """One shard from a run of consecutive slices. Counts what it keeps, per source, for the balance."""
    schema = stored_schema(job.params["schema"])
    kept: dict[str, list[int]] = {}
    languages: Counter[str] = Counter()
    with TableWriter(job.out(job.params["final"]), schema, FINAL) as writer:
        for piece in job.params["slices"]:
            for batch, payload in _surviving(job, piece, schema):
                writer.write(batch)
                _count(kept, piece["source"], batch, payload)
                languages.update(batch.column("language").to_pylist())
                job.report(batch.num_rows, 0, batch.num_rows)
    known = {str(name): n for name, n in languages.items() if name is not None}
    job.produced.extra = {"kept": kept, "languages": dict(sorted(known.items()))}
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


def _count(kept: dict[str, list[int]], source: str, batch: pa.RecordBatch, payload: int) -> None:
    """[documents, payload bytes, text bytes] per source."""
    entry = kept.setdefault(source, [0, 0, 0])
    entry[0] += batch.num_rows
    entry[1] += payload
    entry[2] += pc.sum(batch.column("n_bytes")).as_py() or 0


def _surviving(job: Job, piece: dict[str, Any], schema: pa.Schema) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches of one slice's survivors as pool rows, each with the payload bytes it stands for."""
    job.ordinal, job.params["parts"] = piece["ordinal"], piece["parts"]
    mask = survivors(job, job.root / piece["verdict"])
    told = _clusters_of(job.root / job.params["clusters"], piece["ordinal"])
    present = [n for n in piece["columns"] if n in schema.names or n == "payload_bytes"]
    row = 0
    for batch in read_columns(job.parts(), present, _BATCH_ROWS):
        here = mask[row : row + batch.num_rows]
        rows = row + np.flatnonzero(here)
        row += batch.num_rows
        if len(rows):
            chosen = batch.filter(pa.array(here))
            payload = pc.sum(chosen.column("payload_bytes")).as_py() or 0
            yield _as_pool(chosen, told.take(_positions(told, rows)), schema, job.params), payload


def _clusters_of(path: Path, ordinal: int) -> pa.Table:
    names = ["handle", "cluster", "cluster_size", "loose_cluster"]
    return read_between(path, "handle", *handles_of(ordinal), names).sort_by("handle").combine_chunks()


def _positions(told: pa.Table, rows: Any) -> pa.Array:
    """Where each row stands in the clusters table; null where no deduper spoke of it."""
    known = told.column("handle").to_numpy() & ((1 << UNIT_SHIFT) - 1)
    places = np.searchsorted(known, rows)
    missing = (places == len(known)) | (known[np.minimum(places, len(known) - 1)] != rows if len(known) else True)
    return pa.array(places, pa.int64(), mask=np.broadcast_to(missing, rows.shape))


def _as_pool(batch: pa.RecordBatch, told: pa.Table, schema: pa.Schema, params: dict[str, Any]) -> pa.RecordBatch:
    found: dict[str, pa.Array] = dict(zip(batch.schema.names, batch.columns, strict=True))
    told = told.combine_chunks()
    cluster = pc.coalesce(_one(told.column("cluster")), found["id"])
    loose = pc.coalesce(_one(told.column("loose_cluster")), cluster)
    drawn = split_draw(loose, params["seed"])
    text = found["text"]
    found |= {
        "cluster": cluster,
        "cluster_size": pc.fill_null(_one(told.column("cluster_size")), pa.scalar(1, pa.int32())),
        "split": split_of(drawn, params["validation_share"]),
        "split__draw": drawn,
        "n_chars": pc.utf8_length(text).cast(pa.int32()),
        "n_bytes": pc.binary_length(text).cast(pa.int32()),
        "content_hash": content_hashes(text),
    }
    columns = [found.get(f.name, pa.nulls(batch.num_rows, f.type)).cast(f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def content_hashes(text: pa.Array) -> pa.Array:
    """128-bit BLAKE2b of the stored text, 32 hex characters."""
    digests = [None if t is None else hashlib.blake2b(t, digest_size=16).hexdigest() for t in _raw(text)]
    return pa.array(digests, pa.string())


def _raw(text: pa.Array) -> list[bytes | None]:
    return text.cast(pa.large_binary()).to_pylist()  # type: ignore[no-any-return]


def split_draw(cluster: pa.Array, seed: int) -> pa.Array:
    """A uniform number in [0, 1) per cluster, from hash(seed, cluster): copies never stand on both sides of a split."""
    salt = f"split/{seed}/".encode()
    digests = [hashlib.blake2b(salt + (c or b""), digest_size=8).digest() for c in _raw(cluster)]
    return pa.array([(int.from_bytes(d, "big") >> 11) / 2**53 for d in digests], pa.float64())


def split_of(drawn: pa.Array, share: float) -> pa.Array:
    """`validation` where the draw is below `share`. A mix with a smaller share has a subset of a larger one's."""
    return pc.if_else(pc.less(drawn, share), "validation", "train")
