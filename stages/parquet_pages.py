"""What the pages of a Parquet file unpack to, from its footer and page headers alone, before anything is unpacked.

pyarrow holds a page whole and every value of a dictionary; its own view of column metadata ends the process where
statistics are false. So the footer is read here, in Thrift's compact protocol, of which only numbers are looked at:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

GROUPS, COLUMNS, META = 4, 1, 3  # fields of FileMetaData, RowGroup, ColumnChunk
PATH, VALUES, PACKED, DATA_AT, DICTIONARY_AT = 3, 5, 7, 9, 11  # of ColumnMetaData
SIZE, PACKED_SIZE, DATA, DICTIONARY, DATA_2 = 2, 3, 5, 7, 8  # of PageHeader
MAX_DEPTH = 16
HEADERS = (1 << 12, 1 << 16, 1 << 20, 1 << 24)  # bytes shown for a page header; statistics in it may be long


class Chunk(NamedTuple):
    """One column of a row group: its top-level name, where its pages lie by the footer, and where the file ends."""

    column: str
    start: int
    end: int
    values: int
    limit: int


class Page(NamedTuple):
    """Bytes of a page as stored and unpacked; how many values it holds, and whether it is a dictionary."""

    packed: int
    size: int
    values: int
    is_dictionary: bool


def chunks(file: Any, size: int) -> list[list[Chunk]]:
    """The columns of every row group. Raises ValueError where the footer makes no sense."""
    file.seek(max(0, size - 8))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, size - 8 - length))
    try:
        footer, _ = structure(file.read(length), 0)
        return [[_chunk(column[META], size) for column in group[COLUMNS]] for group in footer.get(GROUPS, [])]
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"a footer that makes no sense: {error}") from None


def _chunk(meta: dict[int, Any], size: int) -> Chunk:
    first = min(_count(meta, DATA_AT), _count(meta, DICTIONARY_AT, 0) or _count(meta, DATA_AT))
    return Chunk(meta[PATH][0].decode("utf-8"), first, first + _count(meta, PACKED), _count(meta, VALUES), size)


def pages(file: Any, chunk: Chunk) -> Iterator[Page]:
    """The pages of a column, without their content. Raises ValueError where no page header is."""
    at, left = chunk.start, chunk.values
    while left > 0 and at < min(chunk.end, chunk.limit):
        head, length = _header(file, at)
        inner = head.get(DATA) or head.get(DATA_2) or head.get(DICTIONARY) or {}
        if not isinstance(inner, dict):
            raise ValueError("a page header that makes no sense")
        page = Page(_count(head, PACKED_SIZE), _count(head, SIZE), _count(inner, 1, 0), DICTIONARY in head)
        left -= 0 if page.is_dictionary else page.values
        at += length + page.packed
        if at > chunk.limit:  # pyarrow takes memory for all of it before it looks whether it is there
            raise ValueError("a page beyond the file")
        yield page


def _count(fields: dict[int, Any], ident: int, default: int | None = None) -> int:
    """A number of something. Raises ValueError for what is none."""
    value = fields.get(ident, default)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"no number: {value!r:.80}")
    return value


def _header(file: Any, at: int) -> tuple[dict[int, Any], int]:
    for room in HEADERS:
        file.seek(at)
        data = file.read(room)
        try:
            return structure(data, 0)
        except IndexError:
            if len(data) < room:
                break
    raise ValueError("a page header without an end")


def structure(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A struct by field number, and where it ends. Raises IndexError beyond the data, ValueError for what is none."""
    if depth > MAX_DEPTH:
        raise ValueError("structs too deep")
    fields: dict[int, Any] = {}
    ident = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            ident += step
        else:
            ident, at = _signed(data, at)
        if kind in (1, 2):
            fields[ident] = kind == 1
        else:
            fields[ident], at = _value(data, at, kind, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind == 8:
        length, at = _varint(data, at)
        if at + length > len(data):
            raise IndexError("a string beyond the data")
        return data[at : at + length], at + length
    if kind == 12:
        return structure(data, at, depth + 1)
    if kind in (9, 10):
        return _list(data, at, depth)
    if kind in (1, 2, 3, 7):  # in lists a truth takes a byte
        width = 8 if kind == 7 else 1
        if at + width > len(data):
            raise IndexError("a value beyond the data")
        return data[at : at + width], at + width
    raise ValueError(f"no such type: {kind}")


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    if depth > MAX_DEPTH:
        raise ValueError("lists too deep")
    count, kind = data[at] >> 4, data[at] & 15
    at += 1
    if count == 15:
        count, at = _varint(data, at)
    values = []
    for _ in range(count):
        value, at = _value(data, at, kind, depth + 1)
        values.append(value)
    return values, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while data[at] & 128:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("an endless number")
    return number | data[at] << shift, at + 1


def _signed(data: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(data, at)
    return number >> 1 ^ -(number & 1), at
