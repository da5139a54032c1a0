"""WARC files in all their forms: the same records whatever the container, the cut, the damage."""

import os
import random
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import DOCUMENT, TRANSIENT, Context, Slice
from stages.read_input import Input
from stages.warc import Archive, Warc
from stages.warc_codecs import zstd_module
from stages.warc_records import Record
from tests.stages.warc_making import (
    CONTAINERS,
    arc,
    body_of,
    gzipped,
    http,
    pages,
    plain,
    record,
    rows_of,
    single_gzip,
    slice_of,
    sound,
    wanted,
    zstd_dictionary,
    zstd_frames,
)


def records_of(path: Path) -> list[Record]:
    """What a whole file consists of, below the rows."""
    with Input(str(path)) as source:
        return list(Archive(source).records(0, source.size, 1 << 20))


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_pages(container, made):
    """The content decides, never the file's name."""
    rows = rows_of(made(CONTAINERS[container](pages(10))))
    assert sound(rows) == wanted(range(10))
    assert len({r["id"] for r in rows}) == 10


@pytest.mark.parametrize("container", CONTAINERS)
def test_long_records_come_out_whole_from_every_container(container, made):
    """Longer than any step of reading or decoding, and than what is held of a member at once."""
    sizes = enumerate([5, 400_000, 4_500_000])
    bodies = [body_of(n) + random.Random(n).randbytes(size).hex().encode() for n, size in sizes]
    records = [record("response", n, http(body)) for n, body in enumerate(bodies)]
    assert list(sound(rows_of(made(CONTAINERS[container](records)))).values()) == bodies


@pytest.mark.parametrize("pack", [plain, gzipped, single_gzip])
def test_arc_files_are_read_like_warc(pack, made):
    rows = rows_of(made(pack(arc([body_of(n) for n in range(5)]))))
    assert sound(rows) == wanted(range(5))
    assert rows[0]["date"].isoformat() == "2026-03-01T00:00:00+00:00"


def test_a_batch_has_the_declared_schema_and_every_record_is_one_row(made):
    kinds = ["warcinfo", "request", "metadata", "continuation", "x-made-up"]
    records = [record(kind, n, b"abc") for n, kind in enumerate(kinds)]
    records += [record("revisit", 10, b""), record("conversion", 11, "héllo".encode()), *pages(1)]
    records += [record("resource", 12, b"<p>hi", "Content-Type: text/html")]
    path = made(gzipped(records))
    (batch,) = Warc().read(Context(), slice_of(path))
    assert batch.schema == pa.schema([*DOCUMENT, *TRANSIENT]) == Warc().schema
    rows = batch.to_pylist()
    assert [r["read__drop"] for r in rows] == ["revisit", None, None, None]
    assert [r["text"] for r in rows] == [None, "héllo", None, None]
    assert [r["html"] for r in rows] == [None, None, body_of(0), b"<p>hi"]


@pytest.mark.parametrize(
    ("block", "fields", "reason"),
    [
        (http(b"<p>no", status="404 Not Found"), "", "http_status"),
        (http(b"<p>no", status="206 Partial Content"), "", "http_status"),
        (http(b"\x89PNG", "Content-Type: image/png"), "", "not_html"),
        (http(b"{}", "Content-Type:"), "", "not_html"),
        (http(b" \r\n"), "", "empty_body"),
        (http(b""), "", "empty_body"),
        (b"", "", "empty_body"),
        (b"a 1.2.3.4", "Content-Type: text/dns", "not_html"),
        (http(b"5\r\nabcde\r\n9\r\nabc", "Content-Type: text/html\nTransfer-Encoding: chunked"), "", "bad_chunking"),
        (http(b"\x1f\x8b\x08\x00", "Content-Type: text/html\nContent-Encoding: gzip"), "", "bad_encoding"),
        (http(b"\x00\x01\x02", "Content-Type: text/plain"), "", "undecodable"),
        (http(b"<p>half"), "WARC-Segment-Number: 1", "segmented"),
        (http(b"<p>"), "Content-Length: abc", "bad_header"),
        (http(b"<p>"), "WARC-Type: ", "bad_header"),
        (http(b"x" * 70_000), "", "too_big"),
    ],
)
def test_a_record_that_is_no_page_says_why(block, fields, reason, made):
    rows = rows_of(made(gzipped([record("response", 1, block, fields), *pages(1)])), Warc(max_bytes=65_536))
    assert (rows[0]["read__drop"] or rows[0]["read__error"], rows[0]["html"]) == (reason, None)
    assert sound(rows) == wanted(range(1))


