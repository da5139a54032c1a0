"""Where reading may go on behind a record that ends its reader: exactly where the next record begins."""

import gzip
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.base import Source
from stages.files import HtmlFile
from stages.tables import Parquet
from stages.tables_jsonl import Jsonl
from stages.warc import Warc
from tests.stages.warc_making import gzipped, pages, plain, single_gzip


def cuts(source: Source, path: Path, last: int | None = None) -> list[int]:
    """All places behind the first one."""
    size, found = path.stat().st_size, [0]
    while found[-1] < size:
        found.append(source.next_cut(str(path), size, found[-1], last))
    return found


def starts(pieces: list[bytes]) -> list[int]:
    return [0, *accumulate(map(len, pieces))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_members_and_plain_records_of_a_warc(path: Path) -> None:
    records = pages(5)
    path.write_bytes(plain(records))
    assert cuts(Warc(), path) == starts(records)
    path.write_bytes(gzipped(records))
    assert cuts(Warc(), path) == starts([gzip.compress(r, mtime=0) for r in records])


def test_a_record_in_a_record_is_no_place_to_begin(path: Path) -> None:
    """A crawl of WARC files holds headers that are nobody's."""
    records = pages(3)
    nested = records[0].replace(b"word", records[1])
    nested = nested.replace(b"Content-Length: ", b"X: ", 1).replace(b"\r\n", b"\r\nContent-Length: 0\r\nY: ", 1)
    body = nested.split(b"\r\n\r\n", 1)[1].rstrip(b"\r\n")
    whole = records[0].split(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\r\n\r\n"
    path.write_bytes(whole + records[2])
    assert cuts(Warc(), path) == [0, len(whole), len(whole) + len(records[2])]


def test_one_member_cannot_be_cut(path: Path) -> None:
    path.write_bytes(single_gzip(pages(3)))
    assert cuts(Warc(), path) == [0, path.stat().st_size]


def test_lines(path: Path) -> None:
    lines = [b'{"text": "a"}\n', b"\n", b'{"text": "bcd"}\n']
    path.write_bytes(b"".join(lines))
    assert cuts(Jsonl(), path) == starts(lines)
    path.write_bytes(gzip.compress(b"".join(lines)))
    assert cuts(Jsonl(), path) == [0, path.stat().st_size]


def test_row_groups_behind_a_row(path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 12}), path, row_group_size=3)
    size = path.stat().st_size
    places = cuts(Parquet(), path)
    assert len(places) == 5 and places[-1] == size
    assert [Parquet().next_cut(str(path), size, 0, row) for row in (0, 2, 3, 8, 9)] == [
        places[1],
        places[1],
        places[2],
        places[3],
        size,
    ]


def test_a_file_that_is_one_document_has_no_other_place(path: Path) -> None:
    path.write_bytes(b"<p>a</p>")
    assert cuts(HtmlFile(), path) == [0, 8]
