"""A stage that breaks the readers of its process, as a bug in a library below them would: some records end it."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pyarrow as pa

import stages.tables
import stages.tables_jsonl
import stages.warc
from stages.base import BatchFn, Context, Stage, columns
from tests.faults.evil import DEEDS

_DEED = re.compile(rb"READ-EVIL (\w+)")


class EvilReading(Stage):
    """From when it is opened, a record that holds `READ-EVIL <deed>` makes its reader do that deed. Adds next to nothing."""

    name: ClassVar[str] = "evil_reading"

    @property
    def reads(self) -> pa.Schema:
        return columns(text=pa.string())

    @property
    def adds(self) -> pa.Schema:
        return columns(evil_reading__nothing=pa.int64())

    def open(self, ctx: Context) -> BatchFn:
        _break(stages.tables_jsonl, "parse_object", lambda line: line)
        _break(stages.tables, "rows_of", lambda batch: "".join(batch.column("text").to_pylist()).encode())
        _break(stages.warc, "row_of", lambda record: record.data[record.begin : record.end])
        return lambda batch: pa.record_batch([pa.nulls(batch.num_rows, pa.int64())], schema=self.adds)


def _break(module: Any, name: str, bytes_of: Callable[[Any], bytes]) -> None:
    sound = getattr(module, name)

    def broken(given: Any, *more: Any) -> Any:
        if found := _DEED.search(bytes_of(given)):
            DEEDS[found[1].decode()]()
        return sound(given, *more)

    setattr(module, name, broken)
