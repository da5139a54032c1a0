"""The first words of each block as hashes: small letters, digits alike, each Chinese or Japanese character a word."""

from stages.extraction.bytes import lower
from stages.extraction.jit import Array, Number, helper, kernel
from stages.extraction.layout import B_END, B_START
from stages.extraction.tags import FNV_BASIS, FNV_MASK, FNV_PRIME

MOST_WORDS = 16  # of a block that are looked at


@kernel
def block_words(text: Array, blocks: Array, words: Array, ends: Array) -> None:
    """Fill `words` ((b * MOST_WORDS) int64) and `ends` ((b + 1) int32): words of block i at ends[i]:ends[i + 1]."""
    count = 0
    ends[0] = 0
    for i in range(len(blocks)):
        count = hash_words(text, blocks[i, B_START], blocks[i, B_END], words, count, count + MOST_WORDS)
        ends[i + 1] = count


@kernel
def hash_words_of(text: Array, words: Array) -> int:
    """Fill `words` with hashes of the text's; returns how many there are."""
    count: int = hash_words(text, 0, len(text), words, 0, len(words))
    return count


@helper
def hash_words(text: Array, at: Number, end: Number, words: Array, count: Number, most: Number) -> Number:
    """Append hashes of text[at:end] to words[count:most]; returns the new count."""
    value, letters = FNV_BASIS, 0
    while at < end and count < most:
        byte = text[at]
        if 0xE3 <= byte <= 0xE9 and at + 2 < end:
            if letters > 0:
                words[count] = value
                count += 1
            if count < most:
                words[count] = (byte << 16) | (text[at + 1] << 8) | text[at + 2]
                count += 1
            value, letters, at = FNV_BASIS, 0, at + 3
            continue
        folded = 48 if 48 <= byte <= 57 else lower(byte)
        is_letter = 97 <= folded <= 122 or folded == 48 or 128 <= byte < 0xE2 or byte >= 0xEA
        if is_letter:
            value = ((value ^ folded) * FNV_PRIME) & FNV_MASK
            letters += 1
        elif letters > 0:
            words[count] = value
            count += 1
            value, letters = FNV_BASIS, 0
        at += 1
    if letters > 0 and count < most:
        words[count] = value
        count += 1
    return count
