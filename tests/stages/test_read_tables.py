"""Parquet, JSON Lines and finished runs: mapped columns, broken rows with reasons, bounded memory, any cut."""

import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import DOCUMENT, TRANSIENT, Context
from stages.read import SOURCES
from stages.tables import Parquet, Run
from stages.tables_jsonl import Jsonl
from stages.warc_codecs import zstd_module
from tests.stages.warc_making import rows_of, slice_of

ROWS = [{"text": f"document {n} " * 5, "url": f"http://a.example/{n}", "id": f"doc-{n}", "n": n} for n in range(50)]


def jsonl(path: Path, lines: list[bytes | dict[str, Any]]) -> Path:
    path.write_bytes(b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines))
    return path


def parquet(path: Path, rows: list[dict[str, Any]], **how: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, **how)
    return path


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_well_known_names_are_taken_without_a_mapping(form, tmp_path):
    rows = [
        {"text": "tëxt", "url": "http://x", "date": "2026-01-02", "title": "T", "id": 7, "license": "MIT", "other": 1}
    ]
    path = (jsonl if form == "jsonl" else parquet)(tmp_path / "f", rows)
    (row,) = rows_of(path, SOURCES[form]())
    found = {n: row[n] for n in ("text", "url", "title", "record_key", "license", "read__error", "read__drop")}
    assert found == {
        "text": "tëxt",
        "url": "http://x",
        "title": "T",
        "record_key": "7",
        "license": "MIT",
        "read__error": None,
        "read__drop": None,
    }
    assert row["date"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert row["payload_bytes"] == len("tëxt".encode())
    assert "input_other" not in row


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_mapping_renames_and_carries_other_columns_under_input_(form, tmp_path):
    rows = [
        {"body": "<p>hé", "page": "http://x", "lang": "de", "meta": {"score": 3, "by": "me"}, "text": "not asked for"}
    ]
    path = (jsonl if form == "jsonl" else parquet)(tmp_path / "f", rows)
    columns = {"html": "body", "url": "page", "language": "lang", "score": "meta.score", "quality": "absent"}
    source = SOURCES[form](columns=columns)
    extra = [("input_language", pa.string()), ("input_score", pa.string()), ("input_quality", pa.string())]
    assert source.schema == pa.schema([*DOCUMENT, *TRANSIENT, *extra])
    (batch,) = source.read(Context(), slice_of(path))
    assert batch.schema == source.schema
    (row,) = batch.to_pylist()
    assert (row["html"], row["charset"], row["text"], row["url"]) == ("<p>hé".encode(), "utf-8", None, "http://x")
    assert (row["input_language"], row["input_score"], row["input_quality"]) == ("de", "3", None)


@pytest.mark.parametrize("name", ["a.b", "1st", "a b", ""])
def test_a_column_name_no_query_language_takes_is_refused(name):
    with pytest.raises(ValidationError, match="letters, digits"):
        Parquet(columns={name: "x"})


def test_every_broken_line_is_a_row_with_its_reason_and_place(tmp_path):
    lines: list[bytes | dict[str, Any]] = [
        {"text": "good"},
        b'{"text": "cut off',
        b"[1, 2]",
        b"",
        b'{"text": "caf\xe9"}',
        {"url": "http://no-text"},
        {"text": 5},
        {"text": " \n"},
        b"[" * 100_000,
        b'{"text": "' + b"x" * 5000 + b'"}',
        b'{"text": 1' + b"0" * 6000 + b"}",
        {"text": "nul\0 and \ud800 surrogate"},
        b'\xef\xbb\xbf{"text": "marked"}\r',
    ]
    rows = rows_of(jsonl(tmp_path / "f", lines), Jsonl(max_bytes=4096))
    reasons = [r["read__error"] or r["read__drop"] for r in rows]
    broken = [
        "bad_json",
        "bad_json",
        "bad_json",
        "missing_text",
        "bad_value",
        "empty_body",
        "too_big",
        "too_big",
        "too_big",
    ]
    assert reasons == [None, *broken, None, None]
    assert [r["text"] for r in rows if r["text"] and not r["read__drop"]] == [
        "good",
        "nul and \ufffd surrogate",
        "marked",
    ]
    data = (tmp_path / "f").read_bytes()
    assert all(data[r["offset"] + r["length"] : r["offset"] + r["length"] + 1] == b"\n" for r in rows)
    assert len({r["id"] for r in rows}) == len(rows)


@settings(max_examples=40, deadline=None)
@given(cuts=st.sets(st.integers(1, 4000), max_size=6), junk=st.binary(max_size=60))
def test_any_cutting_of_json_lines_gives_the_same_rows(tmp_path_factory, cuts, junk):
    path = jsonl(tmp_path_factory.mktemp("cut") / "f", [*ROWS[:20], junk, b"", *ROWS[20:]])
    size = path.stat().st_size
    edges = sorted({0, size, *(c for c in cuts if c < size)})
    parts = [rows_of(path, Jsonl(), a, b) for a, b in pairwise(edges)]
    assert [r for part in parts for r in part] == rows_of(path, Jsonl())


@pytest.mark.parametrize("pack", [gzip.compress, lambda d: bytes(zstd_module().compress(d))])
def test_compressed_json_lines_give_the_same_rows_as_plain_ones(pack, tmp_path):
    path = jsonl(tmp_path / "f", ROWS)  # type: ignore[arg-type]
    before = rows_of(path, Jsonl())
    path.write_bytes(pack(path.read_bytes()))
    assert rows_of(path, Jsonl()) == before
    assert Jsonl().cuts(str(path), path.stat().st_size, 100) == [(0, path.stat().st_size)]


def test_a_damaged_gzip_of_json_lines_keeps_what_precedes_the_damage_and_says_so(tmp_path):
    path = jsonl(tmp_path / "f", ROWS)  # type: ignore[arg-type]
    first = gzip.compress(path.read_bytes())
    path.write_bytes(first + first[: len(first) // 2])
    rows = rows_of(path, Jsonl())
    assert [r["text"] for r in rows[:50]] == [r["text"] for r in ROWS]
    again = [r["text"] for r in rows[50:-1]]
    assert again and again == [r["text"] for r in ROWS[: len(again)]]
    assert [r["read__error"] for r in rows[50:]] == [None] * len(again) + ["truncated"]


def test_a_line_of_a_gigabyte_is_passed_in_bounded_memory(tmp_path):
    """Here 100 MB, as a sparse file; the reader must not hold it."""
    import tracemalloc

    path = tmp_path / "f"
    with path.open("wb") as file:
        file.write(b'{"text": "first"}\n')
        file.truncate(100_000_000)
        file.seek(100_000_000)
        file.write(b'\n{"text": "last"}\n')
    tracemalloc.start()
    rows = rows_of(path, Jsonl(max_bytes=1 << 20))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert [r["read__error"] for r in rows] == [None, "too_big", None]


def test_parquet_is_cut_between_row_groups_and_gives_the_same_rows(tmp_path):
    path = parquet(tmp_path / "f", ROWS, row_group_size=7)
    size = path.stat().st_size
    whole = rows_of(path, Parquet())
    assert [r["text"] for r in whole] == [r["text"] for r in ROWS]
    assert [r["offset"] for r in whole] == list(range(50))
    for limit in (200, 900, 10**9):
        cuts = Parquet().cuts(str(path), size, limit)
        assert cuts[0][0] == 0 and cuts[-1][1] == size
        assert [r for a, b in cuts for r in rows_of(path, Parquet(), a, b)] == whole
    assert len(Parquet().cuts(str(path), size, 200)) > 3
    halves = [rows_of(path, Parquet(), a, b) for a, b in pairwise([0, size // 3, size // 2, size])]
    assert [r for part in halves for r in part] == whole


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_one_quarantined_row(content, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(content)
    rows = rows_of(path, Parquet())
    assert [(r["read__error"], r["payload_bytes"]) for r in rows] == [("damaged", len(content))]


def test_a_damaged_row_group_costs_only_its_own_rows(tmp_path):
    path = parquet(tmp_path / "f", ROWS, row_group_size=10, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(2).column(0)
    end = column.data_page_offset + column.total_compressed_size
    data[end - 60 : end] = b"\xff" * 60
    path.write_bytes(data)
    rows = rows_of(path, Parquet())
    assert [r["text"] for r in rows if r["text"]] == [r["text"] for r in ROWS[:20] + ROWS[30:]]
    assert [(r["offset"], r["read__error"]) for r in rows if r["read__error"]] == [(20, "damaged")]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10**6), junk=st.binary(min_size=1, max_size=30))
def test_a_parquet_file_with_any_bytes_overwritten_never_raises(tmp_path_factory, at, junk):
    path = parquet(tmp_path_factory.mktemp("any") / "f", ROWS[:9], row_group_size=3)
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at : at + len(junk)] = junk
    path.write_bytes(data)
    assert rows_of(path, Parquet())


def test_dates_come_from_strings_dates_and_numbers(tmp_path):
    rows = [
        {"text": "t", "date": d}
        for d in ("2026-01-02T03:04:05Z", 1767323045, 1767323045000, 1767323045.0, "n/a", -1e30)
    ]
    found = [r["date"] for r in rows_of(jsonl(tmp_path / "f", rows), Jsonl())]  # type: ignore[arg-type]
    assert found == [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)] * 4 + [None, None]


def test_a_finished_run_gives_its_documents_again_under_new_ids(tmp_path):
    chat = [{"role": "user", "content": "hi"}]
    rows = [
        {
            "id": "a" * 32,
            "kind": "text",
            "text": "one",
            "url": "u",
            "language": "eng",
            "messages": None,
            "quality_score": 1.0,
        },
        {
            "id": "b" * 32,
            "kind": "chat",
            "text": None,
            "url": None,
            "language": "zho",
            "messages": chat,
            "quality_score": None,
        },
    ]
    found = rows_of(parquet(tmp_path / "train-00000-of-00001.parquet", rows), Run())
    assert [r["record_key"] for r in found] == ["a" * 32, "b" * 32]
    assert all(r["id"] != r["record_key"] and r["read__error"] is None for r in found)
    assert [(r["kind"], r["text"], r["messages"], r["input_language"]) for r in found] == [
        ("text", "one", None, "eng"),
        ("chat", None, chat, "zho"),
    ]


def test_a_string_that_is_no_utf8_costs_its_own_characters_alone(tmp_path):
    """Arrow does not look into strings; Python refuses the whole batch."""
    raw = pa.array([b"good", "café".encode("cp1252"), b"nul\0", None], pa.binary())
    broken = pa.StringArray.from_buffers(4, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0], 1)
    pq.write_table(pa.table({"text": broken, "url": broken}), tmp_path / "f")
    rows = rows_of(tmp_path / "f", Parquet())
    assert [r["text"] for r in rows] == ["good", "café", "nul", None]
    assert [r["url"] for r in rows] == ["good", "caf\ufffd", "nul", None]
    assert [r["read__error"] for r in rows] == [None, None, None, "missing_text"]


def test_dates_beyond_the_calendar_are_null(tmp_path):
    dates = pa.array([2**60, 0, -(2**60)], pa.timestamp("us", "Asia/Shanghai"))
    pq.write_table(pa.table({"text": ["a", "b", "c"], "date": dates}), tmp_path / "f")
    rows = rows_of(tmp_path / "f", Parquet())
    assert [r["text"] for r in rows] == ["a", "b", "c"]
    assert rows[0]["date"] is None and rows[2]["date"] is None


@pytest.mark.parametrize("odd", ["a string", 5, [1], [["a"]], {"role": "user"}])
def test_turns_that_are_no_conversation_are_a_bad_value_and_no_crash(odd, tmp_path):
    pq.write_table(pa.table({"kind": ["chat", "chat"], "messages": [odd, odd]}), tmp_path / "f")
    assert [r["read__error"] for r in rows_of(tmp_path / "f", Run())] == ["bad_value"] * 2


def test_a_conversation_is_cleaned_too(tmp_path):
    chat = [[{"role": "user", "content": "h\0i", "extra": "x"}]]
    pq.write_table(pa.table({"kind": ["chat"], "messages": chat}), tmp_path / "f")
    (row,) = rows_of(tmp_path / "f", Run())
    assert row["messages"] == [{"role": "user", "content": "hi"}]


def test_files_of_one_source_may_differ_in_their_columns_and_types(tmp_path):
    """Schema drift: a column may be missing, come as another type, or be nested in one file alone."""
    tables = [{"text": ["a"], "url": ["u"]}, {"text": [b"b"], "url": [5]}, {"body": ["c"]}, {"text": [{"x": 1}]}]
    found = []
    for number, columns in enumerate(tables):
        pq.write_table(pa.table(columns), tmp_path / f"{number}")
        found += [(r["text"], r["url"], r["read__error"]) for r in rows_of(tmp_path / f"{number}", Parquet())]
    assert found == [("a", "u", None), ("b", "5", None), (None, None, "missing_text"), (None, None, "bad_value")]


def test_a_text_of_more_than_a_document_holds_is_too_big(tmp_path):
    pq.write_table(pa.table({"text": pa.array(["x" * (65 << 20), "small"], pa.large_string())}), tmp_path / "f")
    assert [r["read__error"] for r in rows_of(tmp_path / "f", Parquet())] == ["too_big", None]
