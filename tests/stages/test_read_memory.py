"""No single input may take a worker more than 512 MiB beyond its models, whatever it claims to be or unpacks to."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from stages.tables import Parquet
from stages.tables_jsonl import Jsonl
from tests.stages import parquet_forging as forging
from tests.stages.memory_making import MIB, bomb, gzip_giant, long_line, peak, plain_giant
from tests.stages.warc_making import gzipped, http, pages, plain, record, rows_of

ALLOWED = 512  # MiB
GIANT = 2 << 30

SMALL = {
    "warc": gzipped(pages(3)),
    "jsonl": b'{"text": "x"}\n' * 9,
    "parquet": forging.repeated(10, 100),
}
Maker = Callable[[Path], bytes | None]  # gives the bytes, or has written them itself


def _all(data: bytes) -> Maker:
    return lambda path: data


def _twice(path: Path) -> bytes:
    body = gzip.compress(gzip.compress(bytes(200 * MIB), 6), 6)
    return gzipped(
        [record("response", 8, http(body, "Content-Type: text/html\nContent-Encoding: gzip, gzip")), *pages(2)]
    )


QUICK: dict[str, tuple[str, Maker, dict[str, int]]] = {
    "2 GB record, plain": ("warc", lambda p: plain_giant(p, GIANT, plain(pages(2))), {"too_big": 1, "document": 2}),
    "200 MB body, zstd": ("warc", lambda p: gzipped([bomb("zstd", 200 * MIB), *pages(2)]), {"bomb": 1, "document": 2}),
}
SLOW: dict[str, tuple[str, Maker, dict[str, int]]] = {
    "2 GB record, gzip": ("warc", lambda p: gzip_giant(p, GIANT, gzipped(pages(2))), {"too_big": 1, "document": 2}),
    "200 MB body, gzip": ("warc", lambda p: gzipped([bomb("gzip", 200 * MIB), *pages(2)]), {"bomb": 1, "document": 2}),
    "200 MB body, brotli": ("warc", lambda p: gzipped([bomb("br", 200 * MIB), *pages(2)]), {"bomb": 1, "document": 2}),
    "200 MB body, gzip twice": ("warc", _twice, {"bomb": 1, "document": 2}),
    "31 MB page": ("warc", lambda p: gzipped([record("response", 8, http(b"<p>x" * (31 << 18)))]), {"document": 1}),
    "1 GB line": ("jsonl", lambda p: long_line(p, 1 << 30), {"too_big": 1, "document": 1}),
    "1 GB line, gzip": (
        "jsonl",
        lambda p: long_line(p, 1 << 30, partial(gzip.open, compresslevel=1)),
        {"too_big": 1, "document": 1},
    ),
    "31 MB line, one letter beyond U+FFFF": (
        "jsonl",
        lambda p: ('{"text": "\U0001f600' + "a" * (31 << 20) + '"}\n').encode(),
        {"document": 1},
    ),
    "31 MB line of empty objects": (
        "jsonl",
        lambda p: b'{"text": "x", "a": [' + b"{}," * (10 << 20) + b"1]}",
        {"too_big": 1},
    ),
    "2.2 GB of lines, gzip": (
        "jsonl",
        lambda p: gzip.compress(b'{"text": "' + b"a" * (30 << 20) + b'"}\n', 1) * 75,
        {"document": 75},
    ),
    "700 MB page of one value": ("parquet", lambda p: forging.plain([700 << 20]), {"bomb": 1}),
    "1 GB page of 1 MB values": ("parquet", lambda p: forging.plain([1 << 20] * 1000), {"bomb": 1}),
    "700 MB dictionary": ("parquet", lambda p: forging.repeated(700 << 20, 3), {"bomb": 1}),
    "60 MB dictionary, 10 rows": ("parquet", lambda p: forging.repeated(60 << 20, 10), {"too_big": 10}),
    "1 MB dictionary, 500 rows": ("parquet", lambda p: forging.repeated(1 << 20, 500), {"document": 500}),
    "1e9 rows in one run": ("parquet", lambda p: forging.repeated(5, 1_000_000_000), {"bomb": 1}),
}


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_an_input_takes_at_most_512_mib(name, tmp_path):
    form, make, outcomes = (QUICK | SLOW)[name]
    path, small = tmp_path / "big", tmp_path / "small"
    small.write_bytes(SMALL[form])
    data = make(path)
    if data is not None:
        path.write_bytes(data)
    taken, found = peak(form, path, small)
    path.unlink()
    print(f"{name}: {taken} MiB")  # for the table of docs/explanation/reliability.md
    assert found == outcomes
    assert taken <= ALLOWED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (forging.repeated(5, 3_000_000), "bomb"),
        (forging.repeated(130 << 20, 3), "bomb"),
        (forging.plain([130 << 20]), "bomb"),
        (forging.repeated(1 << 20, 20_000), "bomb"),
        (forging.plain([5]).replace(b"text", b"teXt"), "missing_text"),
    ],
    ids=["rows", "dictionary", "page", "repeats", "another column"],
)
def test_a_row_group_is_judged_before_it_is_unpacked(data, reason, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert [row["read__error"] for row in rows_of(path, Parquet())] == [reason]


def test_punctuation_within_a_text_is_no_value(tmp_path):
    """What counts as many values stands outside strings; prose of commas is a document."""
    path = tmp_path / "file"
    commas = b'{"text": "' + b",{[" * 600_000 + b'\\""}\n'
    path.write_bytes(commas + b'{"text": "x", "a": [' + b"0," * 1_600_000 + b"0]}\n")
    rows = rows_of(path, Jsonl())
    assert [row["read__error"] for row in rows] == [None, "too_big"]
    assert len(rows[0]["text"]) == 1_800_001
