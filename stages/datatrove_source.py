"""Files read by a reader of datatrove, as documents. Every record becomes a row, also those that datatrove leaves out."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator

from filters.rule import Rule
from stages.base import Context, Slice, Source
from stages.datatrove_blocks import READERS, arguments, check_settings, find, load
from stages.read_fields import Fields
from stages.read_input import open_binary
from stages.read_reasons import read_rules
from stages.read_rows import Identity, Row, batches
from stages.tables import Columns

MAX_FIELD = 64 << 20  # characters of a CSV field; the csv module's own limit of 131,072 is less than a long document
# Which files, how many, in which order, and code: the recipe and the run decide that.
_OURS = frozenset(
    "data_folder paths_file limit skip adapter default_metadata file_progress doc_progress recursive glob_pattern "
    "shuffle_files add_file_path".split()
)


@dataclass(slots=True)
class _Record:
    """What a reader made of one record: datatrove's `text`, `id` and `metadata`."""

    values: dict[str, Any]

    def flat(self) -> dict[str, Any]:
        """Metadata beside text and id, as `columns:` names them."""
        metadata = self.values.get("metadata") or {}
        return {**metadata, "text": self.values.get("text"), "id": self.values.get("id")}


class DatatroveReader(Source):
    """Every record of a file as one of datatrove's readers understands it. A file is one slice.

    reader: class name of the reader; docs/how-to/datatrove.md lists them.
    settings: the reader's own parameters that say how a record is read, such as text_key and id_key.
    """

    name: ClassVar[str] = "datatrove"
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("datatrove",)
    counts_rows: ClassVar[bool] = True

    reader: str = Field(json_schema_extra={"enum": list(READERS)})
    settings: dict[str, Any] = Field(default_factory=dict)
    columns: Columns = Field(default_factory=dict)  # our name -> their field

    @model_validator(mode="after")
    def _sound(self) -> Self:
        check_settings(load(self.reader, find(READERS, self.reader)), self.settings, _OURS)
        return self

    @property
    def schema(self) -> pa.Schema:
        return Fields(self.columns).schema

    def measure_config(self) -> dict[str, Any]:
        """Also the packages that the reader needs beside datatrove."""
        config, needs = super().measure_config(), find(READERS, self.reader).needs
        return {**config, "packages": config["packages"] | {one: importlib.metadata.version(one) for one in needs}}

    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        return [(0, size)]

    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]:
        open_binary(piece.location).close()  # a file that is not there is the storage's failure, not a damaged one
        ctx.counters["bytes_read"] += piece.size
        yield from batches(self._rows(piece), ctx, piece, self.schema)

    def _rows(self, piece: Slice) -> Iterator[Row]:
        identity, fields, at = Identity(piece), Fields(self.columns), 0
        try:
            for record in self._records(piece.location):
                yield _row(identity, fields, at, record)
                at += 1
        except MemoryError:
            raise
        except Exception as error:  # whatever a reader does with bytes it did not expect
            if isinstance(error, OSError) and error.errno is not None:
                raise
            row = Row(identity.of(at, 1), at, None, 0)
            row.record_key, row.read__error = row.id, "damaged"  # from here to the end of the file
            yield row

    def _records(self, location: str) -> Iterator["_Record | bytes"]:
        """What the reader makes of each record, in order; the bytes of a line it can make nothing of."""
        folder, _, name = location.rpartition("/")
        made = load(self.reader, find(READERS, self.reader))
        reader = made(data_folder=folder or ".", **arguments(self.settings))
        reader.get_document_from_dict = lambda data, path, place: _Record(reader.adapter(data, path, place))
        with _long_fields(), _without_warnings():
            yield from _line_by_line(reader, name) if self.reader == "JsonlReader" else reader.read_file(name)

    def rules(self) -> tuple[Rule, ...]:
        return read_rules()


def _row(identity: Identity, fields: Fields, at: int, record: "_Record | bytes") -> Row:
    if isinstance(record, bytes):
        row = Row(identity.of(at, 1), at, None, len(record))
        row.record_key, row.read__error = row.id, "bad_json"
        return row
    return fields.fill(Row(identity.of(at), at, None, 0), record.flat())


class _OneLine:
    """Stands where a reader has its folder, and gives it a file of one line."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    @contextmanager
    def open(self, *given: Any, **options: Any) -> Iterator[list[bytes]]:
        yield [self._line]


def _line_by_line(reader: Any, name: str) -> Iterator["_Record | bytes"]:
    """JsonlReader on each line by itself: on a whole file it leaves out what is no JSON, and ends at the first line that
    is no object or no UTF-8."""
    with reader.data_folder.open(name, "rb", compression=reader.compression) as file:
        for number, line in enumerate(file):
            if line.strip():
                yield _only(reader, name, number, line)


def _only(reader: Any, name: str, number: int, line: bytes) -> "_Record | bytes":
    reader.data_folder = _OneLine(line)
    reader.get_document_from_dict = lambda data, path, _: _Record(reader.adapter(data, path, number))
    try:
        return next(iter(reader.read_file(name)), line)
    except MemoryError:
        raise
    except Exception:
        return line


@contextmanager
def _without_warnings() -> Iterator[None]:
    """datatrove writes a line of log for each record it leaves out; here each one is a row."""
    from loguru import logger

    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")


@contextmanager
def _long_fields() -> Iterator[None]:
    import csv

    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
