"""WARC, ARC and WET files as a Source: plain or gzip, zstd, bzip2, xz, lz4, whole or in byte ranges."""

from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from filters.rule import Rule
from stages.base import Context, Slice, Source
from stages.read_input import BLOCK, Input, is_remote
from stages.read_reasons import read_rules
from stages.read_rows import FIELDS, Identity, Row, batches
from stages.warc_codecs import Codec, sniff
from stages.warc_grammar import AnyRecord, Grammar, grammar_of
from stages.warc_pages import row_of
from stages.warc_pieces import Members, Piece, plain_pieces
from stages.warc_records import Record, Records
from stages.warc_recovery import first_record, next_start, prefix_at
from stages.warc_tape import KEEP, NEWLINES

MAX_BYTES = 32 << 20  # of a record and of a decoded body; crawlers cut pages at 1 to 5 MiB, a worker may use 512 MiB


class Warc(Source):
    """Every response, resource, revisit and conversion record as a row; what cannot be read as a row with a reason."""

    name: ClassVar[str] = "warc"
    version: ClassVar[int] = 2
    packages: ClassVar[tuple[str, ...]] = ("brotli", "chardet", "isal", "resiliparse")

    max_bytes: int = Field(MAX_BYTES, ge=1 << 10)  # bytes

    @property
    def schema(self) -> pa.Schema:
        return FIELDS

    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        """Even ranges where records have compressed members of their own; at record starts in plain local files."""
        if size <= limit:
            return [(0, size)]
        with Input(location) as source:
            archive = Archive(source)
            if archive.codec is None:
                starts = [0] if is_remote(location) else list(archive.plain_cuts(limit))
                return list(zip(starts, [*starts[1:], size], strict=True))
            if not archive.codec.cuttable or not archive.has_many_members(limit):
                return [(0, size)]
        count = -(-size // max(1, limit))
        return [(size * i // count, size * (i + 1) // count) for i in range(count)]

    def next_cut(self, location: str, size: int, start: int, offset: int | None) -> int:
        with Input(location) as source:
            return Archive(source).next_cut(max(start, start if offset is None else offset) + 1)

    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]:
        with Input(piece.location, ctx.counters) as source:
            yield from batches(self._rows(source, piece), ctx, piece)

    def _rows(self, source: Input, piece: Slice) -> Iterator[Row]:
        identity = Identity(piece)
        for record in Archive(source).records(piece.start, piece.end, self.max_bytes):
            row = row_of(record, identity, self.max_bytes)
            if row is not None:
                yield row

    def rules(self) -> tuple[Rule, ...]:
        return read_rules()


class Wet(Warc):
    """WET files: the conversion records' plain text."""

    name: ClassVar[str] = "wet"


class Archive:
    """One file: its compression and its grammar, sniffed from its first bytes whatever its name."""

    def __init__(self, source: Input) -> None:
        self.source = source
        head = source.read(0, KEEP)
        self.codec: Codec | None = sniff(head, lambda size: source.read(0, size))
        first = prefix_at(source, self.codec, self._first_member()) if self.codec else head
        if not AnyRecord().starts(first.lstrip(b"\r\n")):
            self.codec, first = first_record(source, self.codec)
        self.grammar: Grammar = grammar_of(first)

    def _first_member(self) -> int:
        """Offset of the first member, past the dictionary frame of a .warc.zst."""
        if self.codec is None:
            return 0
        window = bytes(self.source.view(0, BLOCK))
        return max(0, window.find(self.codec.magic)) if window[:4] != self.codec.magic[:4] else 0

    def records(self, start: int, stop: int, max_bytes: int) -> Iterator[Record]:
        """Records and lost ranges that begin in [start, stop); the last one may end beyond."""
        if self.codec is None:
            pieces: Iterator[Piece] = plain_pieces(self.source, self._plain_start(start) if start else 0)
        else:
            members = Members(self.source, self.codec, self.grammar)
            pieces = members.pieces(next_start(self.source, self.codec, self.grammar, start) if start else 0)
        plain = self.source if self.codec is None else None
        return iter(Records(pieces, self.grammar, stop, max_bytes, plain))

    def _plain_start(self, start: int) -> int:
        """Offset of the first record header at or after `start`."""
        base = start - 1
        while base < self.source.size:
            window = self.source.read(base, BLOCK + KEEP)
            found = self.grammar.find(window, 1)
            if found >= 0:
                return base + found
            base += BLOCK
        return self.source.size

    def has_many_members(self, limit: int) -> bool:
        """Whether the first member ends within `limit` bytes: a file that is one member cannot be cut."""
        assert self.codec is not None
        for piece in Members(self.source, self.codec, self.grammar).pieces(0):
            if piece.fault or piece.closes:
                return bool(piece.fault) or piece.end < self.source.size
            if piece.end > limit:
                return False
        return False

    def next_cut(self, at: int) -> int:
        """The first place from `at` on where a slice may begin; the size if there is none."""
        if self.codec is None:
            return next((cut for cut in self.plain_cuts(1) if cut >= at), self.source.size)
        if not self.codec.cuttable or not self.has_many_members(self.source.size):
            return self.source.size
        return next_start(self.source, self.codec, self.grammar, at)

    def plain_cuts(self, limit: int) -> Iterator[int]:
        """Record starts at least `limit` bytes apart, by hopping from header to header; none after the first damage."""
        at = last = 0
        yield 0
        while at < self.source.size:
            head = self.source.read(at, KEEP)
            passed = NEWLINES.match(head)
            skip = passed.end() if passed else 0
            parsed = self.grammar.parse(head, skip) if self.grammar.find(head, skip) == skip else None
            if parsed is None or parsed.length < 0 or (at and not skip and self.grammar.on_new_line):
                return
            if at + skip - last >= limit:
                last = at + skip
                yield last
            at += parsed.begin + parsed.length
