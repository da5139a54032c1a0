"""Learned log-odds: how much likelier text is content where a word stands in its element's class, or in itself."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from stages.extraction.examples import Example
from stages.extraction.jit import Array
from stages.extraction.layout import E_END, E_FIRST, E_TOKENS, E_TOKENS_END
from stages.extraction.lookup import score_table
from stages.extraction.reading import Scores
from stages.extraction.words import MOST_WORDS

_PRIOR = 0.4  # share of content over all blocks, by weight
_FULL_TRUST = 5.0  # weight from which on a domain counts as one whole witness


class Counts(NamedTuple):
    """Per domain: hashes, their weight, and the weight of content among it."""

    keys: Array
    weights: Array
    content: Array


def token_counts(example: Example) -> Counts:
    """Of the words in class, id and role, over all text inside their elements."""
    rows = example.page.elements
    end = np.maximum(rows[:, E_END], rows[:, E_FIRST])
    sums = np.concatenate([[0.0], np.cumsum(example.weights)])
    good = np.concatenate([[0.0], np.cumsum(example.weights * (example.labels > 0.5))])
    weight, content = sums[end] - sums[rows[:, E_FIRST]], good[end] - good[rows[:, E_FIRST]]
    n = rows[:, E_TOKENS_END] - rows[:, E_TOKENS]
    rows_used = np.flatnonzero((weight > 0) & (n > 0))
    spans = [np.arange(rows[i, E_TOKENS], rows[i, E_TOKENS_END]) for i in rows_used]
    if not spans:
        return Counts(*(np.zeros(0, kind) for kind in (np.int64, float, float)))
    times = n[rows_used]
    return _summed(
        example.page.tokens[np.concatenate(spans)],
        np.repeat(weight[rows_used], times),
        np.repeat(content[rows_used], times),
    )


def word_counts(example: Example) -> Counts:
    """Of the words of short blocks."""
    n = np.diff(example.word_ends)
    block = np.repeat(np.arange(len(n)), n)
    short = n[block] < MOST_WORDS
    block, keys = block[short], example.words[short]
    weight = example.weights[block] / np.sqrt(np.maximum(1, n[block]))
    return _summed(keys, weight, weight * (example.labels[block] > 0.5))


def _summed(keys: Array, weights: Array, content: Array) -> Counts:
    unique, where = np.unique(keys, return_inverse=True)
    return Counts(unique, np.bincount(where, weights, len(unique)), np.bincount(where, content, len(unique)))


class Statistics:
    """Counts of all examples, from which tables over any part of them are made."""

    def __init__(self, examples: Sequence[Example]) -> None:
        domains: dict[str, int] = {}
        self._domain = np.array([domains.setdefault(e.domain, len(domains)) for e in examples], np.int64)
        self._tokens = self._counted(examples, token_counts)
        self._words = self._counted(examples, word_counts)

    def _counted(self, examples: Sequence[Example], count: Callable[[Example], Counts]) -> tuple[Array, Array, Counts]:
        counts = [count(example) for example in examples]
        index = np.repeat(np.arange(len(counts)), [len(c.keys) for c in counts])
        joined = Counts(*(np.concatenate(parts) for parts in zip(*counts, strict=True)))
        return index, self._domain[index], joined

    def scores(self, used: Array) -> Scores:
        """Tables over the examples marked in `used` ((n,) bool)."""
        tokens = self._table(*self._tokens, used, least_domains=3, smoothing=2.0)
        return Scores(
            *score_table(*tokens), *score_table(*self._table(*self._words, used, least_domains=5, smoothing=3.0))
        )

    def tables(self, used: Array) -> list[tuple[Array, Array]]:
        """The same as plain (keys, log-odds), for tokens and words."""
        return [
            self._table(*self._tokens, used, least_domains=3, smoothing=2.0),
            self._table(*self._words, used, least_domains=5, smoothing=3.0),
        ]

    @staticmethod
    def _table(
        index: Array, domain: Array, counts: Counts, used: Array, least_domains: int, smoothing: float
    ) -> tuple[Array, Array]:
        """Every domain is one witness, whatever its size: (hashes seen in enough domains, their log-odds)."""
        mine = used[index]
        pairs = np.stack([counts.keys[mine], domain[mine]], 1)
        unique, where = np.unique(pairs, axis=0, return_inverse=True)
        where = where.ravel()
        weight = np.bincount(where, counts.weights[mine], len(unique))
        content = np.bincount(where, counts.content[mine], len(unique)) / np.maximum(weight, 1e-9)
        trust = np.minimum(1, weight / _FULL_TRUST)
        keys, group = np.unique(unique[:, 0], return_inverse=True)
        n, total = np.bincount(group, minlength=len(keys)), np.bincount(group, trust, len(keys))
        good = np.bincount(group, trust * content, len(keys))
        odds = np.log((good + smoothing * _PRIOR) / (total - good + smoothing * (1 - _PRIOR)))
        enough = n >= least_domains
        return keys[enough], (odds - np.log(_PRIOR / (1 - _PRIOR))).astype(np.float32)[enough]
