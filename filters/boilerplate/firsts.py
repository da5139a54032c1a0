"""How phrases begin: what tells at once, for most places of a text, that none begins there.

The automaton is larger than the caches; these few kilobytes are not. They may let a place through, never hide a phrase.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.boilerplate.fold import SPACE, WORD, folded
from filters.boilerplate.jit import Buffer, Number, helper
from filters.boilerplate.lexicon import Phrase

BITS = 1 << 17  # of each set: 16 kB
MASK = np.int64(BITS - 1)
STEP = np.int64(0x9E3779B1)
TOP = np.int64(0x7FFFFFFF)
NOTHING = np.int64(0)


class Firsts(NamedTuple):
    """Sets as bits of 64-bit words; signs are given by their classes."""

    pairs: npt.NDArray[np.uint64]  # the first two signs, of phrases of scripts without spaces and of marks
    singles: npt.NDArray[np.uint64]  # phrases of one such sign
    words: npt.NDArray[np.uint64]  # the first word of a phrase, where the second is not known
    stems: npt.NDArray[np.uint64]  # phrases that are the beginning of a word
    openers: npt.NDArray[np.uint64]  # the first of two words that a phrase begins with
    two: npt.NDArray[np.uint64]  # both


def firsts_of(phrases: Iterable[Phrase], classes: Mapping[str, int]) -> Firsts:
    """The sets of all phrases."""
    found = Firsts(*(np.zeros(BITS // 64, np.uint64) for _ in Firsts._fields))
    for phrase in phrases:
        signs = [classes[sign] for sign in phrase.key]
        first = _word_end(phrase.key, 0)
        if first == 0:
            _put(found.singles if len(signs) == 1 else found.pairs, _hashed(signs[:2]))
        elif first == len(signs):
            _put(found.stems if phrase.open_end else found.words, _hashed(signs))
        else:
            _put_words(found, phrase, signs, first)
    return found


def _put_words(found: Firsts, phrase: Phrase, signs: list[int], first: int) -> None:
    """A phrase that goes on after its first word."""
    second = _word_end(phrase.key, first + 1) if phrase.key[first] == " " else first
    whole = second > first + 1 and not (phrase.open_end and second == len(signs))
    _put(found.openers if whole else found.words, _hashed(signs[:first]))
    if whole:
        _put(found.two, _hashed(signs[:second]))


def _word_end(key: str, at: int) -> int:
    """Where the word of a script with spaces that begins at a place ends; the place itself where none does."""
    while at < len(key) and folded(key[at])[1] == WORD:
        at += 1
    return at


def _hashed(signs: list[int]) -> int:
    value = NOTHING
    for sign in signs:
        value = mixed(value, sign)
    return int(value)


def _put(bits: npt.NDArray[np.uint64], value: Number) -> None:
    place = int(value & MASK)
    bits[place >> 6] |= np.uint64(1 << (place & 63))


@helper
def mixed(value: Number, sign: Number) -> Number:
    """A hash of signs with one more; its low bits name a place in a set."""
    return ((np.int64(value) + np.int64(sign) + 1) * STEP ^ (np.int64(value) >> 11)) & TOP


@helper
def holds(bits: Buffer, value: Number) -> Number:
    """Whether a set may hold what has this hash."""
    place = value & MASK
    return (bits[place >> 6] >> np.uint64(place & 63)) & np.uint64(1) != np.uint64(0)


@helper
def may_begin(firsts: Firsts, classes: Buffer, at: Number, count: Number) -> Number:
    """Whether a phrase may begin with the sign at a place, which is of no word of a script with spaces."""
    value = mixed(NOTHING, classes[at])
    if holds(firsts.singles, value):
        return True
    return at + 1 < count and holds(firsts.pairs, mixed(value, classes[at + 1]))


@helper
def read_word(firsts: Firsts, classes: Buffer, kinds: Buffer, at: Number, count: Number) -> tuple[Number, Number]:
    """Of the word that begins at a place: whether a phrase may begin with it, and where it ends."""
    value = NOTHING
    stem = False
    while at < count and kinds[at] == WORD:
        value = mixed(value, classes[at])
        stem = stem or holds(firsts.stems, value)
        at += 1
    found = stem or holds(firsts.words, value)
    if not found and holds(firsts.openers, value) and at + 1 < count and kinds[at] == SPACE:
        found = holds(firsts.two, word_after(classes, kinds, at, count, value))
    return found, at


@helper
def word_after(classes: Buffer, kinds: Buffer, at: Number, count: Number, value: Number) -> Number:
    """The hash `value` of a word with the space at a place and the word behind it."""
    value = mixed(value, classes[at])
    at += 1
    while at < count and kinds[at] == WORD:
        value = mixed(value, classes[at])
        at += 1
    return value
