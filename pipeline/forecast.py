"""`winnow plan --measure`: put a sample of the inputs through their pipelines and say what all of it will take.

Nothing is written. Slices are drawn by hash, so that the sample is spread over all files; a source gets time by its bytes.
Not foreseen: what dedupe, select and mixes take away or cost.
"""

import hashlib
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from filters.judge import KEPT, Mask, any_failing, first_failing
from filters.rule import Rule
from pipeline.inputs import Input
from pipeline.isolate import Isolated, marked
from pipeline.layout import Layout, SourceLayout
from pipeline.passes import open_stage
from stages.base import TRANSIENT, Context
from stages.registry import make_stage, source_class

_AT_ONCE = 4  # slices open side by side; each holds one batch
_PIECE_ROWS = 64
Through = Callable[[pa.RecordBatch], tuple[pa.RecordBatch, Mask]]


@dataclass
class Sample:
    """What was seen of one source: input bytes read, documents, documents kept by rules, CPU seconds, bytes to store."""

    read: float = 0
    documents: int = 0
    kept: int = 0
    cpu_seconds: float = 0.0
    stored: int = 0
    pool: int = 0

    def scaled(self, factor: float) -> "Sample":
        return Sample(*(getattr(self, f.name) * factor for f in fields(self)))


def forecast(layout: Layout, inputs: Sequence[Input], seconds: float, workers: int) -> dict[str, Any]:
    """Predictions for all inputs from `seconds` of trying: {documents, kept, cpu_seconds, seconds, disk_bytes, memory_bytes, sampled}.

    disk_bytes: state and pool. memory_bytes: peak of this process, times workers, so rather too much. sampled: what was
    looked at, input bytes and documents.
    """
    total = sum(_bytes(one) for one in inputs)
    whole, seen = Sample(), Sample()
    for number, source in enumerate(layout.sources):
        mine = [one for one in inputs if one.run == number]
        size = sum(_bytes(one) for one in mine)
        if mine:
            found = measure(source, mine, layout.seed, seconds * size / max(total, 1))
            _add(seen, found)
            _add(whole, found.scaled(size / max(found.read, 1)))
    return {
        "documents": round(whole.documents),
        "kept_by_rules": round(whole.kept),
        "cpu_seconds": round(whole.cpu_seconds, 1),
        "seconds": round(whole.cpu_seconds / workers, 1),
        "workers": workers,
        "disk_bytes": round(whole.stored + whole.pool),
        "memory_bytes": _peak_bytes() * workers,
        "sampled": {"bytes": round(seen.read), "documents": seen.documents},
    }


def _add(total: Sample, more: Sample) -> None:
    for f in fields(Sample):
        setattr(total, f.name, getattr(total, f.name) + getattr(more, f.name))


def _bytes(one: Input) -> int:
    return one.piece.end - one.piece.start


def measure(source: SourceLayout, inputs: Sequence[Input], seed: int, seconds: float) -> Sample:
    """Take pieces of slices in turn until the time is up; at least one piece is taken."""
    through, found, ends = _pipeline(source, Context(seed=seed)), Sample(), 0.0
    drawn = sorted(inputs, key=lambda i: _draw(seed, i))
    for start in range(0, len(drawn), _AT_ONCE):
        for piece, share in _in_turn([_pieces(source, one, seed, found) for one in drawn[start : start + _AT_ONCE]]):
            if found.documents == 0:
                through(piece.slice(0, 1))  # models are loaded and kernels compiled before the clock runs
                ends = time.monotonic() + seconds
            _take(through, piece, found)
            found.read += share
            if time.monotonic() > ends:
                return found
    return found


def _draw(seed: int, one: Input) -> bytes:
    place = f"{seed}/{one.piece.key}/{one.piece.path}/{one.piece.start}"
    return hashlib.blake2b(place.encode(), digest_size=8).digest()


Piece = tuple[pa.RecordBatch, float]  # rows, and the input bytes they stand for


def _in_turn(many: list[Iterator[Piece]]) -> Iterator[Piece]:
    """One piece of each, again and again, until all are at their end."""
    while many:
        for one in many[:]:
            piece = next(one, None)
            if piece is None:
                many.remove(one)
            else:
                yield piece


def _pieces(source: SourceLayout, one: Input, seed: int, found: Sample) -> Iterator[Piece]:
    """A slice in pieces of some rows. Bytes and CPU time of reading are shared out by rows."""
    context = Context(seed=seed)
    reader = source_class(source.reader["format"])(**source.reader["config"])
    batches, began, before = reader.read(context, one.piece), time.process_time(), 0
    for batch in batches:
        spent, read = time.process_time() - began, context.counters["bytes_read"] - before
        before += read
        for at in range(0, batch.num_rows, _PIECE_ROWS):
            piece = batch.slice(at, _PIECE_ROWS)
            found.cpu_seconds += spent * piece.num_rows / batch.num_rows
            yield piece, read * piece.num_rows / batch.num_rows
        began = time.process_time()
    found.read += _bytes(one) - before  # whatever was read twice or passed over: the whole slice is known now


def _take(through: Through, batch: pa.RecordBatch, found: Sample) -> None:
    began = time.process_time()
    measured, kept = through(batch)
    found.stored += _size(measured)
    found.pool += _size(measured.filter(pa.array(kept)))
    found.cpu_seconds += time.process_time() - began
    found.documents += batch.num_rows
    found.kept += int(kept.sum())


def _pipeline(source: SourceLayout, context: Context) -> Through:
    """All passes of a source as one function: a batch as it was read -> as it would be stored, and which rows the rules keep."""
    reader_gates = [Rule.model_validate(r) for r in source.reader["gates"]]
    rules = [Rule.model_validate(r) for r in source.rules]
    passes = []
    for number, one in enumerate(source.passes):
        gates = ([Rule.model_validate(r) for r in s["gates"]] for s in one.stages)
        stages = (make_stage(s["name"], s["config"]) for s in one.stages)
        opened = [open_stage(s, context, g) for s, g in zip(stages, gates, strict=True)]
        passes.append((Isolated(opened, context), [r for r in rules[: source.rules_by_pass[number]] if r.gate]))

    def through(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mask]:
        batch, alive = marked(batch, [], [], []), ~any_failing(batch, reader_gates)
        for measure_all, gates in passes:
            batch = measure_all(batch, alive)
            alive = ~any_failing(batch, gates)
        stored = batch.select([n for n in batch.schema.names if n not in TRANSIENT.names])
        return stored, first_failing(stored, rules) == KEPT

    return through


def _size(rows: pa.RecordBatch) -> int:
    """Bytes of the rows as Parquet."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([rows]), sink, compression="zstd", compression_level=1)
    return int(sink.getvalue().size)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10
