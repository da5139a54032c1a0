"""Read a slice that has ended its worker: the reader at work in forked children, the guilty stretches found and passed over.

A child reads on from a place in the file and hands over row after row, so its death costs nothing that was read. After
one, children read from each place to the next at which a slice may begin (a record, a row group; a file that can't be
cut has none). What ends two fresh ones in a row without a further row is guilty; reading goes on behind it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.children import ALONE, SEARCH, Children, Mouth, Speaker
from pipeline.errors import WinnowError
from pipeline.reading import Lost, Reading, blamed

if TYPE_CHECKING:
    from pipeline.work import Job

_SINGLY = 16  # places that are read one by one after a death, before children read on to the end again
_FUSE = 20  # stretches of a unit that may be lost before their share counts


@dataclass
class Place:
    """Where reading goes on: behind the first `kept` rows of what begins at `start`.

    last: offset of the last of them, `same` how many of the last ones share it.
    """

    start: int
    kept: int = 0
    last: int | None = None
    same: int = 0

    def passed(self, offset: int) -> None:
        self.same = self.same + 1 if offset == self.last else 1
        self.kept, self.last = self.kept + 1, offset


class GuardedReading:
    """The rows of a unit's slice, one a batch. `found`: row -> (reason, what was at work), known before its row is given on."""

    def __init__(self, reading: Reading, job: "Job", children: Children, found: dict[int, tuple[str, str]]) -> None:
        self._reading, self._job, self._children, self._found = reading, job, children, found
        self._row = self._lost = 0
        self._next_offset = 0  # right behind the beginning of the last row
        self._at_work = f"read {reading.reader.name}"

    def rows(self, known: Sequence[Lost]) -> Iterator[pa.RecordBatch]:
        """known: stretches that are lost already; up to the last of them nothing is suspect."""
        for batch in self._reading.until_last(known):
            self._row += batch.num_rows
            yield batch
        start = known[-1].end if known else self._reading.piece.start
        if not known or start < self._reading.piece.end:  # an empty file is a document, too
            yield from self._guarded(Place(start))

    def _guarded(self, place: Place) -> Iterator[pa.RecordBatch]:
        stop, singly, alone = self._reading.piece.end, 0, 0
        while True:
            behind, before, begun = self._behind(place) if singly else stop, place.kept, place
            child = Speaker(self._children, self._work(place, behind), 1.0 if singly else SEARCH)
            for batch in self._handed_over(child):
                place.passed(batch.column("offset")[0].as_py())
                yield batch
            if child.why == "":
                place, singly, alone = Place(behind), max(0, singly - 1), 0
            elif child.why and not singly:
                place, singly = self._narrowed(place), _SINGLY
            elif child.why:
                alone = alone + 1 if place.kept == before else 0
                if alone >= ALONE:
                    yield self._guilty(place, behind, child.why)
                    place, alone = Place(behind), 0
            if place is not begun and place.start >= stop:
                return

    def _narrowed(self, place: Place) -> Place:
        """The last row's own place, in a file that can be cut behind it: only then do offsets name places in it."""
        if place.last is None or self._reading.reader.counts_rows or self._behind(place) >= self._reading.piece.end:
            return place
        return Place(place.last, place.same, place.last, place.same)

    def _behind(self, place: Place) -> int:
        """The next place at which a slice may begin; the end of this one where even looking for it ends a process."""
        reader, piece = self._reading.reader, self._reading.piece
        while True:
            child = Speaker(
                self._children,
                lambda mouth: mouth.say({"at": reader.next_cut(piece.location, piece.size, place.start, place.last)}),
            )
            told = [message["at"] for message, _ in child]
            if child.why is not None:
                return min(told[0], piece.end) if told else piece.end

    def _work(self, place: Place, behind: int) -> Callable[[Mouth], None]:
        """For a child: all rows that begin between the two places but for those that are there already."""
        counters = self._reading.ctx.counters

        def speak(mouth: Mouth) -> None:
            before = Counter(counters)
            for number, batch in enumerate(blamed(self._reading.rows(place.start, behind))):
                if number >= place.kept:
                    mouth.say({k: v - before[k] for k, v in counters.items()}, batch.serialize())
                before = Counter(counters)

        return speak

    def _handed_over(self, child: Speaker) -> Iterator[pa.RecordBatch]:
        schema = self._reading.reader.schema
        for counted, data in child:
            self._reading.ctx.counters.update(counted)
            batch = pa.ipc.read_record_batch(pa.py_buffer(data), schema)
            self._row += 1
            self._next_offset = batch.column("offset")[0].as_py() + 1
            yield batch

    def _guilty(self, place: Place, behind: int, why: str) -> pa.RecordBatch:
        """The row of a stretch that is lost, recorded."""
        reader = self._reading.reader
        if place.last is None and not reader.counts_rows:
            one = Lost(self._row, place.start, behind - place.start, behind)
        else:
            one = Lost(self._row, self._next_offset, None, behind)
        self._row, self._lost = self._row + 1, self._lost + 1
        if self._lost > _FUSE and 2 * self._lost > self._row:
            many = f"{self._lost} of {self._row} records of {self._job.step}"
            raise WinnowError(
                f"the reader {reader.name!r} ends its process ({why}) on {many}; it is at fault, not they"
            )
        self._found[one.row] = (why, self._at_work)
        row = self._reading.lost_row(one)
        told = {"id": row.column("id")[0].as_py(), "reason": why, "stage": self._at_work}
        self._job.tell({"recorded": one.as_json() | told})
        return row
