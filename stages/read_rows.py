"""From records to Arrow batches: one `Row` per record, flushed by bytes and by count, counted before any decision."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from stages.base import DOCUMENT, TRANSIENT, Context, Slice

BATCH_BYTES = 16 << 20  # payload; the unit of memory of everything that follows
FIELDS = pa.schema([*DOCUMENT, *TRANSIENT])


@dataclass(slots=True)
class Row:
    """One record on its way into a batch; what is not given is null. `extra` holds the source's own columns."""

    id: str
    offset: int
    length: int | None
    payload_bytes: int
    record_key: str | None = None
    kind: str = "text"
    url: str | None = None
    date: datetime | None = None
    title: str | None = None
    text: str | None = None
    messages: Any = None
    chosen: Any = None
    rejected: Any = None
    license: str | None = None
    dump: str | None = None
    read__status: int | None = None
    read__mime: str | None = None
    read__drop: str | None = None
    read__error: str | None = None
    html: bytes | None = None
    charset: str | None = None
    extra: dict[str, str | None] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """Bytes the row will take in a batch."""
        return 200 + len(self.html or b"") + 2 * len(self.text or "")


class Identity:
    """Ids of the records of one file: 128-bit hashes of (source key, relative path, place in the file), as 32 hex."""

    def __init__(self, piece: Slice) -> None:
        self._seed = hashlib.blake2b(f"{piece.key}\0{piece.path}\0".encode("utf-8", "surrogateescape"), digest_size=16)

    def of(self, offset: int, inner: int = 0) -> str:
        """inner: where in its compressed member the record starts; 0 for the first one, and where nothing is compressed."""
        digest = self._seed.copy()
        digest.update(b"%d" % offset if not inner else b"%d.%d" % (offset, inner))
        return digest.hexdigest()


def batches(rows: Iterable[Row], ctx: Context, piece: Slice, schema: pa.Schema = FIELDS) -> Iterator[pa.RecordBatch]:
    """Batches of at most about 16 MiB and `ctx.batch_rows` rows, in order. Every row is counted before it is given on."""
    held: list[Row] = []
    weight = 0
    for row in rows:
        if held and weight + row.weight > BATCH_BYTES:
            yield _batch(held, ctx, piece, schema)
            held, weight = [], 0
        held.append(row)
        weight += row.weight
        if len(held) >= ctx.batch_rows:
            yield _batch(held, ctx, piece, schema)
            held, weight = [], 0
    if held:
        yield _batch(held, ctx, piece, schema)


def _batch(rows: list[Row], ctx: Context, piece: Slice, schema: pa.Schema) -> pa.RecordBatch:
    ctx.counters["in_documents"] += len(rows)
    ctx.counters["in_payload_bytes"] += sum(r.payload_bytes for r in rows)
    ctx.counters["read_pages"] += sum(not r.read__drop and not r.read__error for r in rows)
    arrays = [_column(name, schema.field(name).type, rows, piece) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(name: str, kind: pa.DataType, rows: list[Row], piece: Slice) -> pa.Array:
    if name == "source":
        return pa.array([piece.source] * len(rows), kind)
    if name == "file":
        return pa.array([piece.path] * len(rows), kind)
    if name == "dump":
        return pa.array([r.dump or piece.dump for r in rows], kind)
    if name in Row.__dataclass_fields__:
        return pa.array([getattr(r, name) for r in rows], kind)
    return pa.array([r.extra.get(name) for r in rows], kind)


def parse_date(text: str | None) -> datetime | None:
    """ISO 8601, the 14 digits of ARC, or a date alone; UTC where no zone is given; None for anything else."""
    if not text:
        return None
    text = text.strip()
    if len(text) >= 14 and text.isdigit() and text.isascii():
        text = f"{text[:8]}T{text[8:14]}"
    try:
        date = datetime.fromisoformat(text)
        if date.tzinfo is UTC:
            return date
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
