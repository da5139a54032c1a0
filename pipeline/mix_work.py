"""Units of a mix at work: learn a tokenizer, count tokens, select, scatter into shuffle buckets, gather into shards."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.tables import FINAL, TableWriter, read_columns
from pipeline.unit import Produced
from pipeline.work import Job
from stages.mix import Part, ShortageError, conditions, draw, parts_of, select
from stages.parquet_files import read_between, read_whole
from stages.tokens import copy_tokenizer, fastest_engine, load_tokenizer, train_bpe

TOKENS = pa.schema([("id", pa.string()), ("tokens", pa.list_(pa.int32())), ("n_tokens", pa.int32())])
SELECTION = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("id", pa.string()),
        ("part", pa.int16()),
        ("split", pa.string()),
        ("copies", pa.int32()),
        ("order", pa.uint64()),
    ]
)
TOKEN_SHARD = pa.schema(
    [
        ("id", pa.string()),
        ("tokens", pa.list_(pa.int32())),
        ("n_tokens", pa.int32()),
        ("source", pa.string()),
        ("quality_score", pa.float32()),
        ("cluster", pa.string()),
        ("copies", pa.int32()),
    ]
)
_ROWS = 512


def tokenizer(job: Job) -> Produced:
    """Train on a hash sample weighted by the mix's shares, or take the given files as they are."""
    folder = job.scratch / "tokenizer"
    folder.mkdir()
    if "train" in job.params:
        train_bpe(_sample(job), job.params["train"]["vocab_size"], folder)
    else:
        copy_tokenizer(Path(job.params["given"]), folder)
    loaded = load_tokenizer(folder)
    for path in sorted(folder.iterdir()):
        job.produced.files[f"tokenizer/{path.name}"] = f"{job.step}/{path.name}"
    job.produced.extra = {
        "sha256": loaded.sha256,
        "eos": loaded.eos,
        "eos_id": loaded.eos_id,
        "bos": loaded.bos,
        "special_tokens": loaded.special_tokens,
        "chat_template_sha256": loaded.chat_template_sha256,
        "vocab_size": loaded.vocab_size,
    }
    return job.finish(0, loaded.sha256)


def _sample(job: Job) -> Iterator[str]:
    """Texts of train documents, each part with its share of the sample's bytes."""
    choice, shards = job.params["choice"], [job.root / s for s in job.params["shards"]]
    table = _narrow(shards, choice["parts"], ["n_bytes"])
    part = parts_of(table, _parts(choice))
    part[_is_validation(table, choice)] = -1
    sizes = table.column("n_bytes").to_numpy().astype(np.int64)
    shares = [p["share"] for p in choice["parts"]]
    drawn = draw(table.column("id").to_pylist(), choice["seed"], "tokenizer")
    chosen = select(part, sizes, drawn, shares, job.params["train"]["sample_bytes"]).copies > 0
    at = 0
    for shard in shards:
        for batch in read_columns([shard], ["text"], _ROWS):
            here = chosen[at : at + batch.num_rows]
            at += batch.num_rows
            yield from batch.column("text").filter(pa.array(here)).to_pylist()


def _parts(choice: dict[str, Any]) -> list[Part]:
    return [Part(conditions(p["where"]), p["share"]) for p in choice["parts"]]


def _narrow(shards: list[Path], parts: list[dict[str, Any]], more: list[str]) -> pa.Table:
    """The columns a selection looks at, of the whole pool: no text."""
    names = dict.fromkeys(["id", "source", "language", "split__draw", *more, *(c for p in parts for c in p["where"])])
    there = set(pq.read_schema(shards[0]).names)
    return pa.concat_tables([read_whole(s, [n for n in names if n in there]) for s in shards]).combine_chunks()


