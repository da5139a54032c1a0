"""`exact` of `dedupe:`: copies by content hash."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.base import Barrier, BatchFn, Context, local
from stages.dedupe_keepers import (
    RANKING,
    READS,
    Against,
    Prefer,
    Rows,
    Scope,
    best_of_group,
    earlier_first,
    is_earlier,
    no_verdicts,
    ranking_columns,
    ranks,
    scope_column,
    smallest_ids,
    verdicts,
)

NOT_BLANK = (
    r"[^\s\v\x{85}\pZ]"  # anything but white space; a match that, unlike Arrow's own, does not fail on broken UTF-8
)

EXACT_SKETCH = pa.schema(
    [
        ("partition", pa.uint64()),  # first half of the content hash
        ("handle", pa.int64()),
        ("content", pa.uint64()),  # second half
        ("record_key", pa.string()),
        *RANKING,
    ]
)


class Exact(Barrier):
    """Find documents with the same text, byte for byte, and keep one of each.

    A copy whose record_key equals the keeper's is the same record read twice (kind `record`), any other is `exact`.
    Empty and blank texts are never copies of each other.
    """

    name: ClassVar[str] = "exact"
    version: ClassVar[int] = 1

    scope: Scope = "global"
    prefer: Prefer = ("quality_score", "newest", "id")
    against: Against = local(())

    @property
    def reads(self) -> pa.Schema:
        return READS

    def sketch(self, ctx: Context) -> BatchFn:
        from dedup.hashing import content_hashes

        def hash_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
            hashes = content_hashes(batch["text"], scope_column(batch, self.scope))
            found = {"partition": hashes[:, 0], "content": hashes[:, 1], **ranking_columns(batch)}
            found |= {"handle": batch["handle"], "record_key": batch["record_key"]}
            rows = pa.RecordBatch.from_pydict(found, schema=EXACT_SKETCH)
            return rows.filter(pc.fill_null(pc.match_substring_regex(batch["text"], NOT_BLANK), False))

        return hash_texts

    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        part = _with_copies(part)
        if part.num_rows == 0:
            return no_verdicts()
        group = _groups(part)
        rows = np.arange(part.num_rows)
        earlier = is_earlier(part["handle"].to_numpy())
        keeper = best_of_group(earlier_first(ranks(part, self.prefer), earlier), group)
        ids, keys = part["id"].combine_chunks(), part["record_key"].combine_chunks()
        same_record = pc.fill_null(pc.equal(keys, keys.take(pa.array(keeper))), False)
        ones = np.ones(part.num_rows)
        smallest = smallest_ids(ids, group)
        told = verdicts(
            part["handle"].combine_chunks(),
            ids,
            kind=pc.if_else(same_record, "record", "exact"),
            keeper=keeper,
            via=np.where(keeper == rows, -1, keeper),
            similarity=ones,
            keeper_similarity=ones,
            cluster=smallest,
            cluster_size=np.bincount(group, minlength=part.num_rows)[group],
            loose_cluster=smallest,
        )
        return told.filter(pa.array(~earlier))

    def combine(self, ctx: Context, parts: pa.Table) -> pa.Table:
        return parts.sort_by("handle") if parts.num_rows else no_verdicts()


def _with_copies(part: pa.Table) -> pa.Table:
    """The rows whose content occurs more than once, rows of one content side by side."""
    first, second = (part[name].to_numpy() for name in ("partition", "content"))
    order = np.lexsort((second, first))
    same = (first[order][1:] == first[order][:-1]) & (second[order][1:] == second[order][:-1])
    company = np.zeros(part.num_rows, np.bool_)
    company[1:] |= same
    company[:-1] |= same
    return part.take(pa.array(order[company]))


def _groups(part: pa.Table) -> Rows:
    """For every row of a table sorted by content: the first row of its content."""
    first, second = (part[name].to_numpy() for name in ("partition", "content"))
    fresh = np.ones(part.num_rows, np.bool_)
    fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return np.asarray(np.flatnonzero(fresh)[np.cumsum(fresh) - 1])
