"""Slices without the stretches that end a reader: nothing of a stretch is touched, nothing beside it is lost."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.reading import Lost, ReaderFailed, Reading, blamed, glued, lost_in
from stages.base import Context, Slice
from stages.files import HtmlFile
from stages.tables_jsonl import Jsonl


def slice_of(path: Path) -> Slice:
    size = path.stat().st_size
    return Slice("name", "key", None, path.name, str(path), 0, size, size)


def test_an_empty_file_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "empty.html").write_bytes(b"")
    reading = Reading(HtmlFile(), Context(), slice_of(tmp_path / "empty.html"))
    assert [batch.num_rows for batch in reading.without([])] == [1]


def test_rows_around_lost_stretches(tmp_path: Path) -> None:
    """Every other row as if nothing were missing, and a row with the place of each stretch, counted like any."""
    lines = [b'{"text": "%d"}\n' % n for n in range(6)]
    (tmp_path / "lines.jsonl").write_bytes(b"".join(lines))
    context, at = Context(), len(lines[0])
    lost = lost_in(
        [{"row": 0, "reason": "crashed"}, Lost(1, at, at, 2 * at).as_json(), Lost(5, 5 * at, at, 6 * at).as_json()]
    )
    rows = pa.Table.from_batches(Reading(Jsonl(), context, slice_of(tmp_path / "lines.jsonl")).without(lost))
    assert rows.column("text").to_pylist() == ["0", None, "2", "3", "4", None]
    assert rows.column("offset").to_pylist() == [n * at for n in range(6)]
    assert len(set(rows.column("id").to_pylist())) == 6
    assert context.counters["in_documents"] == 6


def test_small_batches_are_put_together() -> None:
    rows = [pa.record_batch({"n": [n]}) for n in range(2_500)]
    assert [batch.num_rows for batch in glued(rows)] == [1_000, 1_000, 500]


def failing(error: Exception) -> Iterator[pa.RecordBatch]:
    raise error
    yield


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("what pyarrow calls damage")])
def test_what_a_reader_raises_is_its_own_fault(error: Exception) -> None:
    with pytest.raises(ReaderFailed):
        list(blamed(failing(error)))


@pytest.mark.parametrize("error", [MemoryError(), FileNotFoundError(2, "gone"), OSError(5, "disk")])
def test_want_of_memory_and_of_storage_are_not(error: Exception) -> None:
    with pytest.raises(type(error)):
        list(blamed(failing(error)))
