"""Locality-sensitive hashing: texts that agree on all rows of a band become candidates.

A bucket is what shares a band. Up to `limit` texts are paired all with all. In a crowded bucket equal signatures hang
on one representative, the smallest id, and the representatives are paired each with its nearest in the order of the
signatures, half of them on either side: as many as keep the bucket at the cost of a full one, but at least
`limit / bands`, so that a text meets its `limit` nearest over all its bands and the cost stays linear with a small
factor. Signatures and ids decide everything, the order of the input nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import uint64

from dedup.compiled import compiled
from dedup.minhash import Signatures
from dedup.shingle_kernels import mix

U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BUCKET_LIMIT = 256
PIECE = 1 << 22  # pairs at a time: 64 MB
_DIGITS, _DIGIT_BITS = 16, 4  # of a near key: the low bits of the values that follow the band
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Bands:
    """What LSH knows of n texts. keys, near: (bands, n) uint64; whole: (n,) uint64.

    keys: equal where a band is equal. near: orders a bucket so that similar signatures lie side by side.
    whole: hash of the full signature.
    """

    keys: U64
    near: U64
    whole: U64


def band_hashes(signatures: Signatures, bands: int, rows: int, salt: U64 | None = None) -> Bands:
    """Hash every band of every signature; texts of different `salt` (n,) never share a key."""
    if bands < 1 or rows < 1 or signatures.shape[1] != bands * rows:
        raise ValueError(f"{bands} bands x {rows} rows do not fit signatures of {signatures.shape[1]} values")
    n = len(signatures)
    result = Bands(np.empty((bands, n), np.uint64), np.empty((bands, n), np.uint64), np.empty(n, np.uint64))
    salts = np.zeros(n, np.uint64) if salt is None else salt
    _hash_bands(signatures, bands, rows, salts, result.keys, result.near, result.whole)
    return result


def candidate_pairs(bands: Bands, ids: U64, limit: int = BUCKET_LIMIT) -> tuple[Rows, Rows]:
    """All pairs (a, b), a < b, that LSH proposes, each once, sorted.

    ids: (n,) distinct keys that break ties. limit: the largest bucket that is compared in full.
    """
    pairs = [
        bucket_pairs(keys, near, bands.whole, ids, limit, limit // len(bands.keys))
        for keys, near in zip(bands.keys, bands.near, strict=True)
    ]
    return unique_pairs(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))


def bucket_pairs(
    keys: U64, near: U64, whole: U64, ids: U64, limit: int = BUCKET_LIMIT, least: int = BUCKET_LIMIT
) -> tuple[Rows, Rows]:
    """Pairs within buckets of equal `keys`, as positions; a pair that shares several buckets comes up in each.

    least: how many nearest every member of a crowded bucket is compared with, however crowded it is.
    """
    pieces = list(bucket_pairs_in_pieces(keys, near, whole, ids, limit, least))
    nothing = np.empty(0, np.int64)
    a, b = ([nothing, *(piece[side] for piece in pieces)] for side in (0, 1))
    return np.concatenate(a), np.concatenate(b)


def bucket_pairs_in_pieces(
    keys: U64,
    near: U64,
    whole: U64,
    ids: U64,
    limit: int = BUCKET_LIMIT,
    least: int = BUCKET_LIMIT,
    earlier: Mask | None = None,
) -> Iterator[tuple[Rows, Rows]]:
    """`bucket_pairs`, about PIECE pairs at a time. Pairs of two `earlier` rows (n,) are left out."""
    rows = _by_bucket(keys, near, whole, ids, limit, earlier)
    heads, last, hangers, hooks = _stand_ins(keys[rows], whole[rows], limit, least)
    yield from _of_two_corpora(rows[hooks], rows[hangers], earlier)
    total = np.cumsum(last - np.arange(len(heads)) - 1)
    begin = 0
    while begin < len(heads):
        before = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, before + PIECE, "right")))
        first, second = _spread(last, begin, end, total[end - 1] - before)
        yield from _of_two_corpora(rows[heads[first]], rows[heads[second]], earlier)
        begin = end


def _of_two_corpora(a: Rows, b: Rows, earlier: Mask | None) -> Iterator[tuple[Rows, Rows]]:
    """The pairs with at least one row that is not `earlier`, if there are any."""
    if earlier is not None:
        new = ~(earlier[a] & earlier[b])
        a, b = a[new], b[new]
    if len(a):
        yield a, b


def unique_pairs(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Each unordered pair once, the smaller row first, sorted. Rows are below 2^31."""
    pairs = np.sort(np.minimum(a, b) << 32 | np.maximum(a, b))
    fresh = np.ones(len(pairs), np.bool_)
    fresh[1:] = pairs[1:] != pairs[:-1]
    return pairs[fresh] >> 32, pairs[fresh] & 0xFFFFFFFF


