"""Training examples: pages with the blocks' labels and weights."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from stages.extraction.alignment import label_blocks, tokens_of
from stages.extraction.jit import Array
from stages.extraction.page import Page, block_texts, parse
from stages.extraction.reading import words_of

_SMOOTHING = 60.0  # words added to a page's size, so that short pages do not outweigh long ones
_MOST_WEIGHT = 40.0
_SNIPPET_TRUST = 0.5  # labels from snippets alone say nothing of most blocks
_TOOL_TRUST = 0.5  # a tool's output, looked through by people


class Example(NamedTuple):
    """A page to learn from."""

    id: str
    domain: str
    source: str
    html: bytes  # UTF-8
    page: Page
    words: Array
    word_ends: Array
    labels: Array  # (b,) float32: share of the block that is content
    weights: Array  # (b,) float32; 0 where nothing is known


def examples_of(gold: Iterable[dict[str, Any]], pages: dict[str, bytes]) -> Iterator[Example]:
    """An example for every line of gold whose page is there and has text. Lines as in winnow's gold format:

    id, domain, source, gold_kind, and `text` (the whole content) or `with` and `without` (snippets).
    """
    for line in gold:
        html = pages.get(line["id"])
        if html is None:
            continue
        page = parse(html)
        labels, weights = _labels(line, block_texts(page))
        if weights.sum() > 0:
            domain = line.get("domain") or line["id"]
            yield Example(line["id"], domain, line.get("source") or "", html, page, *words_of(page), labels, weights)


def _labels(line: dict[str, Any], texts: list[str]) -> tuple[Array, Array]:
    sizes = np.array([len(tokens_of(text)) for text in texts], np.float32)
    if line.get("text"):
        labels, known, trust = label_blocks(texts, line["text"]), np.ones(len(texts), np.float32), 1.0
        n_gold = len(tokens_of(line["text"]))
    else:
        labels, known = _snippet_labels(texts, line.get("with") or [], line.get("without") or [])
        trust, n_gold = _SNIPPET_TRUST, int((sizes * (labels > 0.5)).sum()) * 4
    trust *= _TOOL_TRUST if line.get("gold_kind") == "tool-reviewed" else 1.0
    weights = np.minimum((sizes + 2) / (n_gold + _SMOOTHING) * _SMOOTHING, _MOST_WEIGHT)
    return labels, (weights * known * trust).astype(np.float32)


def _snippet_labels(texts: list[str], wanted: list[str], unwanted: list[str]) -> tuple[Array, Array]:
    """(labels, whether known): a block is known where it shares a snippet."""
    labels, known = np.zeros(len(texts), np.float32), np.zeros(len(texts), np.float32)
    folded = [" ".join(tokens_of(text)) for text in texts]
    for snippets, value in ((unwanted, 0.0), (wanted, 1.0)):
        for snippet in (" ".join(tokens_of(s)) for s in snippets):
            for i, text in enumerate(folded):
                if snippet and text and (snippet in text or (len(text) > 20 and text in snippet)):
                    labels[i], known[i] = value, 1
    return labels, known


def fold_of(domain: str, folds: int) -> int:
    """The part of the data a domain belongs to, the same on every machine."""
    return zlib.crc32(domain.encode()) % folds
