"""Rows of Parquet files and of finished runs as documents."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Any, ClassVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field

from filters.rule import Rule
from stages.base import Context, Slice, Source
from stages.parquet_pages import Chunk, Page, chunks, pages
from stages.read_fields import Fields, check_columns
from stages.read_input import open_binary
from stages.read_reasons import read_rules
from stages.read_rows import BATCH_BYTES, Identity, Row, batches

Columns = Annotated[dict[str, str], AfterValidator(check_columns)]
READ_ROWS = 256  # rows decoded at a time at most
BOMB_PAGES = 128 << 20  # bytes that the pages of a row group hold at a time; honest writers cut pages at 1 MiB, or ...
MOST_PAGES = 1 << 30  # ... at 1,024 rows, which may be books
BOMB_RATIO = 100  # of unpacked to stored bytes; text shrinks to a fifth
REPEATED = 64 << 20  # bytes of rows decoded at a time, were each of them all of the dictionary
BOMB_TEXT = 16 << 30  # bytes that rows of values from a dictionary come to, and ...
BOMB_REPEATS = 1_000  # ... times the size of the file: boilerplate repeats, but not without end
BOMB_ROWS = 1_000_000  # rows of a group; a document takes more than a byte of its file
VALUE_BYTES = 32  # that pyarrow needs for a value of a dictionary beside its letters
POOL_COLUMNS = (
    *("text", "url", "date", "title", "id", "license", "dump", "language"),
    *("kind", "messages", "chosen", "rejected"),
)
ODD = (ValueError, OverflowError, LookupError, NotImplementedError)  # cells without a Python value: text, dates, zones
DAMAGE = (pa.ArrowException, OSError, ValueError)  # what pyarrow raises for bytes it cannot make sense of


def raise_if_storage(error: Exception) -> None:
    """pyarrow calls damage OSError too; only the operating system's errors have a number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