def _by_bucket(keys: U64, near: U64, whole: U64, ids: U64, limit: int, earlier: Mask | None) -> Rows:
    """Positions whose key occurs more than once, bucket by bucket; crowded buckets in the order of (near, whole, id).

    A bucket of `earlier` rows alone is left out.
    """
    rows = _suspects(keys)
    rows = rows[np.argsort(keys[rows])]
    starts = np.flatnonzero(np.concatenate([[True], keys[rows][1:] != keys[rows][:-1]])) if len(rows) else rows
    counts = np.diff(starts, append=len(rows))
    if earlier is not None and len(rows):
        counts *= np.add.reduceat(~earlier[rows], starts, dtype=np.int64) > 0
    sizes = np.repeat(counts, np.diff(starts, append=len(rows)))
    crowded = rows[sizes > limit]
    order = np.lexsort((ids[crowded], whole[crowded], near[crowded], keys[crowded]))
    rows[sizes > limit] = crowded[order]
    return np.asarray(rows[sizes > 1])


def _suspects(keys: U64) -> Rows:
    """Positions of all keys that occur more than once, and of a few that do not: most keys need no sorting."""
    bits = max(8, len(keys).bit_length() + 3)  # 8 to 16 slots per key: 1 in 8 to 16 is suspected wrongly
    return np.flatnonzero(_shares_slot(keys, np.zeros(1 << bits, np.uint8), 64 - bits))


@compiled
def _hash_bands(signatures: Any, bands: int, rows: int, salts: Any, keys: Any, near: Any, whole: Any) -> None:
    width = bands * rows
    for i in range(len(signatures)):
        everything = salts[i]
        for band in range(bands):
            key = salts[i] ^ uint64(band + 1) * _STEP
            for value in signatures[i, band * rows : (band + 1) * rows]:
                key = mix(key ^ uint64(value))
            keys[band, i] = key
            everything = mix(everything ^ key)
            digits = uint64(0)
            for k in range(_DIGITS):
                value = uint64(signatures[i, ((band + 1) * rows + k) % width])
                digits = digits << uint64(_DIGIT_BITS) | value & uint64((1 << _DIGIT_BITS) - 1)
            near[band, i] = digits
        whole[i] = everything


@compiled
def _shares_slot(keys: Any, taken: Any, shift: int) -> Any:
    shared = np.zeros(len(keys), np.bool_)
    for key in keys:
        slot = key >> uint64(shift)
        taken[slot] = min(taken[slot] + 1, 2)
    for k in range(len(keys)):
        shared[k] = taken[keys[k] >> uint64(shift)] > 1
    return shared


@compiled
def _stand_ins(keys: Any, whole: Any, limit: int, least: int) -> Any:
    """Who stands for each bucket of a sorted table, and how far it is compared.

    heads: positions; last[k]: head k is compared with heads k + 1 .. last[k] - 1. hangers, hooks: positions in crowded
    buckets whose signature equals that of a head, and that head.
    """
    n, begin, head_count, hanging = len(keys), 0, 0, 0
    heads, last = np.empty(n, np.int64), np.empty(n, np.int64)
    hangers, hooks = np.empty(n, np.int64), np.empty(n, np.int64)
    while begin < n:
        end, first = begin + 1, head_count
        while end < n and keys[end] == keys[begin]:
            end += 1
        for row in range(begin, end):
            if end - begin > limit and head_count > first and whole[row] == whole[heads[head_count - 1]]:
                hangers[hanging], hooks[hanging] = row, heads[head_count - 1]
                hanging += 1
            else:
                heads[head_count] = row
                head_count += 1
        many = head_count - first
        reach = many if many <= limit else max(1, least // 2, limit * limit // (2 * many))
        for k in range(first, head_count):
            last[k] = min(k + reach + 1, head_count)
        begin = end
    return heads[:head_count].copy(), last[:head_count].copy(), hangers[:hanging].copy(), hooks[:hanging].copy()


@compiled
def _spread(last: Any, begin: int, end: int, count: int) -> Any:
    """The `count` pairs of heads begin .. end - 1, as places among the heads."""
    first, second = np.empty(count, np.int64), np.empty(count, np.int64)
    at = 0
    for k in range(begin, end):
        for other in range(k + 1, last[k]):
            first[at], second[at] = k, other
            at += 1
    return first, second
