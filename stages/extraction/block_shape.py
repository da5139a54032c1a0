"""What a block's text looks like, counted in one pass over its bytes."""

import numpy as np

from stages.extraction.jit import Array, Number, helper
from stages.extraction.layout import B_END, B_LINKED, B_START
from stages.extraction.tags import FNV_BASIS, FNV_MASK, FNV_PRIME

# Columns of a block's shape, float32. A unit is a word, or a Chinese or Japanese character.
T_CHARS, T_WORDS, T_DIGITS, T_CAPITALS, T_COMMAS, T_STOPS, T_ENDING, T_CJK, T_MARKS, T_INITIALS, T_UNITS, T_LINKED = (
    range(12)
)
T_COLUMNS = 12


@helper
def measure_blocks(text: Array, blocks: Array, shapes: Array, hashes: Array) -> None:
    """Fill shapes ((b, T_COLUMNS) float32) and hashes ((b,) int64)."""
    for i in range(len(blocks)):
        hashes[i] = _measure(text, blocks[i, B_START], blocks[i, B_END], shapes[i])
        n_bytes, linked = blocks[i, B_END] - blocks[i, B_START], blocks[i, B_LINKED]
        shapes[i, T_LINKED] = linked / n_bytes if linked < n_bytes else 1.0


@helper
def _measure(text: Array, start: Number, end: Number, row: Array) -> Number:
    chars = words = digits = capitals = commas = stops = cjk = marks = initials = 0
    before, value = 32, FNV_BASIS
    for at in range(start, end):
        byte = text[at]
        value = ((value ^ byte) * FNV_PRIME) & FNV_MASK
        if byte & 0xC0 == 0x80:
            continue
        chars += 1
        if byte < 128:
            if byte == 32 or byte == 10:
                words += 1
            elif 48 <= byte <= 57:
                digits += 1
            elif 65 <= byte <= 90:
                capitals += 1
                initials += before == 32 or before == 10
            elif byte == 44:
                commas += 1
            elif byte == 46 or byte == 33 or byte == 63:
                stops += 1
            elif byte == 124 or byte == 58 or byte == 47:
                marks += 1
        elif 0xE3 <= byte <= 0xE9 or byte == 0xEF:
            kind = _wide_mark(text, at, end)
            cjk += byte != 0xEF
            stops += kind == 1
            commas += kind == 2
        before = byte
    row[T_CHARS], row[T_WORDS], row[T_DIGITS], row[T_CAPITALS] = chars + (chars == 0), words + 1, digits, capitals
    row[T_COMMAS], row[T_STOPS], row[T_CJK], row[T_MARKS] = commas, stops, cjk, marks
    row[T_INITIALS], row[T_UNITS] = initials, words + 1 + cjk
    row[T_ENDING] = _ending(text, start, end)
    return value


@helper
def _wide_mark(text: Array, at: Number, end: Number) -> Number:
    """1: an ideographic full stop, ! or ?; 2: a comma; 0: neither."""
    if at + 2 >= end:
        return 0
    second, third = text[at + 1], text[at + 2]
    if text[at] == 0xE3 and second == 0x80:
        return 1 if third == 0x82 else 2 if third == 0x81 else 0
    if text[at] == 0xEF and second == 0xBC:
        return 2 if third == 0x8C else 1 if third == 0x81 or third == 0x9F else 0
    return 0


@helper
def _ending(text: Array, start: Number, end: Number) -> Number:
    """How a block ends: 1 a sentence, 2 a colon, 3 a quote or bracket, 4 an ellipsis or arrow, 0 else."""
    if end <= start:
        return 0
    last = text[end - 1]
    if last == 46 or last == 33 or last == 63:
        return 1
    if last == 58:
        return 2
    if end - start >= 3 and text[end - 3] >= 0xE3:
        at = end - 3
        if (text[at] == 0xE3 and text[at + 1] == 0x80 and last == 0x82) or (
            text[at] == 0xEF and text[at + 1] == 0xBC and (last == 0x81 or last == 0x9F)
        ):
            return 1
    if last == 34 or last == 41 or last == 0x9D:
        return 3
    return 4 if last == 0xA6 or last == 0xBB else 0


UNITS_OF_PARAGRAPH = np.float32(12)  # unlinked units that make a block count as one