def _is_validation(table: pa.Table, choice: dict[str, Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(table.column("split__draw").to_numpy() < choice["validation_share"], np.bool_)


def count(job: Job) -> Produced:
    """Every document of one pool shard as tokens, each closed by the end-of-document token, which n_tokens counts."""
    engine = fastest_engine(job.root / job.params["tokenizer"])
    end = np.array([job.params["eos_id"]], np.int32)
    with TableWriter(job.out(f"{job.step}/{job.key}.parquet"), TOKENS) as writer:
        for batch in read_columns([job.root / job.params["shard"]], ["id", "text"], _ROWS):
            ids = [np.concatenate([one, end]) for one in engine.encode(batch.column("text").to_pylist())]
            writer.write(_token_batch(batch.column("id"), ids))
            job.report(batch.num_rows, 0, 0)
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


def _token_batch(names: pa.Array, ids: list[npt.NDArray[np.int32]]) -> pa.RecordBatch:
    lengths = np.array([len(one) for one in ids], np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    flat = np.concatenate(ids) if ids else np.zeros(0, np.int32)
    tokens = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(flat, pa.int32()))
    return pa.RecordBatch.from_arrays([names, tokens, pa.array(lengths)], schema=TOKENS)


def choose(job: Job) -> Produced:
    """Which documents, which split, how many copies: decided by hash(seed, id), part shares and token counts."""
    choice, shards = job.params["choice"], [job.root / s for s in job.params["shards"]]
    table = _narrow(shards, choice["parts"], ["n_bytes"])
    tokens = _counts([job.root / c for c in job.params["counts"]])
    part = parts_of(table, _parts(choice))
    validation = _is_validation(table, choice) & (part >= 0)
    drawn = draw(table.column("id").to_pylist(), choice["seed"], f"mix/{choice['name']}")
    shares = [p["share"] for p in choice["parts"]]
    budget, shortage, epochs = choice["tokens"], choice["shortage"], choice["max_epochs"]
    try:
        chosen = select(np.where(validation, -1, part), tokens, drawn, shares, budget, shortage, epochs)
    except ShortageError as error:
        raise _usage(choice, str(error)) from None
    copies = np.where(validation, 1, chosen.copies).astype(np.int32)
    _refuse_empty_parts(choice, part)
    rows = _selection(table, shards, part, validation, copies, choice)
    with TableWriter(job.out(f"{job.step}/{job.key}.parquet"), SELECTION) as writer:
        writer.write(rows)
    job.produced.extra = _told(choice, table, tokens, part, validation, copies, chosen.asked, chosen.realised)
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


def _usage(choice: dict[str, Any], text: str) -> Exception:
    from pipeline.errors import UsageError

    return UsageError(f"mix {choice['name']!r}: {text}")


def _refuse_empty_parts(choice: dict[str, Any], part: npt.NDArray[np.int16]) -> None:
    for number, one in enumerate(choice["parts"]):
        if not (part == number).any() and one["share"] > 0:
            raise _usage(choice, f"part {number + 1} ({one['where']}) matches no document of the pool")


def _counts(paths: list[Path]) -> npt.NDArray[np.int64]:
    columns = [read_whole(p, ["n_tokens"]).column("n_tokens") for p in paths]
    return np.asarray(pa.chunked_array([c for col in columns for c in col.chunks], pa.int32()).to_numpy(), np.int64)


def _selection(
    table: pa.Table,
    shards: list[Path],
    part: npt.NDArray[np.int16],
    validation: npt.NDArray[np.bool_],
    copies: npt.NDArray[np.int32],
    choice: dict[str, Any],
) -> pa.Table:
    """One row per selected document, in pool order, with its place in the shuffle."""
    sizes = [pq.read_metadata(s).num_rows for s in shards]
    shard = np.repeat(np.arange(len(shards), dtype=np.int32), sizes)
    row = np.concatenate([np.arange(n, dtype=np.int32) for n in sizes])
    keep = np.flatnonzero(copies > 0)
    ids = table.column("id").take(pa.array(keep)).combine_chunks()
    order = draw(ids.to_pylist(), choice["seed"], f"shuffle/{choice['name']}")
    split = np.where(validation[keep], "validation", "train").astype(object)
    columns = [shard[keep], row[keep], ids, part[keep], pa.array(split, pa.string()), copies[keep], order]
    return pa.table(columns, schema=SELECTION)


def _told(
    choice: dict[str, Any],
    table: pa.Table,
    tokens: npt.NDArray[np.int64],
    part: npt.NDArray[np.int16],
    validation: npt.NDArray[np.bool_],
    copies: npt.NDArray[np.int32],
    asked: list[int],
    realised: list[int],
) -> dict[str, Any]:
    """Figures for manifest and card: documents, tokens, text bytes per split, per part and per source."""
    sizes = table.column("n_bytes").to_numpy().astype(np.int64)
    sides = {"train": ~validation & (copies > 0), "validation": validation & (copies > 0)}
    sources: dict[str, Counter[str]] = {}
    names = table.column("source").to_pylist()
    for place in np.flatnonzero(copies > 0).tolist():
        one = sources.setdefault(names[place], Counter())
        one.update(documents=1, bytes=int(sizes[place]), tokens=int(tokens[place]), copies=int(copies[place]))
    parts = [
        {
            "where": p["where"],
            "share": p["share"],
            "asked_tokens": a,
            "realised_tokens": r,
            "documents": int(((part == n) & sides["train"]).sum()),
        }
        for n, (p, a, r) in enumerate(zip(choice["parts"], asked, realised, strict=True))
    ]
    return {
        "name": choice["name"],
        "documents": {side: int(mask.sum()) for side, mask in sides.items()},
        "tokens": {side: int((tokens * copies)[mask].sum()) for side, mask in sides.items()},
        "text_bytes": {side: int(sizes[mask].sum()) for side, mask in sides.items()},
        "not_selected": int((copies == 0).sum()),
        "parts": parts,
        "tokens_per_byte": _fertility(table.column("language").to_pylist(), tokens, sizes),
        "sources": {name: dict(sorted(c.items())) for name, c in sorted(sources.items())},
    }


def _fertility(
    languages: list[str | None], tokens: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Tokens per UTF-8 byte by language, over the whole pool: what a text of that language costs with this tokenizer."""
    sums: dict[str, list[int]] = {}
    for language, count, size in zip(languages, tokens.tolist(), sizes.tolist(), strict=True):
        entry = sums.setdefault(language or "und", [0, 0])
        entry[0] += count
        entry[1] += size
    return {language: round(n / max(size, 1), 4) for language, (n, size) in sorted(sums.items())}


def scatter(job: Job) -> Produced:
    """One pool shard's selected rows with their tokens, each row group of one shuffle bucket."""
    number, shard = job.ordinal, job.root / job.params["shard"]
    chosen = read_between(job.root / job.params["selection"], "shard", number, number + 1).combine_chunks()
    places = chosen.column("row").to_numpy()
    pool = pq.read_schema(shard)
    schema = pa.schema([*(f for f in pool if f.name != "split"), *_EXTRA])
    with TableWriter(job.out(f"{job.step}/{job.key}.parquet"), schema) as writer:
        held = _Buckets(writer)
        at = 0
        for batch in read_columns([shard, job.root / job.params["tokens"]], [*pool.names, "tokens", "n_tokens"], _ROWS):
            first, last = np.searchsorted(places, [at, at + batch.num_rows])
            rows = batch.take(pa.array(places[first:last] - at))
            held.add(_with_choice(rows, chosen.slice(first, last - first), job.params["buckets"], schema))
            at += batch.num_rows
        held.flush()
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


_EXTRA = [
    ("tokens", pa.list_(pa.int32())),
    ("n_tokens", pa.int32()),
    ("split", pa.string()),
    ("copies", pa.int32()),
    ("order", pa.uint64()),
    ("bucket", pa.int32()),
]


def _with_choice(rows: pa.RecordBatch, chosen: pa.Table, buckets: dict[str, int], schema: pa.Schema) -> pa.Table:
    order = chosen.column("order").to_numpy()
    count = np.array([buckets[s] for s in chosen.column("split").to_pylist()], np.uint64)
    bucket = ((order >> np.uint64(32)) * count >> np.uint64(32)).astype(np.int32)
    found = dict(zip(rows.schema.names, rows.columns, strict=True))
    found |= {n: chosen.column(n).combine_chunks() for n in ("split", "copies", "order")} | {"bucket": pa.array(bucket)}
    return pa.table([found[f.name] for f in schema], schema=schema)


class _Buckets:
    """Holds rows until there are enough to write them bucket by bucket, so that a reader finds whole row groups."""

    limit = 64 << 20

    def __init__(self, writer: TableWriter) -> None:
        self._writer = writer
        self._held: list[pa.Table] = []
        self._bytes = 0

    def add(self, rows: pa.Table) -> None:
        self._held.append(rows)
        self._bytes += rows.nbytes
        if self._bytes > self.limit:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self._writer.write(pa.concat_tables(self._held).sort_by([("split", "ascending"), ("bucket", "ascending")]))
        self._held, self._bytes = [], 0


def gather(job: Job) -> Produced:
    """One shard of text and one of tokens, same rows in the same order: bucket after bucket, each sorted by its draw."""
    files = [job.root / p for p in job.params["spills"]]
    first, last = job.params["buckets"]
    hidden = ("tokens", "n_tokens", "order", "bucket")
    text_schema = pa.schema([f for f in pq.read_schema(files[0]) if f.name not in hidden])
    text, ids = (job.out(job.params["final"][room]) for room in ("data", "tokens"))
    n_tokens = 0
    with TableWriter(text, text_schema, FINAL) as data, TableWriter(ids, TOKEN_SHARD, FINAL) as tokens:
        for bucket in range(first, last):
            rows = pa.concat_tables([read_between(path, "bucket", bucket, bucket + 1) for path in files])
            rows = rows.filter(pc.equal(rows.column("split"), job.params["split"]))
            rows = rows.sort_by([("order", "ascending"), ("id", "ascending")]).combine_chunks()
            data.write(rows)
            tokens.write(rows)
            n_tokens += (
                pc.sum(pc.multiply(rows.column("n_tokens").cast(pa.int64()), rows.column("copies"))).as_py() or 0
            )
    job.produced.extra = {"split": job.params["split"], "tokens": n_tokens, "token_digest": tokens.digest.hexdigest()}
    return job.finish(data.digest.rows, data.digest.hexdigest())
