"""What every stage, source and barrier promises. Arrow in, Arrow out; nothing here knows files of the run."""

import functools
import hashlib
import importlib.metadata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.rule import Rule

BatchFn = Callable[[pa.RecordBatch], pa.RecordBatch]

TURN = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

# What a Source fills. `html`, `charset` are carried inside the first pass and never stored.
DOCUMENT = pa.schema(
    [
        ("id", pa.string()),  # 32 hex, unique by construction
        ("record_key", pa.string()),  # the outside name: WARC-Record-ID, a row's own id
        ("kind", pa.string()),  # text | chat | preference
        ("source", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.timestamp("us", "UTC")),
        ("title", pa.string()),
        ("text", pa.string()),
        ("messages", TURN),
        ("chosen", TURN),
        ("rejected", TURN),
        ("license", pa.string()),
        ("file", pa.string()),  # relative to the glob's root
        ("offset", pa.int64()),  # byte offset of the record, or row number
        ("length", pa.int64()),  # bytes the record takes in its file; null for rows
        ("payload_bytes", pa.int64()),  # what the balance counts in bytes
        ("read__status", pa.int16()),  # HTTP status
        ("read__mime", pa.string()),
        ("read__drop", pa.string()),  # reason a sound record is no document: status, not_html, revisit, ...
        ("read__error", pa.string()),  # reason a record is quarantined: truncated, bad_chunking, ...
    ]
)
TRANSIENT = pa.schema([("html", pa.large_binary()), ("charset", pa.string())])


def threshold(default: Any, **limits: Any) -> Any:
    """A field that only rules read: it enters the verdict key, not the measure key."""
    return Field(default, json_schema_extra={"threshold": True}, **limits)


def local(default: Any = ..., **limits: Any) -> Any:
    """A field that names a place on this machine: it enters no key."""
    return Field(default, json_schema_extra={"local": True}, **limits)


def columns(**types: pa.DataType) -> pa.Schema:
    """A schema from keyword arguments, in order."""
    return pa.schema(list(types.items()))


@functools.cache
def package_version(name: str) -> str:
    """Of an installed package; reading it takes longer than one would think."""
    return importlib.metadata.version(name)


class Configured(BaseModel):
    """Frozen, validated, JSON-stable settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(pa.Schema,))

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()

    def measure_config(self) -> dict[str, Any]:
        """All that changes what is measured, as plain JSON: settings, version, package versions; no thresholds, no places."""
        versions = {p: package_version(p) for p in sorted(self.packages)}
        return {"name": self.name, "version": self.version, "settings": measured(self), "packages": versions}


def measured(model: BaseModel) -> dict[str, Any]:
    """The fields of a model as plain JSON, without those marked `threshold` or `local`, at any depth."""
    plain = model.model_dump(mode="json")
    for name, info in type(model).model_fields.items():
        inner = getattr(model, name)
        if _marked(info, "threshold") or _marked(info, "local"):
            del plain[name]
        else:
            plain[name] = _measured_inside(inner, plain[name])
    return plain


def _measured_inside(inner: Any, plain: Any) -> Any:
    if isinstance(inner, BaseModel):
        return measured(inner)
    if isinstance(inner, dict):
        return {k: _measured_inside(inner[k], v) for k, v in plain.items()}
    if isinstance(inner, tuple | list):
        return [_measured_inside(one, v) for one, v in zip(inner, plain, strict=True)]
    return plain


def _marked(info: Any, mark: str) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(mark))


class ModelFile(BaseModel):
    """A model on disk. The sha256 is its identity, the path only where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = local()
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """The file at a path, hashed now. Raises ValueError where it cannot be read."""
        try:
            return cls(path=str(path), sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest())
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from None


@dataclass
class Context:
    """What a stage, source or barrier is handed when it opens: the seed, the artifacts it needs, counters of work done.

    scratch: a directory for what does not fit into memory; emptied by whoever gave it. None = the system's own.
    batch_rows: of the batches a source makes, at most.
    """

    seed: int = 0
    scratch: Path | None = None
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    batch_rows: int = 1_000


