"""Lines that stand on many pages: counted by a barrier, then all copies can be taken out.

A line of a site is boilerplate when it stands in at least `max(3, 0.1 %)` of the site's documents, a line of the web when
it stands on at least 20 sites (chinese.md); long blocks are found by windows of three lines.
"""

import json
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from stages.base import Barrier, BatchFn, Configured, Context, columns

if TYPE_CHECKING:
    from filters.boilerplate.hashes import HashedLines

LINE, WINDOW, SITE = 0, 1, 2  # what a row of a sketch counts
EVERYWHERE = 0  # in place of a site
NO_SITE = pa.scalar(EVERYWHERE, pa.uint64())
SKETCH = columns(partition=pa.uint64(), handle=pa.int64(), kind=pa.int8(), key=pa.uint64(), site=pa.uint64())
COUNTED = columns(kind=pa.int8(), key=pa.uint64(), site=pa.uint64(), documents=pa.int64(), sites=pa.int64())
REMOVED = columns(common_lines__removed_lines=pa.int32(), common_lines__removed_chars=pa.int64())
SETTINGS = "winnow.lines"  # in the metadata of a file of common lines: what they were counted with
HOST = r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?(?P<host>[^/?#:]+)"


class LineStatistics(Barrier):
    """Count in how many documents of a site, and on how many sites, a line stands; keep those that stand on many.

    A document counts once, however often it says a line. Documents without a URL belong to no site. The artifact holds
    a row per line and site (site 0 = everywhere) with both counts; `without_common_lines` takes the lines out.
    min_chars: shorter keys are no evidence. window: lines that are hashed together. allow: lines that are never taken.
    """

    name: ClassVar[str] = "line_statistics"
    version: ClassVar[int] = 1

    min_documents: int = Field(3, ge=2)
    min_share: float = Field(0.001, ge=0, le=1)  # of a site's documents
    min_sites: int = Field(20, ge=2)
    min_chars: int = Field(6, ge=1)
    window: int = Field(3, ge=2, le=8)
    allow: tuple[str, ...] = ()

    @property
    def reads(self) -> pa.Schema:
        return columns(text=pa.string(), url=pa.string())

    def sketch(self, ctx: Context) -> BatchFn:
        from filters.boilerplate.hashes import windows

        allowed = self._allowed()

        def count(batch: pa.RecordBatch) -> pa.RecordBatch:
            lines = lines_of(batch["text"])
            sites = site_hashes(batch["url"])
            long = lines.chars >= self.min_chars
            known = ~np.isin(lines.hash, allowed)
            at, several = windows(lines, self.window)
            whole = (long & known)[at].all(axis=1)
            rows = [
                _rows(batch, sites, LINE, lines.row[long & known], lines.hash[long & known]),
                _rows(batch, sites, WINDOW, lines.row[at[whole, 0]], several[whole]),
                _rows(batch, sites, SITE, np.arange(len(sites)), sites),
            ]
            return pa.Table.from_batches(rows).combine_chunks().to_batches()[0] if len(sites) else rows[0]

        return count

    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        by_site = part.group_by(["kind", "key", "site"]).aggregate([("handle", "count_distinct")])
        by_site = by_site.rename_columns(["kind", "key", "site", "documents"])
        named = by_site.filter(pc.not_equal(by_site["site"], NO_SITE))
        sites = named.group_by(["kind", "key"]).aggregate([("site", "count_distinct"), ("documents", "sum")])
        sites = sites.rename_columns(["kind", "key", "sites", "documents"])
        everywhere = sites.filter(pc.greater_equal(sites["sites"], self.min_sites))
        everywhere = everywhere.append_column("site", pa.array(np.zeros(len(everywhere), np.uint64)))
        many = pc.greater_equal(named["documents"], self.min_documents)
        known = named.filter(pc.or_(many, pc.equal(named["kind"], SITE)))
        known = known.append_column("sites", pa.array(np.ones(len(known), np.int64)))
        parts = [table.select(COUNTED.names).cast(COUNTED) for table in (everywhere, known)]
        return pa.concat_tables(parts).sort_by([(name, "ascending") for name in COUNTED.names])

    def combine(self, ctx: Context, parts: pa.Table) -> pa.Table:
        """Per site, the share of its documents decides, which no partition knows alone."""
        totals = parts.filter(pc.equal(parts["kind"], SITE)).select(["site", "documents"])
        totals = totals.rename_columns(["site", "all_documents"])
        found = parts.filter(pc.not_equal(parts["kind"], SITE)).join(totals, "site", join_type="left outer")
        share = pc.divide(pc.cast(found["documents"], pa.float64()), pc.cast(found["all_documents"], pa.float64()))
        enough = pc.or_(pc.equal(found["site"], NO_SITE), pc.fill_null(pc.greater_equal(share, self.min_share), False))
        found = found.filter(enough).select(COUNTED.names)
        return found.sort_by([(name, "ascending") for name in COUNTED.names])

    def _allowed(self) -> npt.NDArray[np.uint64]:
        return lines_of(pa.array(self.allow, pa.string())).hash


class CommonLines(Configured):
    """Takes out every copy of the lines that an artifact of LineStatistics names: of the site, or of all sites.

    A window takes all its lines. Made with the settings the artifact was counted with.
    """

    name: ClassVar[str] = "common_lines"

    min_chars: int = Field(6, ge=1)
    window: int = Field(3, ge=2, le=8)

    @classmethod
    def from_file(cls, path: str) -> BatchFn:
        """`open` of a file of `winnow fit lines`. Raises ValueError for any other file."""
        import pyarrow.parquet as pq

        try:
            common = pq.read_table(path, columns=COUNTED.names)
            counted = json.loads((common.schema.metadata or {})[SETTINGS.encode()])
        except (pa.ArrowException, KeyError, ValueError, OSError):
            raise ValueError(f"{path}: no file of common lines; `winnow fit lines` writes one") from None
        return cls(min_chars=counted["min_chars"], window=counted["window"]).open(common)

    def open(self, common: pa.Table) -> BatchFn:
        """A function of batches with `text` and `url`: text without those lines, and how much went."""
        known = {kind: _pairs(common.filter(pc.equal(common["kind"], kind))) for kind in (LINE, WINDOW)}

        def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
            lines = lines_of(batch["text"])
            sites = site_hashes(batch["url"])
            gone = self._gone(lines, sites, known)
            return _without(batch["text"], lines, gone)

        return clean

    def _gone(self, lines: "HashedLines", sites: npt.NDArray[np.uint64], known: "Known") -> npt.NDArray[np.bool_]:
        from filters.boilerplate.hashes import windows

        at, several = windows(lines, self.window)
        gone = (lines.chars >= self.min_chars) & _is_known(known[LINE], lines.hash, sites[lines.row])
        inside = at[_is_known(known[WINDOW], several, sites[lines.row[at[:, 0]]])]
        gone[inside.ravel()] = True
        return gone


Known = dict[int, npt.NDArray[np.uint64]]


def lines_of(texts: pa.Array) -> "HashedLines":
    """The lines of a string array, hashed; a null has one blank line."""
    from filters.boilerplate.hashes import hash_lines
    from filters.boilerplate.judge import buffers

    return hash_lines(*buffers(texts))


def site_hashes(urls: pa.Array) -> npt.NDArray[np.uint64]:
    """A hash of each URL's host without `www.`; EVERYWHERE where there is none."""
    import xxhash

    hosts = pc.utf8_lower(pc.extract_regex(urls, HOST).field("host")).to_pylist() if len(urls) else []
    return np.array([EVERYWHERE if not h else xxhash.xxh3_64_intdigest(h.encode()) | 1 for h in hosts], np.uint64)


def _rows(
    batch: pa.RecordBatch,
    sites: npt.NDArray[np.uint64],
    kind: int,
    row: npt.NDArray[np.int64],
    key: npt.NDArray[np.uint64],
) -> pa.RecordBatch:
    """Sketch rows of one kind, each (document, key) once."""
    pairs = np.unique(np.stack([row.astype(np.uint64), key], axis=1), axis=0)
    rows, keys = pairs[:, 0].astype(np.int64), pairs[:, 1]
    handles = np.asarray(batch["handle"].to_numpy(zero_copy_only=False))[rows]
    arrays = [keys, handles, np.full(len(keys), kind, np.int8), keys, sites[rows]]
    return pa.RecordBatch.from_arrays([pa.array(one) for one in arrays], schema=SKETCH)


def _mixed(key: npt.NDArray[np.uint64], site: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return (key ^ (site * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)


def _pairs(common: pa.Table) -> npt.NDArray[np.uint64]:
    """Key and site of each row as one sorted number."""
    key, site = (common[name].to_numpy().astype(np.uint64) for name in ("key", "site"))
    return np.sort(_mixed(key, site))


def _is_known(
    known: npt.NDArray[np.uint64], key: npt.NDArray[np.uint64], site: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    """Whether a key is known of its site, or everywhere."""
    here = np.isin(_mixed(key, site), known) & (site != EVERYWHERE)
    found: npt.NDArray[np.bool_] = here | np.isin(_mixed(key, np.zeros_like(site)), known)
    return found


def _without(texts: pa.Array, lines: "HashedLines", gone: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    from filters.boilerplate.judge import kept_lines

    left, removed_lines, removed_chars = kept_lines(texts, lines, gone)
    arrays = [pa.array(removed_lines.astype(np.int32)), pa.array(removed_chars), left.cast(pa.string())]
    missing = pc.is_null(texts)
    whole = [pc.if_else(missing, pa.scalar(None, one.type), one) for one in arrays]
    return pa.RecordBatch.from_arrays(whole, schema=pa.schema([*REMOVED, *columns(text=pa.string())]))
