"""The explicit Arrow schema of every kind of file a run writes, and the way a schema travels as JSON."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from stages.base import DOCUMENT, TURN

VERDICT = pa.schema([("rule", pa.int16()), ("gated", pa.bool_()), ("reason", pa.string())])

# Why a document was taken out of measuring, and the stage at work; null for almost all.
WORKER = pa.schema([("worker__error", pa.string()), ("worker__stage", pa.string())])

PLAIN_SIGNALS = ("extract_confidence",)  # those whose names are not <stage>__<signal>

# The id of the page that is read in the place of one received more than once; only in runs that compare pages.
REPEATS = pa.schema([("pages__read_instead", pa.string())])

LEDGER = pa.schema(
    [
        ("id", pa.string()),
        ("record_key", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("action", pa.string()),
        ("column", pa.string()),
        ("value_num", pa.float64()),
        ("value_str", pa.string()),
        ("threshold", pa.string()),
        ("duplicate_of", pa.string()),
        ("via", pa.string()),
        ("similarity", pa.float32()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)

POOL = pa.schema(
    [
        ("id", pa.string()),
        ("record_key", pa.string()),
        ("kind", pa.string()),
        ("source", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.timestamp("us", "UTC")),
        ("title", pa.string()),
        ("text", pa.string()),
        ("messages", TURN),
        ("chosen", TURN),
        ("rejected", TURN),
        ("language", pa.string()),
        ("script", pa.string()),
        ("language_score", pa.float32()),
        ("quality_score", pa.float32()),
        ("cluster", pa.string()),
        ("cluster_size", pa.int32()),
        ("split", pa.string()),
        ("license", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("n_chars", pa.int32()),
        ("n_bytes", pa.int32()),
        ("content_hash", pa.string()),
    ]
)

_TYPES = {
    str(t): t
    for t in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.timestamp("us", "UTC"), TURN),
        *(pa.list_(t) for t in (pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.string())),
    )
}


def schema_json(schema: Iterable[pa.Field]) -> list[list[str]]:
    """[name, type] pairs. Raises KeyError for a type no file of ours may hold."""
    return [[f.name, str(_TYPES[str(f.type)])] for f in schema]


def stored_schema(fields: list[list[str]]) -> pa.Schema:
    return pa.schema([(name, _TYPES[kind]) for name, kind in fields])


def pool_schema(extra: Iterable[pa.Field]) -> pa.Schema:
    """The frozen columns first, then every signal, by name."""
    known = {*POOL.names, *DOCUMENT.names, *WORKER.names, *REPEATS.names}
    signals = {f.name: f for f in extra if ("__" in f.name or f.name in PLAIN_SIGNALS) and f.name not in known}
    inputs = {f.name: f for f in extra if f.name.startswith("input_")}
    read = [f for f in DOCUMENT if f.name in ("read__status", "read__mime")]
    drawn = pa.field("split__draw", pa.float64())
    return pa.schema([*POOL, *sorted([*read, drawn, *signals.values(), *inputs.values()], key=lambda f: str(f.name))])


def columns_of(schema: pa.Schema) -> dict[str, Any]:
    return dict(zip(schema.names, schema.types, strict=True))