class Stage(Configured, ABC):
    """Adds columns to documents. Sees only `reads`, returns only `adds` and `replaces`, never drops a row."""

    @property
    @abstractmethod
    def reads(self) -> pa.Schema: ...

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([])

    @property
    def replaces(self) -> pa.Schema:
        return pa.schema([])

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of artifacts that must exist before this stage opens."""
        return ()

    @abstractmethod
    def open(self, ctx: Context) -> BatchFn:
        """Load models once per worker; return the function that maps a batch of `reads` to `adds` + `replaces`."""

    def rules(self) -> tuple[Rule, ...]:
        return ()

    def expand(self) -> "tuple[Stage, ...]":
        """A stage that stands for several in a recipe (`rules`) returns them here, in order."""
        return (self,)


@dataclass(frozen=True)
class Slice:
    """A piece of one frozen input: bytes [start, end) of a file, or the whole of it. `location` is where it lies now."""

    source: str  # display name
    key: str  # identity of the source, stays when the name changes
    dump: str | None
    path: str  # relative to the glob's root, '/' separated
    location: str
    start: int
    end: int
    size: int  # of the whole file


class Source(Configured, ABC):
    """Makes documents: batches of DOCUMENT + TRANSIENT, every record of the slice as one row, in file order.

    Counts `in_documents` and `in_payload_bytes` in ctx.counters before any decision about a record is made,
    and `bytes_read`. Raises OSError only when the storage fails; whatever the bytes hold is a row.
    counts_rows: the `offset` of its documents is the number of a row, not of a byte.
    """

    counts_rows: ClassVar[bool] = False

    @property
    def schema(self) -> pa.Schema:
        """Every column `read` fills."""
        return pa.schema([*DOCUMENT, *TRANSIENT])

    @abstractmethod
    def cuts(self, location: str, size: int, limit: int) -> list[tuple[int, int]]:
        """Byte ranges of at most about `limit` bytes that can be read apart; one range where the format can't be cut."""

    def next_cut(self, location: str, size: int, start: int, offset: int | None) -> int:
        """The first place behind `start`, and behind the record at `offset`, where a slice may begin; `size` if none."""
        return size

    @abstractmethod
    def read(self, ctx: Context, piece: Slice) -> Iterator[pa.RecordBatch]: ...

    def rules(self) -> tuple[Rule, ...]:
        return ()


class Barrier(Configured, ABC):
    """What needs other documents: sketch each unit, partition by key, reduce each partition, combine into an Artifact."""

    @property
    @abstractmethod
    def reads(self) -> pa.Schema: ...

    @property
    def needs(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def sketch(self, ctx: Context) -> BatchFn:
        """Rows of `reads` + `handle` int64 -> any number of rows with a `partition` uint64 column; never whole texts."""

    @abstractmethod
    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        """One partition (every sketch row whose `partition` falls into it, sorted by unit). Any order of units gives the same table."""

    def combine(self, ctx: Context, parts: pa.Table) -> pa.Table:
        """All reduced parts, concatenated in partition order, into the artifact's table."""
        return parts

    def reduce_in_pieces(self, ctx: Context, pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """`reduce` of a partition that comes, and may leave, piece by piece: for barriers whose partitions can outgrow memory.

        pieces: at least one table, possibly of no rows; in order of handles but for rows of one unit.
        """
        whole = pa.concat_tables(pieces)
        yield self.reduce(ctx, whole.sort_by([("handle", "ascending"), ("partition", "ascending")]).combine_chunks())

    def combine_in_pieces(self, ctx: Context, parts: Sequence[Path]) -> Iterator[pa.Table]:
        """`combine` of Parquet files, one per partition; a table with handles leaves sorted by them."""
        from stages.parquet_files import read_whole

        table = self.combine(ctx, pa.concat_tables([read_whole(path) for path in parts]))
        yield table.sort_by("handle") if "handle" in table.schema.names else table


# What a deduplicating barrier's artifact holds: one row per document it has something to say about.
# keeper: handle of the survivor of the cluster (own handle = survivor). via: the verified partner that links the row
# to its keeper's cluster. similarity: Jaccard with via; keeper_similarity: Jaccard with the keeper. kind: exact | record | near.
VERDICTS = pa.schema(
    [
        ("handle", pa.int64()),
        ("id", pa.string()),
        ("removed", pa.bool_()),
        ("kind", pa.string()),
        ("keeper_id", pa.string()),
        ("via_id", pa.string()),
        ("similarity", pa.float32()),
        ("keeper_similarity", pa.float32()),
        ("cluster", pa.string()),  # smallest id of the cluster
        ("cluster_size", pa.int32()),
        ("loose_cluster", pa.string()),  # cluster over looser links, for the train / validation split
    ]
)
