"""What damage costs in files that are one stream, that begin with junk, or that flood the reader with headers."""

import random
from itertools import accumulate

import pytest

from stages.warc_codecs import zstd_module
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
    sound,
    wanted,
    zstd_frames,
)


@pytest.mark.parametrize("container", ["single gzip", "single zstd", "xz"])
def test_a_file_that_is_one_stream_gives_the_whole_records_before_any_cut(container, made):
    """What the codec itself gives of the bytes before the cut is the oracle."""
    records = [
        record("response", n, http(body_of(n) + random.Random(n).randbytes(60).hex().encode())) for n in range(10)
    ]
    data, path = CONTAINERS[container](records), made(b"")
    ends = list(accumulate(len(r) for r in records))
    for size in range(8, len(data), 13):
        path.write_bytes(data[:size])
        rows = rows_of(path)
        kept = len(sound(rows))
        given = len(everything_of(container, data[:size]))
        assert kept >= sum(end <= given for end in ends[:-1]) - (given < ends[1]), size
        assert kept <= sum(end - 4 <= given for end in ends), size
        assert rows[-1]["read__error"] in ("truncated", "damaged"), size


def everything_of(container: str, data: bytes) -> bytes:
    """What a decoder gives of the beginning of a stream."""
    import lzma
    import zlib

    made = {
        "single gzip": lambda: zlib.decompressobj(31),
        "single zstd": zstd_module().ZstdDecompressor,
        "xz": lzma.LZMADecompressor,
    }
    return bytes(made[container]().decompress(data))


@pytest.mark.parametrize("container", ["single gzip", "single zstd", "xz"])
def test_a_flipped_byte_in_one_stream_keeps_the_records_before_it(container, made):
    noise = [random.Random(n).randbytes(3000).hex().encode() for n in range(12)]
    records = [record("response", n, http(body_of(n) + noise[n])) for n in range(12)]
    data = bytearray(CONTAINERS[container](records))
    data[len(data) // 2] ^= 0x10
    rows = rows_of(made(bytes(data)))
    whole = {f"http://site.example/{n}": body_of(n) + noise[n] for n in range(12)}
    kept = whole.items() & sound(rows).items()
    assert len(kept) >= (4 if container != "xz" else 0)
    assert any(r["read__error"] for r in rows) or container == "single zstd"  # whose frames may lack a checksum


@pytest.mark.parametrize("form", ["warc", "arc"])
@pytest.mark.parametrize("pack", [plain, gzipped, zstd_frames])
@pytest.mark.parametrize("junk", [b"\0" * 5000, b"not a record\n", b"\x1f\x8b\x08\0broken"])
def test_a_file_that_begins_with_junk_is_found_out_all_the_same(junk, pack, form, made):
    """Its first bytes tell nothing of its compression or its grammar, or a lie."""
    records = pages(5) if form == "warc" else arc([body_of(n) for n in range(5)])
    rows = rows_of(made(junk + pack(records)))
    assert sound(rows) == wanted(range(5))
    lost = [(r["offset"], r["length"]) for r in rows if r["read__error"]]
    if pack is plain and form == "arc" and not junk.endswith(b"\n"):  # a record of ARC begins a line
        junk += records[0]
    assert lost == [(0, len(junk))]


@pytest.mark.parametrize("pack", [plain, gzipped, zstd_frames])
def test_any_flipped_byte_of_the_first_record_costs_that_record_alone(pack, made):
    data = pack(pages(4))
    for at in range(len(pack(pages(1)))):
        hit = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        assert sound(rows_of(made(hit))).items() >= wanted(range(1, 4)).items(), at


def test_a_flood_of_record_headers_takes_linear_time(made):
    """Each of them once had a megabyte read for its end."""
    assert len(rows_of(made(b"WARC/1.0\r\nA: b\r\n" * 60_000 + b"\r\n"))) == 60_000
