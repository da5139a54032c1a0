"""The candidates of one partition with their shingles and partners on disk: a group of any size is measured in chunks."""

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.dedupe_keepers import RANKING, Floats, Rows

CHUNK_BYTES = 64 << 20  # of shingles that are read, and of partners that are looked up, at a time
LIGHT = ("handle", *RANKING.names)  # columns that stay in memory


class SpilledCandidates:
    """table: handle and RANKING of n candidates, sorted by handle. Their shingle sets and partners are files of 8-byte values."""

    def __init__(self, pieces: Iterator[pa.Table], scratch: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=scratch)
        self._shingles, self._partners = (_Runs(Path(self._folder.name, n)) for n in ("shingles", "partners"))
        light = []
        for piece in pieces:
            light.append(piece.select(LIGHT))
            self._shingles.append(piece["shingles"])
            self._partners.append(piece["partners"])
        table = pa.concat_tables(light).combine_chunks()
        order = np.argsort(table["handle"].to_numpy(), kind="stable")
        self.table = table.take(pa.array(order))
        self._shingles.close(order)
        self._partners.close(order)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._folder.cleanup()

    def pairs(self) -> Iterator[tuple[Rows, Rows]]:
        """The proposed pairs as row numbers, chunk by chunk. Raises ValueError if a partner is not there."""
        handles, lengths = self.table["handle"].to_numpy(), self._partners.lengths
        for begin, end in chunks(8 * lengths, CHUNK_BYTES):
            wanted = self._partners.values(begin, end)
            b = np.minimum(np.searchsorted(handles, wanted), len(handles) - 1)
            if not np.array_equal(handles[b], wanted):
                raise ValueError("minhash: candidates and sketches are of different inputs: a partner is missing")
            yield np.repeat(np.arange(begin, end), lengths[begin:end]), b

    def similarity(self, a: Rows, b: Rows) -> Floats:
        """Exact Jaccard of rows a[k] and b[k]: (m,) float64."""
        from dedup.jaccard import jaccard_of_runs

        runs, out = self._shingles, np.zeros(len(a), np.float64)
        for begin, end in chunks(8 * (runs.lengths[a] + runs.lengths[b]), CHUNK_BYTES):
            here = slice(begin, end)
            out[here] = jaccard_of_runs(runs.mapped.view(np.uint64), runs.starts, runs.ends, a[here], b[here])
            runs.forget()
        return out


class _Runs:
    """Lists of 8-byte values, written one after the other, then mapped. mapped: all values as int64."""

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._lengths = path, path.open("wb"), [np.empty(0, np.int64)]
        self.lengths = self.starts = self.ends = np.empty(0, np.int64)

    def append(self, lists: pa.ChunkedArray) -> None:
        for chunk in lists.chunks:
            self._lengths.append(np.diff(chunk.offsets.to_numpy()))
            chunk.flatten().to_numpy().tofile(self._file)

    def close(self, order: Rows) -> None:
        """Nothing more comes; list i is the one that was written as number order[i]."""
        self._file.close()
        lengths = np.concatenate(self._lengths)
        ends = np.cumsum(lengths)
        self.lengths, self.ends, self.starts = lengths[order], ends[order], (ends - lengths)[order]
        self._map: Any = None
        self.mapped: Rows = np.empty(0, np.int64)
        if self._path.stat().st_size:
            with self._path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.mapped = np.frombuffer(self._map, np.int64)

    def values(self, begin: int, end: int) -> Rows:
        """The lists begin .. end - 1, joined."""
        pieces = [self.mapped[a:b] for a, b in zip(self.starts[begin:end], self.ends[begin:end], strict=True)]
        joined = np.concatenate([np.empty(0, np.int64), *pieces])
        self.forget()
        return joined

    def forget(self) -> None:
        """What was read so far no longer counts as this process's memory; it may stay in the system's cache."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def chunks(sizes: npt.NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive places whose sizes sum to about `limit`; one alone may be larger."""
    total, begin = np.cumsum(sizes), 0
    while begin < len(sizes):
        before = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, before + limit, "right")))
        yield begin, end
        begin = end
