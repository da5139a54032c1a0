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
    tags = utf8.count(b"<") + 2
    source = np.frombuffer(utf8, np.uint8)
    text = np.empty(len(utf8) + len(utf8) // 4 + 64, np.uint8)
    elements = np.empty((tags, E_COLUMNS), np.int32)
    blocks = np.empty((tags, B_COLUMNS), np.int32)
    tokens = np.empty(tags * _TOKENS_PER_TAG, np.int64)
    state = np.zeros(S_COLUMNS, np.int64)
    tokenize(source, text, elements, blocks, tokens, np.zeros(len(NAMES), np.int32), state)
    return Page(
        source,
        text[: state[S_TEXT]],
        elements[: state[S_ELEMENTS]],
        blocks[: state[S_BLOCKS]],
        tokens[: state[_TOKENS]],
        state,
    )


def block_texts(page: Page) -> list[str]:
    """The text of every block."""
    data = page.text.tobytes()
    spans = zip(page.blocks[:, B_START].tolist(), page.blocks[:, B_END].tolist(), strict=True)
    return [data[start:end].decode("utf-8", "replace") for start, end in spans]
