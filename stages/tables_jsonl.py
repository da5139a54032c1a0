"""JSON Lines as documents: plain or compressed, one object a line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from filters.rule import Rule
from stages.base import Context, Slice, Source
from stages.read_fields import Fields
from stages.read_input import BLOCK, Input
from stages.read_reasons import read_rules
from stages.read_rows import Identity, Row, batches
from stages.tables import Columns
from stages.warc_codecs import Codec, sniff
from stages.warc_pieces import Members, plain_pieces

MAX_LINE = 32 << 20  # bytes; as text with characters beyond U+FFFF a line takes four times as much, twice over
MAX_VALUES = 1_500_000  # of a line; 180 bytes each where they are objects


@dataclass(slots=True)
class Line:
    """One line without its newline, or why there is none. offset, length: bytes of the (decompressed) file."""

    data: bytes
    offset: int
    length: int
    error: str = ""


class AnyStart:
    """Files whose compressed members may begin with anything."""

    def starts(self, data: bytes, at: int = 0) -> bool:
        return len(data) > at

    def goes_on(self, data: bytes) -> bool:
        return True


class Jsonl(Source):
    """Every line of a JSON Lines file that is not empty. Plain files are cut anywhere, a compressed one is one slice."""

    name: ClassVar[str] = "jsonl"
    version: ClassVar[int] = 3
    packages: ClassVar[tuple[str, ...]] = ("chardet", "isal", "resiliparse")

    columns: Columns = Field(default_factory=dict)  # our name -> their field
    max_bytes: int = Field(MAX_LINE, ge=1 << 10)  # of a line

    @property
    def schema(self) -> pa.Schema:
        return Fields(self.columns).schema

    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        if size <= limit:
            return [(0, size)]
        with Input(location) as source:
            if _codec(source) is not None:
                return [(0, size)]
        count = -(-size // max(1, limit))
        return [(size * i // count, size * (i + 1) // count) for i in range(count)]

    def next_cut(self, location: str, size: int, start: int, offset: int | None) -> int:
        with Input(location) as source:
            at = max(start, start if offset is None else offset) + 1
            return size if _codec(source) is not None else _line_start(source, at)

    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]:
        with Input(piece.location, ctx.counters) as source:
            yield from batches(self._rows(source, piece), ctx, piece, self.schema)

    def _rows(self, source: Input, piece: Slice) -> Iterator[Row]:
        identity, fields = Identity(piece), Fields(self.columns)
        for line in lines_of(source, piece, self.max_bytes):
            if not line.error and not line.data.strip():
                continue
            row = Row(identity.of(line.offset, int(bool(line.error))), line.offset, line.length, line.length)
            error = line.error or ("too_big" if has_too_many_values(line.data) else "")
            values = None if error else parse_object(line.data)
            if values is None:
                row.record_key, row.read__error = row.id, error or "bad_json"
                yield row
            else:
                yield fields.fill(row, values)

    def rules(self) -> tuple[Rule, ...]:
        return read_rules()


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.S)


def has_too_many_values(line: bytes) -> bool:
    """Whether an object of the line would take many times its bytes: more than MAX_VALUES begin outside strings."""
    return _openers(line) > MAX_VALUES and _openers(_STRING.sub(b"", line)) > MAX_VALUES


def _openers(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{") if len(data) > MAX_VALUES else 0


def parse_object(line: bytes) -> dict[str, Any] | None:
    """The object of a line; None for anything else. Whatever the line holds, this does not raise."""
    try:
        values = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def lines_of(source: Input, piece: Slice, max_bytes: int) -> Iterator[Line]:
    """Lines that begin in the slice. Lost ranges of a compressed file and lines over `max_bytes` come as errors."""
    codec = _codec(source)
    if codec is not None:
        blocks = ((p.data, p.fault, p.end - p.start) for p in Members(source, codec, AnyStart()).pieces(0))
        yield from split_lines(blocks, 0, None, max_bytes)
        return
    begin = _line_start(source, piece.start)
    if begin >= piece.end:
        return
    plain = ((p.data, "", 0) for p in plain_pieces(source, begin))
    yield from split_lines(plain, begin, piece.end, max_bytes)


def _codec(source: Input) -> Codec | None:
    return sniff(source.read(0, 64), lambda count: source.read(0, count))


def _line_start(source: Input, start: int) -> int:
    """Offset of the first line that begins at or after `start`."""
    if start == 0:
        return 0
    at = start - 1
    while at < source.size:
        block = source.read(at, BLOCK)
        newline = block.find(b"\n")
        if newline >= 0:
            return at + newline + 1
        at += len(block)
    return source.size


def split_lines(
    blocks: Iterator[tuple[bytes, str, int]], offset: int, stop: int | None, max_bytes: int
) -> Iterator[Line]:
    """Cut (data, fault, lost bytes) blocks into lines that begin before `stop`, holding at most `max_bytes` of one."""
    parts: list[bytes] = []
    held = 0  # bytes of the unfinished line, held in `parts` or, beyond max_bytes, only counted
    for data, fault, lost in blocks:
        if fault:
            yield Line(b"", offset, lost, fault)
            offset, parts, held = offset + held, [], 0
            continue
        *whole, rest = data.split(b"\n")
        for line in whole:
            length = held + len(line)
            yield _line([*parts, line], offset, length, max_bytes)
            offset, parts, held = offset + length + 1, [], 0
            if stop is not None and offset >= stop:
                return
        held += len(rest)
        parts = [*parts, rest] if held <= max_bytes else []
    if held:
        yield _line(parts, offset, held, max_bytes)


def _line(parts: list[bytes], offset: int, length: int, max_bytes: int) -> Line:
    if length > max_bytes:
        return Line(b"", offset, length, "too_big")
    return Line(b"".join(parts), offset, length)
