"""Proposed pairs of all partitions, brought together by handle without holding them at once."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from stages.dedupe_keepers import Rows

RANGE_PAIRS = 1 << 22  # pairs of one range of handles, on average: 64 MB, and twice as much to sort them
MAX_RANGES = 512  # files open at a time
READ_ROWS = 1 << 20
_MERGE = 1 << 20  # distinct handles waiting to be merged


class SpilledPairs:
    """The pairs (a, b), a < b, of several Parquet files.

    In memory: 16 bytes per handle that has a partner, and one range of pairs. On disk: 16 bytes per pair.
    """

    def __init__(self, parts: Sequence[Path], scratch: Path | None) -> None:
        self._parts = parts
        self._folder = tempfile.TemporaryDirectory(dir=scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def by_handle(self) -> Iterator[tuple[Rows, npt.NDArray[np.uint64], Rows, Rows]]:
        """(handles, component, a, b) of one range of handles after the other.

        handles: all that have a partner, sorted. component: the smallest handle each is connected to. a, b: the pairs
        whose `a` lies in the range, each once, sorted.
        """
        from dedup.clusters import Components

        handles = distinct(side for pair in self._read() for side in pair)
        if len(handles) == 0:
            return
        groups = Components(len(handles))
        starts = self._starts(len(handles))
        for a, b in self._read():
            groups.link(np.searchsorted(handles, a), np.searchsorted(handles, b))
            self._spill(a, b, handles[starts])
        component = groups.smallest()
        for number, (begin, end) in enumerate(zip(starts, [*starts[1:], len(handles)], strict=True)):
            a, b = _unique(np.fromfile(self._file(number), np.int64).reshape(-1, 2))
            yield handles[begin:end], handles[component[begin:end]].astype(np.uint64), a, b

    def _read(self) -> Iterator[tuple[Rows, Rows]]:
        for path in self._parts:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(READ_ROWS):
                    yield batch["a"].to_numpy(), batch["b"].to_numpy()

    def _starts(self, count: int) -> list[int]:
        """First handle of every range. All ranges are there as empty files afterwards."""
        pairs = sum(pq.read_metadata(path).num_rows for path in self._parts)
        ranges = min(max(1, pairs // RANGE_PAIRS), MAX_RANGES, count)
        for number in range(ranges):
            self._file(number).touch()
        return [count * number // ranges for number in range(ranges)]

    def _spill(self, a: Rows, b: Rows, firsts: Rows) -> None:
        place = np.searchsorted(firsts, a, "right") - 1
        order = np.argsort(place, kind="stable")
        pairs, cuts = np.stack([a, b], axis=1)[order], np.searchsorted(place[order], np.arange(len(firsts) + 1))
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            with self._file(number).open("ab") as file:
                pairs[cuts[number] : cuts[number + 1]].tofile(file)

    def _file(self, number: int) -> Path:
        return Path(self._folder.name, f"{number}.pairs")


def distinct(pieces: Iterator[Rows]) -> Rows:
    """All values of the pieces, each once, sorted; holds a few times as many as there are."""
    known, waiting = np.empty(0, np.int64), []
    held = 0
    for piece in pieces:
        waiting.append(np.unique(piece))
        held += len(waiting[-1])
        if held > max(_MERGE, len(known)):
            known, waiting, held = np.unique(np.concatenate([known, *waiting])), [], 0
    return np.unique(np.concatenate([known, *waiting]))


def _unique(pairs: Rows) -> tuple[Rows, Rows]:
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    fresh = np.ones(len(pairs), np.bool_)
    fresh[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[fresh, 0], pairs[fresh, 1]
