"""A parsed page: its text cut into blocks, and the elements around them."""

from typing import NamedTuple

import numpy as np

from stages.extraction.jit import Array
from stages.extraction.layout import B_COLUMNS, B_END, B_START, E_COLUMNS, S_BLOCKS, S_COLUMNS, S_ELEMENTS, S_TEXT
from stages.extraction.layout import S_TOKENS as _TOKENS
from stages.extraction.tags import NAMES
from stages.extraction.tokenizer import tokenize

_TOKENS_PER_TAG = 8  # on average; more are dropped


class Page(NamedTuple):
    """What the tokenizer found; columns in layout.py."""

    source: Array  # (n,) uint8
    text: Array  # (t,) uint8
    elements: Array  # (e, E_COLUMNS) int32
    blocks: Array  # (b, B_COLUMNS) int32
    tokens: Array  # (k,) int64
    state: Array  # (S_COLUMNS,) int64


def parse(utf8: bytes) -> Page:
    """Parse a page given as UTF-8; any bytes will do. Linear in its length."""
    source, tables = np.frombuffer(utf8, np.uint8), tables_for(utf8)
    tokenize(source, *tables)
    text, elements, blocks, tokens, _, state = tables
    return Page(
        source,
        text[: state[S_TEXT]],
        elements[: state[S_ELEMENTS]],
        blocks[: state[S_BLOCKS]],
        tokens[: state[_TOKENS]],
        state,
    )


def tables_for(utf8: bytes) -> tuple[Array, ...]:
    """What `tokenize` fills, large enough for any page of this length with so many '<'."""
    tags = utf8.count(b"<") + 2
    return (
        np.empty(len(utf8) + len(utf8) // 4 + 64, np.uint8),
        np.empty((tags, E_COLUMNS), np.int32),
        np.empty((tags, B_COLUMNS), np.int32),
        np.empty(tags * _TOKENS_PER_TAG, np.int64),
        np.zeros(len(NAMES), np.int32),
        np.zeros(S_COLUMNS, np.int64),
    )


def block_texts(page: Page) -> list[str]:
    """The text of every block."""
    data = page.text.tobytes()
    spans = zip(page.blocks[:, B_START].tolist(), page.blocks[:, B_END].tolist(), strict=True)
    return [data[start:end].decode("utf-8", "replace") for start, end in spans]
