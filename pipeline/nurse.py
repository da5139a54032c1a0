"""Measure a unit that has ended its worker: documents at work in forked children, the guilty ones found and passed over.

The worker has loaded and warmed the stages and touches no document itself; each child is a fresh copy of it. A child says
in shared memory what it is at and writes every finished piece to disk, so its death costs the piece at work. A piece that
ends a child is done again row by row; a row that ends two fresh children in which it was the first and only document at
work is guilty. A child that dies of a signal nobody here sent is simply replaced.
"""

import json
import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from filters.judge import Mask
from pipeline.children import ALONE, SEARCH, Children
from pipeline.errors import WinnowError
from pipeline.isolate import Isolated, Pace, in_pieces, payload_of

if TYPE_CHECKING:
    from pipeline.work import Job

_SAMPLE_BYTES = 1 << 20
_PIECE_SECONDS = 0.05  # what a death costs; a fork takes 20 to 60 ms, so less would not help
_FUSE = 20  # documents in a unit that may be guilty before their share counts
_TEXTS = (
    "The ferry leaves the small harbour at seven. Those who wait on the pier have time for a cup of tea.",
    "渡轮七点离开小港口。在码头上等候的人还有时间喝一杯茶，看一看海鸥和远处的灯塔。",
)
PAGES = [
    {
        "url": "https://www.example.com/ferry.html",
        "text": text,
        "html": f"<html><body><p>{text}</p></body></html>".encode(),
    }
    for text in _TEXTS
]
_NOTE = struct.Struct("=4q")  # first row at work, row behind the last one, stage, rows finished and on disk


