"""What each Unicode character is: one table of flags, looked up by code point in every kernel.

Letters, spaces, digits and categories are those of the running Python (`unicodedata.unidata_version`, which enters the
fingerprint of every filter). The sets below are facts of their sources, kept as code points so that an editor or a
normaliser cannot change them.
"""

import functools
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

SPACE = 1 << 0  # str.isspace
ALPHA = 1 << 1  # str.isalpha
SYMBOL = 1 << 2  # a word made of these alone is a "symbol", not a word (datatrove's PUNCTUATION_SET)
TERMINAL = 1 << 3  # ends a sentence (Unicode Sentence_Terminal as datatrove's TERMINAL_PUNCTUATION lists it)
WORD = 1 << 4  # letters, digits, marks, connectors: what a run of word characters is made of
ASCII_DIGIT = 1 << 5
DIGIT = 1 << 6  # category Nd
PUNCTUATION = 1 << 7  # category P*
LINE_BREAK = 1 << 8  # where str.splitlines cuts
HAN = 1 << 9
HIRAGANA = 1 << 10
KATAKANA = 1 << 11
LOWER = 1 << 12  # a letter that is no capital; letters of scripts without case count as both
UPPER = 1 << 13
EDGE = 1 << 14  # English splitter: a word of its own at either end of a chunk
OPENING = 1 << 15  # English splitter: a word of its own at the beginning only
CLOSING = 1 << 16  # English splitter: a word of its own at the end only
QUOTE = 1 << 17
CURRENCY = 1 << 18
ICON = 1 << 19  # category So: pictures, emoji
HYPHEN = 1 << 20
END_MARK = 1 << 21  # ends a line of prose, closing quotes included
LATIN = 1 << 22
EXTEND = 1 << 23  # combining marks and format characters: belong to the character before them

SURROGATES = range(0xD800, 0xE000)
LAST_ASSIGNED = 0x323B0  # beyond lie only tags, variation selectors and private use
SELECTORS = range(0xE0000, 0xE01F0)

# datatrove 0.10, `utils.text.TERMINAL_PUNCTUATION`; the Sentence_Terminal property of Unicode 15 apart from a few signs.
TERMINALS = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6
17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E
2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52
FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6
111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944
11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F
1DA88
"""

# datatrove 0.10, `utils.text.PUNCTUATION`: ASCII and some Chinese punctuation, control characters, and one full-width
# digit one (FF11), which is a slip of the source. It is kept: the verdicts are those of the source.
SYMBOLS = """
0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002 3008-300D 3010-3011
FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E
"""

LINE_BREAKS = "A-D 1C-1E 85 2028-2029"  # str.splitlines
IDEOGRAPHS = "3005-3007 3021-3029 3400-4DBF 4E00-9FFF F900-FAFF 20000-2FA1F 30000-323AF"
HIRAGANAS = "3041-3096 309D-309F 1B001-1B11F"
KATAKANAS = "30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9D"
LATINS = "41-5A 61-7A AA BA C0-D6 D8-F6 F8-24F 1E00-1EFF 2C60-2C7F A720-A7FF FB00-FB06 FF21-FF3A FF41-FF5A"

# The English-like splitter: which signs part from a word, as the English splitter of spaCy 3.8 does (see `words.py`).
EDGES = "!#&()*,:;<>?[]_{}·¡¿…،؛؟٪।۔。，、；：？！～"
QUOTES = "'\"`´‘’‚“”„«»「」『』（）〔〕【】《》〈〉⟦⟧"
OPENINGS = "§%=–—"
CLOSINGS = "–—"
HYPHENS = "-–—~"

# Lines of prose end so: sentence marks and the closing quotes behind them (EvalWeb's list with the ASCII marks).
END_MARKS = "。！？；…”」』.!?;\"'’"  # Chinese, Japanese and scripts that took Latin's
END_MARKS += "।॥؟۔።፧፨។៕။։჻᙮᠃᱾꘎"  # Indic, Arabic, Urdu, Ethiopic, Khmer, Burmese, Armenian, Georgian, Cree, Mongolian, Ol Chiki, Vai

Flags = npt.NDArray[np.uint32]


def code_points(ranges: str) -> list[int]:
    """The code points of a list such as `21 2E 30-39` (hexadecimal, both ends included)."""
    spans = [part.split("-") for part in ranges.split()]
    return [point for span in spans for point in range(int(span[0], 16), int(span[-1], 16) + 1)]


def _assigned() -> list[str]:
    points = (*range(LAST_ASSIGNED), *SELECTORS)
    return [chr(point) for point in points if point not in SURROGATES]


def _mark(table: Flags, flag: int, points: Iterable[int]) -> None:
    table[np.fromiter(points, np.int64)] |= np.uint32(flag)


def _mark_by_python(table: Flags, characters: list[str]) -> None:
    tests: tuple[tuple[int, Any], ...] = ((SPACE, str.isspace), (ALPHA, str.isalpha))
    for flag, holds in tests:
        _mark(table, flag, map(ord, filter(holds, characters)))
    _mark(table, LOWER, (ord(c) for c in characters if c.isalpha() and not c.isupper() and not c.istitle()))
    _mark(table, UPPER, (ord(c) for c in characters if c.isalpha() and not c.islower()))


def _mark_by_category(table: Flags, characters: list[str]) -> None:
    points = np.fromiter(map(ord, characters), np.int64)
    names, numbers = np.unique(list(map(unicodedata.category, characters)), return_inverse=True)
    flags = {"Nd": DIGIT | WORD, "Pc": PUNCTUATION | WORD, "So": ICON, "Sc": CURRENCY, "Cf": EXTEND}
    major = {"L": WORD, "N": WORD, "M": WORD | EXTEND, "P": PUNCTUATION}
    for number, name in enumerate(names.tolist()):
        flag = flags.get(name, 0) | major.get(name[0], 0)
        table[points[numbers == number]] |= np.uint32(flag)


@functools.cache
def table() -> Flags:
    """Flags by code point, (0x110000,) uint32. Built once per process in about 0.3 s."""
    flags = np.zeros(sys.maxunicode + 1, np.uint32)
    characters = _assigned()
    _mark_by_python(flags, characters)
    _mark_by_category(flags, characters)
    for flag, ranges in (
        (TERMINAL | SYMBOL, TERMINALS),
        (SYMBOL, SYMBOLS),
        (LINE_BREAK, LINE_BREAKS),
        (HAN, IDEOGRAPHS),
        (HIRAGANA, HIRAGANAS),
        (KATAKANA, KATAKANAS),
        (LATIN, LATINS),
        (ASCII_DIGIT, "30-39"),
    ):
        _mark(flags, flag, code_points(ranges))
    for flag, signs in (
        (EDGE, EDGES + QUOTES),
        (QUOTE, QUOTES),
        (OPENING, OPENINGS),
        (CLOSING, CLOSINGS),
        (HYPHEN, HYPHENS),
        (END_MARK, END_MARKS),
    ):
        _mark(flags, flag, map(ord, signs))
    flags[ord("°")] &= np.uint32(~ICON & 0xFFFFFFFF)  # belongs to the number before it
    flags.setflags(write=False)
    return flags