class Parquet(Source):
    """Every row of a Parquet file. A slice holds the row groups that begin in it: files are cut between row groups."""

    name: ClassVar[str] = "parquet"
    version: ClassVar[int] = 3
    packages: ClassVar[tuple[str, ...]] = ("chardet", "resiliparse")
    counts_rows: ClassVar[bool] = True

    columns: Columns = Field(default_factory=dict)  # our name -> their field

    @property
    def fields(self) -> Fields:
        return Fields(self.columns)

    @property
    def schema(self) -> pa.Schema:
        return self.fields.schema

    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        if size <= limit:
            return [(0, size)]
        with open_binary(location) as file:
            try:
                starts = [start for start, _, _ in row_groups(pq.ParquetFile(file), size)]
            except DAMAGE as error:
                raise_if_storage(error)
                return [(0, size)]
        kept = [0]
        for start in starts[1:]:
            if start - kept[-1] >= limit:
                kept.append(start)
        return list(zip(kept, [*kept[1:], size], strict=True))

    def next_cut(self, location: str, size: int, start: int, offset: int | None) -> int:
        """The next row group, behind the one that holds the row `offset`."""
        with open_binary(location) as file:
            groups = row_groups(pq.ParquetFile(file), size)
        return next((place for place, first, _ in groups if place > start and first > (offset or 0)), size)

    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]:
        yield from batches(self._rows(ctx, piece), ctx, piece, self.schema)

    def _rows(self, ctx: Context, piece: Slice) -> Iterator[Row]:
        identity = Identity(piece)
        with open_binary(piece.location) as file:
            try:
                table = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
            except DAMAGE as error:
                raise_if_storage(error)
                ctx.counters["bytes_read"] += piece.end - piece.start
                yield _lost(identity, 0, piece.size, "damaged")
                return
            held = Held(file, piece.size)
            for number, (start, first, size) in enumerate(row_groups(table, piece.size)):
                if piece.start <= start < piece.end:
                    ctx.counters["bytes_read"] += size
                    yield from self._group(table, number, first, identity, held)

    def _group(self, table: pq.ParquetFile, number: int, first: int, identity: Identity, held: "Held") -> Iterator[Row]:
        """Rows of one row group; from where it cannot be decoded, one row that says so."""
        fields, group = self.fields, table.metadata.row_group(number)
        have = set(table.schema_arrow.names)
        wanted = list(dict.fromkeys(top for name in fields.wanted if (top := _top_level(name, have))))
        rows = max(1, min(READ_ROWS, BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
        at = first
        try:
            refusal, largest = held.judge(number, group.num_rows, wanted)
            if refusal:
                yield _lost(identity, at, group.total_byte_size, refusal, number)
                return
            rows = max(1, min(rows, REPEATED // max(1, largest)))
            for batch in table.iter_batches(rows, row_groups=[number], columns=wanted):
                for values in rows_of(batch):
                    yield fields.fill(Row(identity.of(at), at, None, 0), values)
                    at += 1
        except DAMAGE as error:
            raise_if_storage(error)
            yield _lost(identity, at, group.total_byte_size, "damaged", number)

    def rules(self) -> tuple[Rule, ...]:
        return read_rules()


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows as dictionaries. A cell that Python has no value for is null, a string that is no UTF-8 its bytes."""
    try:
        return cast(list[dict[str, Any]], batch.to_pylist())
    except ODD:
        columns = {name: _cells(batch.column(name)) for name in batch.schema.names}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _cells(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [_text_or_bytes(value) for value in column.cast(pa.large_binary()).to_pylist()]
    return [_cell(column, at) for at in range(len(column))]


def _text_or_bytes(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _cell(column: pa.Array, at: int) -> Any:
    try:
        return column[at].as_py()
    except ODD:
        return None


def _top_level(name: str, have: set[str]) -> str:
    """The column to read for a field: itself, or the one a dotted path begins with; empty if the file has neither."""
    return name if name in have else next((c for c in (name.split(".", 1)[0],) if c in have), "")


def row_groups(table: pq.ParquetFile, size: int) -> list[tuple[int, int, int]]:
    """(place in a file of `size` bytes, number of the first row, bytes) of every row group, the places in proportion.

    Column metadata knows exact places, but a false one ends the whole process (pyarrow 24, an exception that nothing
    takes: "Repetition level histogram size mismatch"), so none is touched.
    """
    groups = [table.metadata.row_group(n) for n in range(table.metadata.num_row_groups)]
    weights = [max(1, group.total_byte_size) for group in groups]
    places = [size * before // max(1, sum(weights)) for before in accumulate(weights, initial=0)]
    rows = accumulate((max(0, group.num_rows) for group in groups), initial=0)
    return [(a, first, b - a) for (a, b), first in zip(pairwise(places), rows, strict=False)]


def _lost(identity: Identity, at: int, size: int, why: str, group: int = 0) -> Row:
    """What is lost of a row group; of two that claim no rows, too, each has an id of its own."""
    row = Row(identity.of(at, 1 + group), at, None, max(0, size))
    row.record_key, row.read__error = row.id, why
    return row


class Held:
    """What reading the row groups of a file would hold in memory, by its pages."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size = file, size

    @cached_property
    def _groups(self) -> list[list[Chunk]]:
        return chunks(self._file, self._size)

    def judge(self, number: int, rows: int, wanted: Sequence[str]) -> tuple[str, int]:
        """(why the group must not be read, or nothing; bytes of its largest dictionary). Raises ValueError on damage."""
        if rows > max(BOMB_ROWS, self._size):
            return "bomb", 0
        packed = held = largest = text = 0
        for chunk in self._groups[number]:
            if chunk.column in wanted:
                found = list(pages(self._file, chunk))
                dictionary = sum(_memory_of(page) for page in found if page.is_dictionary)
                packed += max((page.packed for page in found), default=0)
                held += dictionary + max((page.size for page in found if not page.is_dictionary), default=0)
                largest = max(largest, dictionary)
                text += rows * max(
                    (page.size // max(1, page.values) for page in found if page.is_dictionary), default=0
                )
        if text > max(BOMB_TEXT, BOMB_REPEATS * self._size):
            return "bomb", largest
        if held > MOST_PAGES:
            return "too_big", largest
        return "bomb" if held > BOMB_PAGES and held > BOMB_RATIO * packed else "", largest


def _memory_of(dictionary: Page) -> int:
    return dictionary.size + VALUE_BYTES * dictionary.values


class Run(Parquet):
    """The pool of a finished run: its documents again, under new ids, found by their old ones as `record_key`."""

    name: ClassVar[str] = "run"

    columns: Columns = Field(default_factory=lambda: {name: name for name in POOL_COLUMNS})

    @property
    def fields(self) -> Fields:
        return Fields(self.columns, chat=True)