@pytest.mark.parametrize(
    ("block", "html"),
    [
        (b"<html>no header at all", b"<html>no header at all"),
        (b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>bare", b"<p>bare"),
        (http(b"<p>h2").replace(b"HTTP/1.1 200 OK", b"HTTP/2 200"), b"<p>h2"),
        (http(b"<p>shout", "CONTENT-TYPE: TEXT/HTML;CHARSET=UTF-8"), b"<p>shout"),
        (http(b"<!doctype html><p>typeless", ""), b"<!doctype html><p>typeless"),
        (http(b"<html/>", "Content-Type: application/xhtml+xml"), b"<html/>"),
        (http(b"<p>len", "Content-Type: text/html\nContent-Length: 99999"), b"<p>len"),
        (http(b"<p>odd", "Content-Type: text/html\nNoColon\nX-L: caf\u00e9\nContent-Length: -1"), b"<p>odd"),
    ],
)
def test_odd_http_forms_are_pages_all_the_same(block, html, made):
    assert rows_of(made(gzipped([record("response", 1, block)])))[0]["html"] == html


@pytest.mark.parametrize("version", ["WARC/0.17", "WARC/0.18", "WARC/1.0", "WARC/1.1", "warc/1.0"])
@pytest.mark.parametrize("pack", [plain, gzipped])
def test_header_forms_of_all_versions(version, pack, made):
    """Line ends, folding and case have varied; microseconds came with 1.1."""
    folded = record("response", 0, http(body_of(0)), "WARC-Date: 2026-03-01T00:00:00.123456Z", version)
    folded = folded.replace(b"WARC-Type: response", b"warc-type:\r\n response")
    bare = record("response", 1, http(body_of(1)), version=version)
    head, block = bare.split(b"\r\n\r\n", 1)
    bare = head.replace(b"\r\n", b"\n") + b"\n\n" + block
    rows = rows_of(made(pack([folded, bare, *pages(3)[2:]])))
    assert sound(rows) == wanted(range(3))
    assert rows[0]["date"].microsecond == 123456


def test_offset_and_length_lead_back_to_the_record(made):
    data = gzipped(pages(4))
    for row in rows_of(made(data)):
        again = made(data[row["offset"] : row["offset"] + row["length"]])
        assert sound(rows_of(again)) == {row["url"]: row["html"]}


def test_an_id_depends_on_key_path_and_place_alone(made):
    """Display name, directory and dump may change without a document becoming another one."""
    path = made(gzipped(pages(3)))
    ids = [r["id"] for r in rows_of(path)]
    moved = slice_of(path, source="renamed", dump="CC-MAIN-2026-33")
    batch = next(Warc().read(Context(), moved))
    assert batch.column("id").to_pylist() == ids
    assert batch.column("dump").to_pylist() == ["CC-MAIN-2026-33"] * 3
    other = next(Warc().read(Context(), slice_of(path, key="other")))
    assert not set(other.column("id").to_pylist()) & set(ids)


@pytest.mark.parametrize("pack", [plain, gzipped, zstd_frames])
def test_a_file_cut_off_at_any_byte_keeps_all_whole_records_and_says_so(pack, made):
    """Truncation is the commonest damage; readers in the field end silently."""
    records = pages(10)
    data = pack(records)
    ends = [len(pack(records[: n + 1])) for n in range(10)]
    closing = 4 if pack is plain else 0  # the empty lines that close a plain record hold nothing of it
    path = made(data)
    for size in range(len(data) - 1, -1, -1):
        os.truncate(path, size)
        found = records_of(path)
        whole = sum(end - closing <= size for end in ends)
        assert [r.data[r.begin : r.end] for r in found[:whole]] == [http(body_of(n)) for n in range(whole)], size
        clean = any(end - closing <= size <= end for end in ends) or size == 0
        reasons = ["truncated", "damaged"] if size < 4 else ["truncated"]  # too short to tell the format
        assert len(found) == whole + (not clean), size
        assert all(r.error in reasons for r in found[whole:]), size


@pytest.mark.parametrize("pack", [plain, gzipped, zstd_frames])
def test_a_flipped_bit_costs_at_most_one_record(pack, made):
    """fastwarc and warcio give up the rest of the file; here 300 flips each lose one record or none."""
    records = pages(12)
    data = pack(records)
    chance = random.Random(7)
    for _ in range(300):
        at, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        rows = rows_of(made(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]))
        kept = wanted(range(12)).items() & sound(rows).items()
        assert len(kept) >= 11, (at, bit)
        if pack is gzipped:
            assert sound(rows).items() <= wanted(range(12)).items(), (at, bit)


