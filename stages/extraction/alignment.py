"""Which blocks of a page are in its gold text: labels for training, by the longest common subsequence of their words."""

import re
import unicodedata

import numpy as np

from stages.extraction.jit import Array, kernel

_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
_MOST_CELLS = 100_000_000  # of the alignment's table, a byte each; longer pages are compared by runs of 4 words
_RUN = 4
_MOVED = 0.8  # share of a block's runs found elsewhere in the gold that makes it content all the same
_NEXT_TO, _ALONE_GAIN = np.float32(1.5), np.float32(0.25)  # matches in a row are worth more than scattered ones


def tokens_of(text: str) -> list[str]:
    """Words, small letters; each character of scripts without spaces a word."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def label_blocks(texts: list[str], gold: str) -> Array:
    """Share of each block's words that the gold text holds at this place, float32."""
    words, wanted = [tokens_of(text) for text in texts], tokens_of(gold)
    sizes = np.array([len(w) for w in words], np.int64)
    numbers: dict[str, int] = {}
    mine = np.array([numbers.setdefault(w, len(numbers)) for block in words for w in block], np.int32)
    theirs = np.array([numbers.setdefault(w, len(numbers)) for w in wanted], np.int32)
    if not len(mine) or not len(theirs):
        return np.zeros(len(texts), np.float32)
    if len(mine) * len(theirs) > _MOST_CELLS:
        return _share_of_runs(words, _runs(wanted))
    in_page, in_gold = align(mine, theirs)
    sums = np.concatenate([[0], np.cumsum(in_page, dtype=np.int64)])
    ends = np.cumsum(sizes)
    shares = ((sums[ends] - sums[ends - sizes]) / np.maximum(1, sizes)).astype(np.float32)
    moved = _share_of_runs(words, _unmatched_runs(wanted, in_gold))
    return np.where((shares < 0.5) & (moved > _MOVED), moved, shares)


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[i:] for i in range(_RUN)), strict=False))


def _unmatched_runs(words: list[str], matched: Array) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    bounds = np.flatnonzero(np.diff(np.concatenate([[1], matched, [1]]).astype(np.int8)))
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        found |= _runs(words[start:end])
    return found


def _share_of_runs(blocks: list[list[str]], known: set[tuple[str, ...]]) -> Array:
    shares = np.zeros(len(blocks), np.float32)
    for i, words in enumerate(blocks):
        if known and len(words) > _RUN:
            runs = list(zip(*(words[k:] for k in range(_RUN)), strict=False))
            shares[i] = sum(run in known for run in runs) / len(runs)
    return shares


def align(mine: Array, theirs: Array) -> tuple[Array, Array]:
    """Mark the words of a best common subsequence in both lists, int32 numbers: two uint8 arrays.

    Gotoh's affine scheme: a match next to a match gains more, so that runs stay together.
    """
    m, n = len(mine), len(theirs)
    steps, rows = np.empty((m, n), np.uint8), np.zeros((4, n + 1), np.float32)
    in_mine, in_theirs = np.zeros(m, np.uint8), np.zeros(n, np.uint8)
    rows[2:] = -1e9
    _fill(mine, theirs, steps, *rows)
    _trace(steps, in_mine, in_theirs)
    return in_mine, in_theirs


@kernel
def _fill(
    mine: Array, theirs: Array, steps: Array, best: Array, best_before: Array, run: Array, run_before: Array
) -> None:
    """Fill steps ((m, n) uint8). The others ((n + 1,) float32) hold two rows of the best scores, and of those of runs."""
    for i in range(len(mine)):
        best[0], run[0] = 0, -1e9
        for j in range(len(theirs)):
            step = 0
            run[j + 1] = -1e9
            if mine[i] == theirs[j]:
                going_on, starting = run_before[j] + _NEXT_TO, best_before[j] + _ALONE_GAIN
                run[j + 1] = max(going_on, starting)
                step = 4 if going_on > starting else 0
            value, way = best_before[j + 1], 1
            if best[j] > value:
                value, way = best[j], 2
            if run[j + 1] >= value:
                value, way = run[j + 1], 3
            best[j + 1], steps[i, j] = value, step | way
        best, best_before, run, run_before = best_before, best, run_before, run


@kernel
def _trace(steps: Array, in_mine: Array, in_theirs: Array) -> None:
    i, j = steps.shape[0], steps.shape[1]
    inside = False
    while i > 0 and j > 0:
        step = steps[i - 1, j - 1]
        if inside or step & 3 == 3:
            in_mine[i - 1] = in_theirs[j - 1] = 1
            inside = step & 4 != 0
            i, j = i - 1, j - 1
        elif step & 3 == 1:
            i -= 1
        else:
            j -= 1
