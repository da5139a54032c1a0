"""What a line is made of, for the learned judge: its words, Han characters and marks, and up to four of them in a row.

A token is a word of a script with spaces, one character of a script without, a number, or a punctuation mark. A gram is
one to GRAM tokens in a row, hashed; the judge knows one weight per hash.
"""

import functools

import numpy as np
import numpy.typing as npt

from filters.boilerplate.fold import DIGIT, KIND_BITS, KIND_MASK, POINTS, SKIP, SPACE, UNSPACED, WORD, folded
from filters.boilerplate.jit import Buffer, Number, helper, kernel
from filters.boilerplate.sentence import ASCII, BULLETS, decode, row_of

GRAM = 4  # tokens of the longest gram
MOST_TOKENS = 400  # of a line that are looked at; what comes later says the same
BITS = 18  # 2 ** BITS weights
EDGE = np.uint64(1)  # the token before a line and after it
MIX = np.uint64(0x9E3779B97F4A7C15)
FINAL = np.uint64(0xBF58476D1CE4E5B9)
SHIFT = np.uint64(29)
SEED = np.uint64(0xCBF29CE484222325)


@functools.cache
def token_points() -> npt.NDArray[np.int32]:
    """Code point -> folded code point << KIND_BITS | kind, as in `fold.py`, but of every character there is."""
    table = np.full(POINTS + 1, UNSPACED, np.int32)
    for point in range(POINTS):
        if 0xD800 <= point < 0xF900:
            table[point] = SKIP
        elif 0xAC00 <= point < 0xD800:
            table[point] = point << KIND_BITS | UNSPACED
        else:
            sign, kind = folded(chr(point))
            table[point] = (ord(sign) if sign else 0) << KIND_BITS | kind
    table[BULLETS[BULLETS > ASCII]] = SKIP  # whether a list has its bullets is the extractor's doing
    return table


def token_room() -> npt.NDArray[np.uint64]:
    """Space for the tokens of one line between its edges."""
    return np.empty(MOST_TOKENS + 3, np.uint64)


@helper
def mixed(value: Number, token: Number) -> Number:
    """A hash with one more number in it."""
    value = (value ^ token) * MIX
    return value ^ (value >> SHIFT)


@helper
def read_tokens(data: Buffer, at: Number, end: Number, points: Buffer, out: Buffer) -> Number:
    """Fill `out` (MOST_TOKENS + 2) with the tokens of data[at:end] between two edges; returns how many they are.

    A number is one token whatever its digits; a mark said twice counts once.
    """
    out[0] = EDGE
    count = 1
    last = np.int64(SPACE)  # kind of the last character that said something
    while at < end and count <= MOST_TOKENS:
        point, size = np.int64(data[at]), 1
        if point >= ASCII:
            point, size = decode(data, at, end)
        at += size
        row = row_of(points, point)
        kind = row & KIND_MASK
        if kind == SKIP:
            continue
        token = np.uint64(row >> KIND_BITS)
        if kind == WORD and last == WORD:
            out[count - 1] = mixed(out[count - 1], token)
        elif kind == WORD:
            out[count] = mixed(SEED, token)
            count += 1
        elif kind == UNSPACED:
            out[count] = token + EDGE
            count += 1
        elif kind == DIGIT:
            if last != DIGIT:
                out[count] = token + EDGE
                count += 1
        elif kind > SPACE and out[count - 1] != token + EDGE:
            out[count] = token + EDGE
            count += 1
        last = kind
    out[count] = EDGE
    return count + 1


@helper
def gram(tokens: Buffer, at: Number, size: Number, value: Number) -> Number:
    """The hash of tokens[at - size:at + 1], from that of the tokens behind the first."""
    return mixed(value, tokens[at - size])


@helper
def slot(value: Number) -> Number:
    """Where the weight of a gram stands."""
    return np.int64((value * FINAL) >> np.uint64(64 - BITS))


@kernel
def sum_weights(
    data: Buffer, start: Buffer, end: Buffer, points: Buffer, weights: Buffer, sums: Buffer, grams: Buffer, tokens: Buffer,
    room: Buffer,
) -> None:  # fmt: skip
    """For each stretch of bytes the sum of the weights of its grams, how many grams it has, and how many tokens."""
    for line in range(start.shape[0]):
        count = read_tokens(data, start[line], end[line], points, room)
        total: Number = np.int64(0)
        seen = 0
        for at in range(count):
            value = SEED
            for size in range(min(GRAM, at + 1)):
                value = gram(room, at, size, value)
                total += np.int64(weights[slot(value)])
                seen += 1
        sums[line], grams[line], tokens[line] = total, seen, count - 2


@kernel
def list_slots(
    data: Buffer, start: Buffer, end: Buffer, points: Buffer, low: Buffer, out: Buffer, tokens: Buffer, room: Buffer
) -> None:
    """The slots of the grams of each stretch of bytes, out[low[i]:low[i + 1]] (`low` is one longer), and its tokens.

    `out` must hold GRAM for each byte and 3 * GRAM more for each stretch.
    """
    found = 0
    for line in range(start.shape[0]):
        low[line] = found
        count = read_tokens(data, start[line], end[line], points, room)
        tokens[line] = count - 2
        for at in range(count):
            value = SEED
            for size in range(min(GRAM, at + 1)):
                value = gram(room, at, size, value)
                out[found] = slot(value)
                found += 1
    low[start.shape[0]] = found