def test_a_damaged_member_is_a_row_with_its_range_and_what_its_header_says(made):
    records = pages(8)
    before, hit = len(gzipped(records[:3])), len(gzipped(records[3:4]))
    data = bytearray(gzipped(records))
    data[before + hit // 2 : before + hit // 2 + 9] = b"\xff" * 9
    lost = [r for r in rows_of(made(bytes(data))) if r["read__error"]]
    assert [(r["read__error"], r["offset"], r["length"]) for r in lost] == [("damaged", before, hit)]


@pytest.mark.parametrize("junk", [b"\0" * 17, b"junk between\n", b"\x1f\x8b\x08\x00not gzip", b"\0" * 3_000_000])
@pytest.mark.parametrize("pack", [plain, gzipped, zstd_frames])
def test_garbage_between_records_costs_no_record(junk, pack, made):
    data = pack(pages(3)) + junk + pack(pages(6)[3:])
    rows = rows_of(made(data))
    assert sound(rows) == wanted(range(6))
    lost = [(r["offset"], r["length"]) for r in rows if r["read__error"] == "damaged"]
    assert lost == [(len(pack(pages(3))), len(junk))]


@pytest.mark.parametrize(
    ("pack", "wrong"),
    [(pack, wrong) for pack in (plain, gzipped, single_gzip) for wrong in (37, -11, 4_000)]
    + [(plain, 10**12), (gzipped, 10**12)],  # in a file that is one member, such a claim costs the rest of it
)
def test_a_wrong_record_length_costs_that_record_alone(wrong, pack, made):
    block = http(body_of(2))
    records = [*pages(2), record("response", 2, block, f"Content-Length: {len(block) + wrong}"), *pages(6)[3:]]
    rows = rows_of(made(pack(records)))
    assert sound(rows) == wanted([0, 1, 3, 4, 5])
    assert [r["read__error"] for r in rows if r["read__error"]] == ["bad_length"]


def test_a_record_larger_than_the_cap_is_passed_without_holding_it(made):
    big = record("response", 1, http(b"x" * 40_000_000))
    for pack in (plain, gzipped, single_gzip):
        rows = rows_of(made(pack([*pages(1), big, *pages(3)[2:]])), Warc(max_bytes=100_000))
        assert [r["read__error"] for r in rows] == [None, "too_big", None]
        assert sound(rows) == wanted([0, 2])


PACKS = st.sampled_from([plain, gzipped, zstd_frames])


@settings(max_examples=60, deadline=None)
@given(
    pack=PACKS,
    form=st.sampled_from(["warc", "arc"]),
    cuts=st.sets(st.integers(1, 4000), max_size=6),
    hits=st.sets(st.integers(0, 4000), max_size=3),
)
def test_any_cutting_gives_the_same_rows_on_sound_and_damaged_files(tmp_path_factory, pack, form, cuts, hits):
    """Slices are read by different workers that cannot talk; no record may be lost or doubled between them."""
    bodies = [body_of(n) for n in range(14)]
    data = bytearray(pack(arc(bodies) if form == "arc" else [record("warcinfo", 99, b"x"), *pages(14)]))
    for hit in hits:
        data[hit % len(data)] ^= 0x55
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_bytes(data)
    edges = sorted({0, len(data), *(c for c in cuts if c < len(data))})
    parts = [rows_of(path, start=a, end=b) for a, b in pairwise(edges)]
    assert sorted(repr(r) for part in parts for r in part) == sorted(map(repr, rows_of(path)))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("limit", [200, 700, 3000])
def test_the_readers_own_cuts_cover_the_file_and_give_the_same_rows(container, limit, made):
    path = made(CONTAINERS[container](pages(12)))
    size = path.stat().st_size
    cuts = Warc().cuts(str(path), size, limit)
    assert cuts[0][0] == 0 and cuts[-1][1] == size
    assert all(a[1] == b[0] for a, b in pairwise(cuts))
    rows = [r for start, end in cuts for r in rows_of(path, start=start, end=end)]
    assert rows == rows_of(path)
    if container in ("plain", "gzip", "zstd") and limit == 200:
        assert len(cuts) > 3


@settings(max_examples=60, deadline=None)
@given(pack=PACKS, hits=st.lists(st.tuples(st.integers(0, 9999), st.binary(max_size=40)), max_size=4))
def test_every_byte_belongs_to_a_record_or_to_a_lost_range(tmp_path_factory, pack, hits):
    data = pack(pages(12))
    for at, junk in hits:
        data = data[: at % len(data)] + junk + data[at % len(data) + len(junk) // 2 :]
    path = tmp_path_factory.mktemp("all") / "file"
    path.write_bytes(data)
    at = 0
    for one in records_of(path):
        assert data[at : one.offset].strip(b"\r\n") == b"", "bytes that nobody answers for"
        assert one.offset >= at
        at = one.offset + one.length
    assert data[at:].strip(b"\r\n") == b""


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=600),
    head=st.sampled_from([b"", b"\x1f\x8b\x08\0", b"WARC/1.0\r\n", b"\x28\xb5\x2f\xfd", b"BZh9"]),
)
def test_arbitrary_bytes_never_raise(tmp_path_factory, data, head):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(head + data)
    rows = rows_of(path)
    assert bool(rows) == bool((head + data).strip(b"\r\n")) or not sound(rows)


