"""Measure batches so that a stage which raises costs one document, not the run."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.judge import Mask
from pipeline.errors import WinnowError
from pipeline.passes import Opened, StageFailed, run_batch
from pipeline.schemas import WORKER
from stages.base import Context

STAGE_ERROR = "stage_error"
PIECE_SECONDS = 0.2  # a piece takes about so long: what is lost when it fails, and the time between two signs of life
_FUSE = 20  # documents in a unit that may fail before their share counts


class Isolated:
    """The stages of a pass, behind a wall. Returns every row with `worker__error` and `worker__stage` filled in.

    A document on which a stage raises has nulls for all stages and the error `stage_error`: a pure function of the
    document, so it is no recording. Where more than half of more than 20 fail, the stage is at fault: WinnowError.
    """

    def __init__(self, stages: Sequence[Opened], ctx: Context) -> None:
        self.stages, self.ctx = stages, ctx
        self.at: Callable[[int], None] = lambda stage: None
        self._seen = self._failed = 0
        self._before: Counter[str] = Counter()

    def __call__(self, batch: pa.RecordBatch, living: Mask) -> pa.RecordBatch:
        return self._from(0, batch, batch, living)

    def _from(self, first: int, given: pa.RecordBatch, batch: pa.RecordBatch, living: Mask) -> pa.RecordBatch:
        """batch: the given rows with what the stages before `first` have made of them."""
        try:
            done = run_batch(batch, living, self.stages, self._entering, first)
        except StageFailed as failure:
            self._restore(self._before)
            return self._halved(given, failure) if given.num_rows > 1 else self._failing(given, failure)
        self._seen += given.num_rows
        return done

    def _entering(self, stage: int) -> None:
        self._before = Counter(self.ctx.counters)
        self.at(stage)

    def _halved(self, given: pa.RecordBatch, failure: StageFailed) -> pa.RecordBatch:
        """On from the stage that raised: the innocent half in one go, the other one halved again."""
        parts, middle = [], given.num_rows // 2
        for low, size in ((0, middle), (middle, given.num_rows - middle)):
            half, living = failure.batch.slice(low, size), failure.living[low : low + size]
            parts.append(self._from(failure.number, given.slice(low, size), half, living))
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _failing(self, row: pa.RecordBatch, failure: StageFailed) -> pa.RecordBatch:
        self._seen += 1
        self._failed += 1
        if self._failed > _FUSE and 2 * self._failed > self._seen:
            raise WinnowError(f"{failure} on {self._failed} of {self._seen} documents; the stage is at fault, not they")
        return self.without(row, STAGE_ERROR, failure.stage)

    def without(self, row: pa.RecordBatch, reason: str, stage: str) -> pa.RecordBatch:
        """One row that no stage measures, and why."""
        return run_batch(marked(row, [0], [reason], [stage]), np.zeros(1, np.bool_), self.stages)

    def _restore(self, counters: "Counter[str]") -> None:
        self.ctx.counters.clear()
        self.ctx.counters.update(counters)


def marked(batch: pa.RecordBatch, rows: Sequence[int], reasons: Sequence[str], stages: Sequence[str]) -> pa.RecordBatch:
    """The batch with the worker's columns, filled in for these rows; what an earlier pass has said stays."""
    found = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name, values in zip(WORKER.names, (reasons, stages), strict=True):
        old = found.get(name, pa.nulls(batch.num_rows, pa.string()))
        if len(rows):
            mask = np.zeros(batch.num_rows, np.bool_)
            mask[list(rows)] = True
            old = pc.replace_with_mask(old, pa.array(mask), pa.array(list(values), pa.string()))
        found[name] = old
    return pa.RecordBatch.from_arrays(list(found.values()), names=list(found))


def in_pieces(batch: pa.RecordBatch, living: Mask, pace: "Pace") -> Iterator[tuple[pa.RecordBatch, Mask]]:
    """A batch in pieces of about the pace's seconds each, by the pace of the last ones."""
    at = 0
    while at < batch.num_rows:
        piece = batch.slice(at, pace.rows)
        mask = living[at : at + piece.num_rows]
        at += piece.num_rows
        began = monotonic()
        yield piece, mask
        pace.took(piece.num_rows, monotonic() - began)


class Pace:
    """How many rows make a piece. Only the size of pieces depends on it, never a result."""

    def __init__(self, seconds: float = PIECE_SECONDS) -> None:
        self.rows, self._seconds = 1, seconds

    def took(self, rows: int, seconds: float) -> None:
        fitting = rows * self._seconds / max(seconds, 1e-6)
        self.rows = int(max(1, min(2 * rows, fitting)))


def payload_of(batch: pa.RecordBatch) -> int:
    """Bytes of the documents as the balance counts them; 0 in a pass that does not carry them."""
    return pc.sum(batch.column("payload_bytes")).as_py() or 0 if "payload_bytes" in batch.schema.names else 0


def recorded_in(params: dict[str, Any]) -> dict[int, tuple[str, str]]:
    """Row of the unit -> (reason, stage), from the recordings handed out with it."""
    return {r["row"]: (r["reason"], r["stage"]) for r in params.get("recordings", ())}
