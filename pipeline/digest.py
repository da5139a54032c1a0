"""Hashes: of settings (canonical JSON), of files, and of Arrow values whatever their batches and encodings."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def canonical(value: Any) -> bytes:
    """One spelling per JSON value: sorted keys, no spaces, no NaN. Raises ValueError on what has no stable form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def key_of(value: Any) -> str:
    """Identity of a JSON value: 32 hex characters."""
    return hashlib.blake2b(canonical(value), digest_size=16).hexdigest()


def sealed(value: dict[str, Any]) -> dict[str, Any]:
    """The object with its own hash under `check`."""
    return value | {"check": key_of(value)}


def unsealed(value: Any) -> dict[str, Any] | None:
    """The object without its hash; None if it has none, or not the right one."""
    if not isinstance(value, dict):
        return None
    rest = {k: v for k, v in value.items() if k != "check"}
    return rest if value.get("check") == key_of(rest) else None


def file_sha256(path: Path | str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class DataDigest:
    """sha256 over Arrow values: the same rows give the same digest for any batch split, offset or dictionary encoding."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [_ColumnDigest(field.type) for field in schema]
        self.rows = 0

    def update(self, batch: pa.RecordBatch | pa.Table) -> None:
        self.rows += batch.num_rows
        for name, column in zip(self._schema.names, self._columns, strict=True):
            values = batch.column(name)
            for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                column.update(chunk)

    def hexdigest(self) -> str:
        parts = [[f.name, str(f.type), c.hexdigest()] for f, c in zip(self._schema, self._columns, strict=True)]
        return hashlib.sha256(canonical([self.rows, parts])).hexdigest()


class _ColumnDigest:
    """Validity, lengths and values go into hashers of their own, so that chunk borders leave no trace."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._valid = hashlib.sha256()
        self._lengths = hashlib.sha256()
        self._values = hashlib.sha256()
        self._children: list[_ColumnDigest] = []
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._children = [_ColumnDigest(kind.value_type)]
        elif pa.types.is_struct(kind):
            self._children = [_ColumnDigest(kind.field(i).type) for i in range(kind.num_fields)]

    def update(self, array: pa.Array) -> None:
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        self._valid.update(memoryview(pc.is_valid(array).cast(pa.uint8()).buffers()[1])[: len(array)])
        if pa.types.is_struct(self._kind):
            for child, values in zip(self._children, array.flatten(), strict=True):
                child.update(values)
        elif self._children:
            self._hash_numbers(self._lengths, pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64()))
            self._children[0].update(array.flatten())
        elif _is_bytes(self._kind):
            self._hash_numbers(self._lengths, pc.fill_null(pc.binary_length(array), 0).cast(pa.int64()))
            self._values.update(_joined(array))
        elif not pa.types.is_null(self._kind):
            self._hash_numbers(self._values, _numbers(array))

    @staticmethod
    def _hash_numbers(hasher: Any, array: pa.Array) -> None:
        width = array.type.bit_width // 8
        hasher.update(memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width])

    def hexdigest(self) -> str:
        parts = [self._valid.hexdigest(), self._lengths.hexdigest(), self._values.hexdigest()]
        return hashlib.sha256(canonical(parts + [c.hexdigest() for c in self._children])).hexdigest()


def _is_bytes(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def _joined(array: pa.Array) -> memoryview:
    """The bytes of all values, one after the other; nulls add none."""
    filled = pc.fill_null(array.cast(pa.large_binary()), b"")
    offsets = pa.Array.from_buffers(pa.int64(), len(filled) + 1, [None, filled.buffers()[1]], offset=filled.offset)
    first, last = offsets[0].as_py(), offsets[len(filled)].as_py()
    data = filled.buffers()[2]
    return memoryview(data)[first:last] if data is not None else memoryview(b"")


def _numbers(array: pa.Array) -> pa.Array:
    """Fixed-width values with nulls as zero; NaNs and minus zero keep their bits."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return pc.fill_null(array, pa.scalar(0, array.type))


def digest_table(table: pa.Table | pa.RecordBatch) -> str:
    digest = DataDigest(table.schema)
    digest.update(table)
    return digest.hexdigest()