def test_a_dictionary_may_itself_be_compressed_and_a_broken_one_costs_only_the_frames_that_need_it(made):
    data = zstd_dictionary(pages(10))
    size = int.from_bytes(data[4:8], "little")
    packed = zstd_module().compress(data[8 : 8 + size])
    head = data[:4] + len(packed).to_bytes(4, "little")
    assert sound(rows_of(made(head + packed + data[8 + size :]))) == wanted(range(10))
    broken = data[:40] + b"\xff" * 200 + data[240:]
    rows = rows_of(made(broken + zstd_frames(pages(12)[10:])))
    assert sound(rows).items() >= wanted([10, 11]).items()
    assert {r["read__error"] for r in rows if r["read__error"]} == {"damaged"}


def test_batches_are_flushed_by_bytes_long_before_they_are_full_of_rows(made):
    body = b"<p>" + b"x" * 6_000_000
    path = made(gzipped([record("response", n, http(body)) for n in range(7)]))
    sizes = [b.num_rows for b in Warc().read(Context(), slice_of(path))]
    assert sizes == [2, 2, 2, 1]


@pytest.mark.parametrize("pack", [single_gzip, CONTAINERS["xz"], CONTAINERS["bzip2"]])
def test_what_is_compressed_as_a_whole_is_one_slice(pack, made):
    path = made(pack(pages(3000)))
    size = path.stat().st_size
    assert Warc().cuts(str(path), size, size // 3) == [(0, size)]


def test_a_slice_after_the_last_record_start_is_empty(made):
    for pack in (plain, gzipped):
        data = pack(pages(3))
        assert rows_of(made(data), start=len(data) - 20) == []


def test_a_plain_remote_file_is_one_slice_since_hopping_through_it_would_cost_a_request_a_record():
    import fsspec

    with fsspec.open("memory://bucket/plain.warc", "wb") as file:
        file.write(plain(pages(20)))
    assert Warc().cuts("memory://bucket/plain.warc", 8000, 1000) == [(0, 8000)]


def test_a_remote_file_is_read_through_fsspec():
    import fsspec

    data = gzipped(pages(30))
    with fsspec.open("memory://bucket/some.warc.gz", "wb") as file:
        file.write(data)
    location = "memory://bucket/some.warc.gz"
    cuts = Warc().cuts(location, len(data), 1500)
    assert len(cuts) > 3
    rows = []
    for start, end in cuts:
        piece = Slice("web", "web", None, "some.warc.gz", location, start, end, len(data))
        rows += [r for b in Warc().read(Context(), piece) for r in b.to_pylist()]
    assert sound(rows) == wanted(range(30))
    assert len(rows) == 30


def test_the_text_of_a_plain_response_holds_no_nul(made):
    block = http(b"one\0two " + b"words " * 200 + b"\0", "Content-Type: text/plain; charset=utf-8")
    (row,) = rows_of(made(gzipped([record("response", 1, block)])))
    assert row["text"] == "onetwo " + "words " * 200