class Note:
    """A few numbers in memory shared by a child and its parent."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _NOTE.size)
        self._seen = self.read()

    def write(self, *, begin: int, end: int, stage: int, finished: int) -> None:
        self._memory[:] = _NOTE.pack(begin, end, stage, finished)

    def stage(self, number: int) -> None:
        struct.pack_into("=q", self._memory, 16, number)

    def read(self) -> tuple[int, int, int, int]:
        begin, end, stage, finished = _NOTE.unpack(self._memory[:])
        return begin, end, stage, finished

    def moved(self) -> bool:
        """Whether anything was written since the last call."""
        before, self._seen = self._seen, self.read()
        return before != self._seen


@dataclass(frozen=True)
class End:
    """How a child ended: rows it finished, the rows and stage at work, why (empty: all done, None: an outside signal)."""

    finished: list[pa.RecordBatch]
    begin: int
    end: int
    stage: int
    why: str | None


class Nurse:
    """Batches through the stages in children. `found`: row of the unit -> (reason, stage) for the guilty."""

    def __init__(self, isolated: Isolated, job: "Job", children: Children) -> None:
        self._isolated, self._job, self._children = isolated, job, children
        self._note, self._pace = Note(), Pace(_PIECE_SECONDS)
        self._names = [name for name, _ in job.params["schema"]]
        self.found: dict[int, tuple[str, str]] = {}

    def __call__(self, batch: pa.RecordBatch, living: Mask, first: int) -> Iterator[pa.RecordBatch]:
        """The rows of `batch` in order, measured. first: row of the unit the batch begins with."""
        at = single_until = alone = 0
        while at < batch.num_rows:
            start = at
            end = self._child(batch, living, start, single_until)
            for done in end.finished:
                self._job.report(done.num_rows, payload_of(done), 0)
                at += done.num_rows
                yield done
            if end.why and end.end - end.begin > 1:
                single_until = end.end
            elif end.why:
                alone = alone + 1 if at == start else 0
                single_until = max(single_until, at + 1)
                if alone >= ALONE:
                    yield self._guilty(batch.slice(at, 1), first + at, end)
                    at, alone = at + 1, 0

    def _guilty(self, row: pa.RecordBatch, number: int, end: End) -> pa.RecordBatch:
        stage = self._isolated.stages[end.stage].name
        identity = row.column("id")[0].as_py()
        self.found[number] = (str(end.why), stage)
        if len(self.found) > _FUSE and 2 * len(self.found) > number:
            many = f"{len(self.found)} of {number + 1} documents of {self._job.step}"
            raise WinnowError(
                f"stage {stage!r} ends its process ({end.why}) on {many}; the stage is at fault, not they"
            )
        told = {"row": number, "id": identity, "reason": end.why, "stage": stage}
        self._job.tell({"recorded": told, "sample": self._sample(row, identity)})
        return self._isolated.without(row, str(end.why), stage)

    def _sample(self, row: pa.RecordBatch, identity: str) -> str:
        """The head of the page as a file in scratch; its name."""
        found = {n: row.column(n)[0].as_py() for n in ("html", "text") if n in row.schema.names}
        html, text = found.get("html"), found.get("text")
        name = f"{identity}.{'html' if html else 'txt'}"
        data: bytes = html or (text or "").encode()
        (self._job.scratch / name).write_bytes(data[:_SAMPLE_BYTES])
        return name

    def _child(self, batch: pa.RecordBatch, living: Mask, start: int, single_until: int) -> End:
        """Fork, wait, gather what was finished."""
        spool = self._job.scratch / "finished.arrow"
        spool.unlink(missing_ok=True)
        self._note.write(begin=start, end=start, stage=0, finished=0)
        pid = self._children.fork(lambda: self._work(batch, living, start, single_until, spool))
        status, ended_for = self._children.wait(pid, self._note.moved, lambda: self._share(start))
        begin, end, stage, finished = self._note.read()
        done = self._gather(spool, finished)
        if status == 0 and begin == batch.num_rows:
            return End(done, begin, end, stage, "")
        return End(done, begin, end, stage, self._children.reason(status, ended_for))

    def _share(self, start: int) -> float:
        """The whole budget for a row that is alone in a fresh child; elsewhere an end only says where to look."""
        begin, end, _, _ = self._note.read()
        return 1.0 if begin == start and end - begin <= 1 else SEARCH

    def _work(self, batch: pa.RecordBatch, living: Mask, start: int, single_until: int, spool: Path) -> None:
        """In the child: piece after piece from `start` on, row by row up to `single_until`."""
        counters, at, finished = self._isolated.ctx.counters, start, 0
        self._isolated.at = self._note.stage
        with open(spool, "wb") as file:
            writer: Any = None
            for piece, mask in self._pieces(batch, living, start, single_until):
                self._note.write(begin=at, end=at + piece.num_rows, stage=0, finished=finished)
                before = Counter(counters)
                done = self._isolated(piece, mask).select(self._names)
                writer = writer or pa.ipc.new_stream(file, done.schema)
                told = {"counters": json.dumps({k: v - before[k] for k, v in counters.items()})}
                writer.write_batch(done, custom_metadata=told)
                file.flush()
                at, finished = at + piece.num_rows, finished + piece.num_rows
                self._note.write(begin=at, end=at, stage=0, finished=finished)

    def _pieces(
        self, batch: pa.RecordBatch, living: Mask, start: int, single_until: int
    ) -> Iterator[tuple[pa.RecordBatch, Mask]]:
        for row in range(start, single_until):
            yield batch.slice(row, 1), living[row : row + 1]
        rest = max(start, single_until)
        yield from in_pieces(batch.slice(rest), living[rest:], self._pace)

    def _gather(self, spool: Path, finished: int) -> list[pa.RecordBatch]:
        """The pieces a child has finished, and its counters. A torn last piece is left out."""
        done: list[pa.RecordBatch] = []
        if not finished:
            return done
        with open(spool, "rb") as file, pa.ipc.open_stream(file) as reader:
            while finished > 0:
                batch, told = reader.read_next_batch_with_custom_metadata()
                self._isolated.ctx.counters.update(json.loads(told["counters"]))
                done.append(batch)
                finished -= batch.num_rows
        return done
