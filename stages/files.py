"""Files that are one document each: HTML, plain text, Markdown."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from filters.rule import Rule
from stages.base import Context, Slice, Source
from stages.charsets import clean_unicode, decode_text
from stages.http_body import looks_textual
from stages.read_input import Input
from stages.read_reasons import read_rules
from stages.read_rows import FIELDS, Identity, Row, batches

MAX_BYTES = 32 << 20  # of a file; as for web pages


class FileSource(Source):
    """One document a file, known by its path. The date stays empty: a file's own is that of its copy."""

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("chardet", "resiliparse")

    max_bytes: int = Field(MAX_BYTES, ge=1 << 10)

    @property
    def schema(self) -> pa.Schema:
        return FIELDS

    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        return [(0, size)]

    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]:
        with Input(piece.location, ctx.counters) as source:
            row = Row(Identity(piece).of(0), 0, source.size, source.size, record_key=clean_unicode(piece.path))
            if source.size > self.max_bytes:
                row.read__error = "too_big"
            else:
                self._fill(row, source.read(0, source.size))
        yield from batches([row], ctx, piece)

    @abstractmethod
    def _fill(self, row: Row, data: bytes) -> None:
        """Put the file's content into the row, or say why not."""

    def rules(self) -> tuple[Rule, ...]:
        return read_rules()


class HtmlFile(FileSource):
    """HTML files, as saved; the extract stage finds out their charset."""

    name: ClassVar[str] = "html"

    def _fill(self, row: Row, data: bytes) -> None:
        row.read__mime = "text/html"
        if data.strip():
            row.html = data
        else:
            row.read__drop = "empty_body"


class TextFile(FileSource):
    """Plain text files, the text as it is."""

    name: ClassVar[str] = "text"

    def _fill(self, row: Row, data: bytes) -> None:
        row.read__mime = "text/plain"
        if not data.strip():
            row.read__drop = "empty_body"
        elif not looks_textual(data):
            row.read__error = "undecodable"
        else:
            row.text = clean_unicode(decode_text(data).text)


class MarkdownFile(TextFile):
    """Markdown files, the text as it is; the first heading is the title."""

    name: ClassVar[str] = "md"

    def _fill(self, row: Row, data: bytes) -> None:
        super()._fill(row, data)
        row.read__mime = "text/markdown"
        row.title = first_heading(row.text) if row.text else None


_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HASHES = re.compile(r" {0,3}#{1,6}[ \t]")
_UNDERLINE = re.compile(r" {0,3}(?:=+|--+)")


def first_heading(text: str, limit: int = 64_000) -> str | None:
    """The first heading, `# so` or underlined, outside code blocks; None if there is none early on."""
    above = ""
    for line in _outside_code(text[:limit].split("\n")):
        bare = line.rstrip(" \t\r")
        if _HASHES.match(line) and (title := bare.strip(" \t#")):
            return title
        if above and _UNDERLINE.fullmatch(bare):
            return above
        above = "" if line.startswith("    ") else bare.strip(" \t")
    return None


def _outside_code(lines: list[str]) -> Iterator[str]:
    """Lines outside fenced blocks; an empty one stands for a block, so that nothing is underlined across it."""
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            closes = mark is not None and mark[1].startswith(fence) and not line.strip(" \t\r`~")
            fence = "" if closes else fence
        elif mark:
            fence = mark[1]
            yield ""
        else:
            yield line
