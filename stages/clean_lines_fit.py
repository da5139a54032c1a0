"""Which lines of a corpus stand on many pages: counted in bounded memory, written as a file that `clean_lines` reads."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.base import Context
from stages.clean_lines_statistics import LINE, SETTINGS, SKETCH, WINDOW, LineStatistics, lines_of

PARTITIONS = 64  # files of sketch rows; one is reduced at a time, so memory is that of a 64th of all lines
BUFFERED_ROWS = 1 << 20  # of 41 bytes, before they are parted
Pages = Callable[[], Iterable[pa.RecordBatch]]


def fit_lines(pages: Pages, output: Path, statistics: LineStatistics) -> dict[str, Any]:
    """Write the lines and windows of lines that `statistics` keeps, each with its first copy, to a Parquet file.

    pages: gives batches with `text` and `url`, the same ones each time it is called; it is called twice. Columns of the
    file: those of the artifact of LineStatistics, and `line`. Returns how many there are and how many documents were seen.
    Raises ValueError where there is no document.
    """
    with tempfile.TemporaryDirectory(prefix="winnow-lines-") as folder, _Parted(Path(folder)) as parted:
        documents = _count(pages(), statistics, parted)
        if documents == 0:
            raise ValueError("no document to count lines in")
        found = statistics.combine(
            Context(), pa.concat_tables(statistics.reduce(Context(), p) for p in parted.tables())
        )
    shown = found.append_column("line", _first_copies(pages(), found, statistics))
    settings = {SETTINGS: json.dumps(statistics.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)}
    output.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(shown.replace_schema_metadata(settings), output, compression="zstd")
    everywhere = pc.sum(pc.equal(found["site"], pa.scalar(0, pa.uint64()))).as_py() or 0
    kinds = {
        name: pc.sum(pc.equal(found["kind"], kind)).as_py() or 0
        for name, kind in (("lines", LINE), ("windows", WINDOW))
    }
    return {"documents": documents, **kinds, "everywhere": everywhere}


def _count(pages: Iterable[pa.RecordBatch], statistics: LineStatistics, parted: "_Parted") -> int:
    sketch, documents = statistics.sketch(Context()), 0
    for batch in pages:
        handles = pa.array(np.arange(documents, documents + len(batch), dtype=np.int64))
        parted.add(sketch(batch.select(["text", "url"]).append_column("handle", handles)))
        documents += len(batch)
    return documents


class _Parted:
    """Sketch rows by partition, on disk."""

    def __init__(self, folder: Path) -> None:
        self._files = [folder / f"{number}.arrow" for number in range(PARTITIONS)]
        self._writers = [pa.ipc.new_stream(str(file), SKETCH) for file in self._files]
        self._waiting: list[pa.RecordBatch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for writer in self._writers:
            writer.close()

    def add(self, rows: pa.RecordBatch) -> None:
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= BUFFERED_ROWS:
            self._part()

    def tables(self) -> Iterator[pa.Table]:
        """Every partition; nothing is added afterwards."""
        self._part()
        for writer, file in zip(self._writers, self._files, strict=True):
            writer.close()
            with pa.memory_map(str(file)) as mapped:
                yield pa.ipc.open_stream(mapped).read_all()

    def _part(self) -> None:
        rows = pa.Table.from_batches(self._waiting, SKETCH)
        part = rows["partition"].to_numpy() % np.uint64(PARTITIONS)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(1, PARTITIONS + 1, dtype=np.uint64))
        rows, begin = rows.take(pa.array(order)), 0
        for writer, end in zip(self._writers, ends.tolist(), strict=True):
            writer.write_table(rows.slice(begin, end - begin))
            begin = end
        self._waiting = []


def _first_copies(pages: Iterable[pa.RecordBatch], found: pa.Table, statistics: LineStatistics) -> pa.Array:
    """The text of each line or window where it stands first in the corpus, whatever site that is."""
    from filters.boilerplate.hashes import windows
    from filters.boilerplate.judge import buffers

    wanted = {kind: found["key"].to_numpy()[found["kind"].to_numpy() == kind] for kind in (LINE, WINDOW)}
    copies: dict[tuple[int, int], str] = {}
    for batch in pages:
        lines, (data, _) = lines_of(batch["text"]), buffers(batch["text"])
        at, several = windows(lines, statistics.window)
        for kind, keys, places in ((LINE, lines.hash, np.arange(len(lines.hash))[:, None]), (WINDOW, several, at)):
            for place in _firsts(keys, wanted[kind]):
                spelled = (_spelled(data, lines.start[line], lines.end[line]) for line in places[place])
                copies.setdefault((kind, int(keys[place])), "\n".join(spelled))
    rows = zip(found["kind"].to_pylist(), found["key"].to_pylist(), strict=True)
    return pa.array([copies[row] for row in rows], pa.string())


def _firsts(keys: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> list[int]:
    """Where each wanted key stands first."""
    here = np.flatnonzero(np.isin(keys, wanted))
    return here[np.unique(keys[here], return_index=True)[1]].tolist()  # type: ignore[no-any-return]


def _spelled(data: npt.NDArray[np.uint8], start: int, end: int) -> str:
    return data[start:end].tobytes().decode("utf-8", "replace").strip()
