"""Whole Parquet files and ranges of their rows, read without pyarrow.dataset: that loads pandas where it is installed,
half a second of every process."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read_whole(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """One file: the named columns, else all."""
    with pq.ParquetFile(path) as file:
        return file.read(None if names is None else list(names))


def read_between(path: Path, column: str, low: int, high: int, names: Sequence[str] | None = None) -> pa.Table:
    """Rows with low <= `column` < high, a column of whole numbers without nulls, in the file's order.

    Row groups that can hold none are not read.
    """
    with pq.ParquetFile(path) as file:
        groups = groups_between(file, column, low, high)
        table = file.read_row_groups(groups, None if names is None else list(dict.fromkeys([column, *names])))
    values = table.column(column).to_numpy()
    table = table.filter(pa.array((values >= low) & (values < high)))
    return table if names is None else table.select(list(names))


def groups_between(file: pq.ParquetFile, column: str, low: int, high: int) -> list[int]:
    """Numbers of the row groups that may have values in [low, high), by their statistics."""
    paths = [file.metadata.schema.column(n).path for n in range(file.metadata.num_columns)]
    at, found = paths.index(column), []
    for group in range(file.num_row_groups):
        known = file.metadata.row_group(group).column(at).statistics
        if known is None or not known.has_min_max or (known.max >= low and known.min < high):
            found.append(group)
    return found
