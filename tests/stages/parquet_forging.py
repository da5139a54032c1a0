"""Parquet files page by page, with claims no writer would make: the compact protocol of Thrift, by hand.

The format: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterable

from stages.warc_codecs import zstd_module

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
BYTE_ARRAY, UTF8, ZSTD = 6, 0, 6
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
DATA, DICTIONARY = 0, 2
Field = tuple[int, int, bytes]


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def number(ident: int, value: int, kind: int = I32) -> Field:
    return ident, kind, varint(value << 1 if value >= 0 else (-value << 1) - 1)


def text(ident: int, value: bytes) -> Field:
    return ident, BINARY, varint(len(value)) + value


def listed(ident: int, kind: int, values: Iterable[bytes]) -> Field:
    values = list(values)
    return ident, LIST, bytes([len(values) << 4 | kind]) + b"".join(values)


def struct(*fields: Field) -> bytes:
    made, last = b"", 0
    for ident, kind, value in fields:
        made += bytes([(ident - last) << 4 | kind]) + value
        last = ident
    return made + b"\0"


def inner(ident: int, *fields: Field) -> Field:
    return ident, STRUCT, struct(*fields)


def page(kind: int, count: int, encoding: int, parts: Iterable[bytes]) -> bytes:
    """One page of zstd; the parts of its content may be large together, and are not held."""
    packer, packed, size = zstd_module().ZstdCompressor(level=1), b"", 0
    for part in parts:
        size += len(part)
        packed += packer.compress(part)
    packed += packer.flush()
    head = [number(1, kind), number(2, size), number(3, len(packed))]
    if kind == DATA:
        head.append(inner(5, number(1, count), number(2, encoding), number(3, RLE), number(4, RLE)))
    else:
        head.append(inner(7, number(1, count), number(2, encoding)))
    return struct(*head) + packed


def column_file(pages: list[bytes], rows: int, size: int, has_dictionary: bool) -> bytes:
    """A file of one row group and one required column, `text`. size: the uncompressed bytes it claims to hold."""
    data = b"PAR1" + b"".join(pages)
    first = 4 + len(pages[0]) * has_dictionary
    column = [number(1, BYTE_ARRAY), listed(2, I32, [varint(PLAIN << 1), varint(RLE_DICTIONARY << 1)])]
    column += [listed(3, BINARY, [varint(4) + b"text"]), number(4, ZSTD), number(5, rows, I64)]
    column += [number(6, size, I64), number(7, len(data) - 4, I64), number(9, first, I64)]
    column += [number(11, 4, I64)] if has_dictionary else []
    root = struct(text(4, b"root"), number(5, 1))
    leaf = struct(number(1, BYTE_ARRAY), number(3, 0), text(4, b"text"), number(6, UTF8))
    group = struct(
        listed(1, STRUCT, [struct(number(2, 4, I64), inner(3, *column))]), number(2, size, I64), number(3, rows, I64)
    )
    footer = struct(number(1, 2), listed(2, STRUCT, [root, leaf]), number(3, rows, I64), listed(4, STRUCT, [group]))
    return data + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def value(size: int) -> Iterable[bytes]:
    """One value of that many letters, as PLAIN has it, in parts."""
    yield size.to_bytes(4, "little")
    while size > 0:
        yield b"a" * min(size, 1 << 20)
        size -= 1 << 20


def repeated(size: int, rows: int) -> bytes:
    """A dictionary of one value of `size` letters, and `rows` rows of it in one run."""
    run = b"\x01" + varint(rows << 1) + b"\0"
    pages = [page(DICTIONARY, 1, PLAIN, value(size)), page(DATA, rows, RLE_DICTIONARY, [run])]
    return column_file(pages, rows, size, True)


def plain(sizes: list[int]) -> bytes:
    """One page of values of these sizes."""
    parts = (part for size in sizes for part in value(size))
    return column_file([page(DATA, len(sizes), PLAIN, parts)], len(sizes), sum(sizes), False)
