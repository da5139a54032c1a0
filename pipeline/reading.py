"""The rows of one slice, without the stretches on which its reader has ended a process. Such a stretch is a row of its own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa

from pipeline.errors import WinnowError
from stages.base import Context, Slice, Source
from stages.read_rows import BATCH_BYTES, Identity, Row, batches

END = "end"  # only recordings of a reader have it


@dataclass(frozen=True)
class Lost:
    """A stretch of a file that no reader survives, up to the place `end`.

    row: of the unit, its own one. offset: where it begins, as the documents of that format tell theirs, and its bytes;
    without them it begins behind the document before `offset`.
    """

    row: int
    offset: int
    length: int | None
    end: int

    def as_json(self) -> dict[str, int | None]:
        return {"row": self.row, "offset": self.offset, "length": self.length, END: self.end}


def lost_in(recordings: Iterable[Mapping[str, Any]]) -> list[Lost]:
    """The lost stretches among a unit's recordings, in row order."""
    return [Lost(r["row"], r["offset"], r["length"], r[END]) for r in recordings if END in r]


class ReaderFailed(Exception):
    """A reader raised, which none should, whatever the bytes. `__cause__` is what it raised."""


class Reading:
    """One slice and its reader."""

    def __init__(self, reader: Source, ctx: Context, piece: Slice) -> None:
        self.reader, self.ctx, self.piece = reader, ctx, piece

    def rows(self, start: int, end: int) -> Iterator[pa.RecordBatch]:
        """What begins in [start, end) as batches of one row, each read only when it is asked for."""
        return self.reader.read(replace(self.ctx, batch_rows=1), replace(self.piece, start=start, end=end))

    def until_last(self, lost: Sequence[Lost]) -> Iterator[pa.RecordBatch]:
        """All rows up to the last lost stretch, the reader being kept from each."""
        start, row = self.piece.start, 0
        for one in lost:
            yield from glued(islice(self.rows(start, self.piece.end), one.row - row))
            yield self.lost_row(one)
            start, row = one.end, one.row + 1

    def without(self, lost: Sequence[Lost]) -> Iterator[pa.RecordBatch]:
        """All rows of the slice."""
        yield from self.until_last(lost)
        start = lost[-1].end if lost else self.piece.start
        if not lost or start < self.piece.end:  # an empty file is a document, too
            yield from self.reader.read(self.ctx, replace(self.piece, start=start))

    def lost_row(self, one: Lost) -> pa.RecordBatch:
        """The row that stands for a lost stretch."""
        row = Row(Identity(self.piece).of(one.end, -1), one.offset, one.length, one.length or 0)
        row.record_key = row.id
        return next(batches([row], self.ctx, self.piece, self.reader.schema))


def glued(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small batches put together to the usual size."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in rows:
        held.append(batch)
        size += batch.nbytes
        if len(held) >= Context().batch_rows or size >= BATCH_BYTES:
            yield pa.concat_batches(held)
            held, size = [], 0
    if held:
        yield pa.concat_batches(held)


def blamed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same. Raises ReaderFailed for what a reader raises, want of memory and refusals of the storage apart."""
    try:
        yield from batches
    except (MemoryError, WinnowError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ReaderFailed(f"{type(error).__name__}: {error}") from error
