"""A page as the model sees it: parsed, its blocks measured."""

from typing import NamedTuple

import numpy as np

from stages.extraction.block_shape import T_COLUMNS
from stages.extraction.element_features import R_COLUMNS, X_COLUMNS
from stages.extraction.features import COLUMNS, block_features
from stages.extraction.jit import Array
from stages.extraction.layout import S_TITLE, S_TITLE_END
from stages.extraction.page import Page, parse
from stages.extraction.words import MOST_WORDS, block_words, hash_words_of

_MOST_TITLE_WORDS = 64
_MOST_TITLE_BYTES = 4_000


class Scores(NamedTuple):
    """Log-odds, by hash, of standing in main content: of words in class, id and role; of words in the text."""

    token_keys: Array
    token_scores: Array
    word_keys: Array
    word_scores: Array


class Measured(NamedTuple):
    """A page with its blocks' features ((b, COLUMNS) float32) and its elements' relations ((e, R_COLUMNS) int64)."""

    page: Page
    features: Array
    relations: Array


def measure(utf8: bytes, scores: Scores) -> Measured:
    """Parse a page and measure its blocks."""
    page = parse(utf8)
    words, ends = words_of(page)
    n_blocks, n_elements = len(page.blocks), len(page.elements)
    features = np.empty((n_blocks, COLUMNS), np.float32)
    relations = np.zeros((n_elements, R_COLUMNS), np.int64)
    if n_blocks:
        shapes, hashes = np.zeros((n_blocks, T_COLUMNS), np.float32), np.zeros(n_blocks, np.int64)
        measures, counts = np.zeros((n_elements, X_COLUMNS), np.float32), np.zeros((_slots(n_blocks), 2), np.int64)
        block_features(
            page.text, page.elements, page.blocks, page.tokens, page.state, title_words(page), words, ends,
            *scores, shapes, hashes, measures, counts, relations, features,
        )  # fmt: skip
    return Measured(page, features, relations)


def _slots(n: int) -> int:
    """Of a hash table for n keys: a power of two, more than half of them free."""
    return 1 << max(6, (2 * n + 1).bit_length())


def words_of(page: Page) -> tuple[Array, Array]:
    """(hashes, ends) of the blocks' first words: those of block i at ends[i]:ends[i + 1]."""
    words = np.empty(len(page.blocks) * MOST_WORDS, np.int64)
    ends = np.empty(len(page.blocks) + 1, np.int32)
    block_words(page.text, page.blocks, words, ends)
    return words[: ends[-1]], ends


def title_words(page: Page) -> Array:
    """Hashes of the words of <title>, as it stands in the source."""
    start = int(page.state[S_TITLE])
    end = min(int(page.state[S_TITLE_END]), start + _MOST_TITLE_BYTES)
    words = np.empty(_MOST_TITLE_WORDS, np.int64)
    return words[: hash_words_of(page.source[start:end].copy(), words)]
