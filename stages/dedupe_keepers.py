"""Which copy stays, and how a verdict is written down."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, BeforeValidator

from stages.base import VERDICTS, columns

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Scope = Literal["global", "source", "dump"]
Preference = Literal["quality_score", "newest", "longest", "id"]

# What deduplicating barriers are handed; quality_score is all null in a run that measures none.
READS = columns(
    id=pa.string(),
    record_key=pa.string(),
    text=pa.string(),
    source=pa.string(),
    dump=pa.string(),
    date=pa.timestamp("us", "UTC"),
    quality_score=pa.float32(),
)
# What a sketch carries of a document so that copies can be ranked without their texts.
RANKING = columns(id=pa.string(), quality_score=pa.float32(), date=pa.timestamp("us", "UTC"), n_chars=pa.int64())

# Documents of an earlier corpus have handles from here on: 2^30 units beyond any a run has itself.
EARLIER = 1 << 62

_ORDER: dict[str, tuple[str, str]] = {
    "quality_score": ("quality_score", "descending"),
    "newest": ("date", "descending"),
    "longest": ("n_chars", "descending"),
    "id": ("id", "ascending"),
}


def _each_once_id_last(prefer: tuple[Preference, ...]) -> tuple[Preference, ...]:
    if len(set(prefer)) < len(prefer):
        raise ValueError(f"prefer names a criterion twice: {', '.join(prefer)}")
    if "id" in prefer[:-1]:
        raise ValueError("prefer: nothing can follow `id`, which leaves no tie")
    return prefer


# Most wanted first; ties fall to the next one, the last tie to the smallest id. Missing values come last.
Prefer = Annotated[tuple[Preference, ...], AfterValidator(_each_once_id_last)]


# Earlier corpora: directories of finished runs, or `parquet:PATTERN`.
Against = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


def ranking_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """RANKING of a batch of READS."""
    return {
        "id": batch["id"],
        "quality_score": batch["quality_score"],
        "date": batch["date"],
        "n_chars": pc.utf8_length(batch["text"]).cast(pa.int64()),
    }


def ranks(table: pa.Table, prefer: Prefer) -> Rows:
    """Place of every row of RANKING in the order of `prefer`, 0 = the one to keep: (n,) int64, no ties."""
    score = table["quality_score"]
    table = table.set_column(
        table.schema.get_field_index("quality_score"), "quality_score", pc.if_else(pc.is_nan(score), None, score)
    )
    keys = [(*_ORDER[p], "at_end") for p in dict.fromkeys((*prefer, "id"))]
    return _places(pc.sort_indices(table, sort_keys=keys))


def is_earlier(handles: Rows) -> npt.NDArray[np.bool_]:
    """Which handles are of documents of an earlier corpus: they stay, and are not compared among themselves."""
    return np.asarray(handles >= EARLIER)


def earlier_first(rank: Rows, earlier: npt.NDArray[np.bool_]) -> Rows:
    """The same order among the earlier documents and among the others, all of the former first."""
    return _places(np.lexsort((rank, ~earlier)))


def bridges(group: Rows, earlier: npt.NDArray[np.bool_]) -> int:
    """Earlier documents beyond the first of each group: in one run with the new ones all but one would have gone."""
    return int(np.count_nonzero(earlier) - len(np.unique(group[earlier])))


def scope_column(batch: pa.RecordBatch, scope: Scope) -> pa.Array | None:
    """The names within which copies are looked for; None = everywhere."""
    return None if scope == "global" else batch[scope]


def smallest_ids(ids: pa.Array, group: Rows) -> Rows:
    """For every row, the row that has the smallest id of its group: (n,) int64. `group` holds row numbers."""
    return best_of_group(_places(pc.sort_indices(ids)), group)


def best_of_group(rank: Rows, group: Rows) -> Rows:
    """For every row, the row of its group that has the smallest rank: (n,) int64. Ranks are 0..n-1, each once."""
    best = np.full(len(rank), len(rank), np.int64)
    np.minimum.at(best, group, rank)
    return np.asarray(np.argsort(rank)[best[group]])


def _places(order: Any) -> Rows:
    """The inverse of a sort order: the place of every row."""
    places = np.empty(len(order), np.int64)
    places[np.asarray(order)] = np.arange(len(order))
    return places


def verdicts(
    handles: pa.Array,
    ids: pa.Array,
    *,
    kind: pa.Array,
    keeper: Rows,
    via: Rows,
    similarity: Floats,
    keeper_similarity: Floats,
    cluster: Rows,
    cluster_size: Rows,
    loose_cluster: Rows,
) -> pa.Table:
    """VERDICTS of n rows; every document is named by its row number, via = -1 for a survivor."""
    kept = via < 0
    arrays = [
        handles,
        ids,
        pa.array(~kept),
        pc.if_else(pa.array(kept), None, kind),
        ids.take(pa.array(keeper)),
        ids.take(pa.array(via, mask=kept)),
        pa.array(_not_below(similarity), mask=kept),
        pa.array(keeper_similarity.astype(np.float32), mask=kept),
        ids.take(pa.array(cluster)),
        pa.array(cluster_size, pa.int32()),
        ids.take(pa.array(loose_cluster)),
    ]
    return pa.table(arrays, schema=VERDICTS)


def _not_below(exact: Floats) -> npt.NDArray[Any]:
    """As float32, rounded up: a link that met the threshold exactly must not seem to miss it."""
    rounded = exact.astype(np.float32)
    return np.where(rounded < exact, np.nextafter(rounded, np.float32(2)), rounded)


def no_verdicts() -> pa.Table:
    return VERDICTS.empty_table()
