"""What the forest sees of each block: about a hundred numbers."""

import numpy as np

from stages.extraction.block_shape import (
    T_CAPITALS,
    T_CHARS,
    T_CJK,
    T_COMMAS,
    T_DIGITS,
    T_ENDING,
    T_INITIALS,
    T_LINKED,
    T_MARKS,
    T_STOPS,
    T_UNITS,
    T_WORDS,
    UNITS_OF_PARAGRAPH,
    measure_blocks,
)
from stages.extraction.element_features import (
    H1_BIT,
    H1_SHIFT,
    HEADING_BITS,
    R_LEVEL,
    R_SINCE_BAD,
    R_UP,
    R_WITHIN,
    WITHIN,
    X_BLOCKS,
    X_LEAST,
    X_LINKED,
    X_MOST,
    X_PARAGRAPHS,
    X_SCORE,
    X_SUM,
    X_UNITS,
    best_article,
    climb,
    relate_elements,
    weigh_elements,
)
from stages.extraction.jit import Array, Number, helper, kernel
from stages.extraction.layout import (
    B_BOLD,
    B_ELEMENT,
    B_END,
    B_LINKS,
    B_PRE,
    B_START,
    E_BLOCK,
    E_DEPTH,
    E_END,
    E_FIRST,
    E_FLAGS,
    E_PARENT,
    E_TAG,
    S_KIND,
)
from stages.extraction.lookup import score
from stages.extraction.tags import KIND, TAG

COLUMNS = 107
F_UNITS = 2  # the column the decoder needs: words, or Chinese and Japanese characters

# Common elements in an order that puts like to like, for splits; all others are 60.
_COMMON = (
    "? p li td th div section article main span a dd dt blockquote pre code figcaption h1 h2 h3 h4 h5 h6 summary details"
    " header footer nav aside form label button legend caption ul ol table tr body center dl time small"
)
_RANK = np.full(len(KIND), 60, np.float32)
_RANK[[TAG[name] for name in _COMMON.split()]] = np.arange(len(_COMMON.split()))
_FLAG_BITS = WITHIN.index("h1")  # those before are features of their own
_AFTER_HEADINGS = H1_SHIFT + 6
_NOWHERE = 9999
_LEVELS = 4
_ARTICLE, _LI, _TD = TAG["article"], TAG["li"], TAG["td"]


@kernel
def block_features(
    text: Array,
    elements: Array,
    blocks: Array,
    tokens: Array,
    state: Array,
    title: Array,  # hashes of the title's words
    words: Array,
    word_ends: Array,
    token_keys: Array,
    token_scores: Array,
    word_keys: Array,
    word_scores: Array,
    shapes: Array,
    hashes: Array,
    measures: Array,
    counts: Array,
    relations: Array,
    features: Array,
) -> None:
    """Fill features ((b, COLUMNS) float32) and relations ((e, R_COLUMNS) int64, zeros).

    To work with: shapes ((b, T_COLUMNS) float32), hashes ((b,) int64), measures ((e, X_COLUMNS) float32), counts ((s, 2)
    int64, s a power of two above 2 b); all zeros.
    """
    measure_blocks(text, blocks, shapes, hashes)
    relate_elements(elements, tokens, token_keys, token_scores, measures, relations)
    weigh_elements(elements, blocks, shapes, measures)
    best, rivalry = best_article(elements, measures)
    climb(elements, measures, relations, best)
    at = _shape(blocks, elements, shapes, features, 0)
    at = _position(blocks, elements, shapes, features, at)
    at = _ancestors(blocks, elements, measures, relations, features, at)
    at = _levels(blocks, elements, measures, relations, features, at)
    at = _article(blocks, elements, relations, best, features, at)
    at = _words(words, word_ends, title, word_keys, word_scores, features, at)
    at = _repeats(hashes, counts, features, at)
    at = _headings(blocks, relations, features, at)
    at = _document(blocks, elements, shapes, measures, relations, state, best, rivalry, features, at)
    _neighbours(blocks, elements, shapes, features, at)


@helper
def _shape(blocks: Array, elements: Array, shapes: Array, features: Array, at: Number) -> Number:
    for i in range(len(blocks)):
        row, shape, e = features[i], shapes[i], blocks[i, B_ELEMENT]
        chars = shape[T_CHARS]
        row[at] = _RANK[elements[elements[e, E_BLOCK], E_TAG]]
        row[at + 1] = _RANK[elements[e, E_TAG]]
        row[at + 2] = shape[T_UNITS]
        row[at + 3] = chars
        row[at + 4] = chars / shape[T_WORDS]
        row[at + 5] = shape[T_LINKED]
        row[at + 6] = blocks[i, B_LINKS]
        row[at + 7] = shape[T_DIGITS] / chars
        row[at + 8] = shape[T_INITIALS] / shape[T_WORDS]
        row[at + 9] = shape[T_CAPITALS] / chars
        row[at + 10] = shape[T_COMMAS]
        row[at + 11] = shape[T_STOPS]
        row[at + 12] = shape[T_ENDING]
        row[at + 13] = shape[T_CJK] / chars
        row[at + 14] = shape[T_MARKS] / chars
        row[at + 15] = blocks[i, B_BOLD] / (blocks[i, B_END] - blocks[i, B_START])
        row[at + 16] = chars * (1 - shape[T_LINKED])
        row[at + 17] = blocks[i, B_PRE]
    return at + 18


@helper
def _free(shapes: Array, i: Number) -> Number:
    """Units outside links of a block long enough to be a paragraph, else 0."""
    units = shapes[i, T_UNITS] * (1 - shapes[i, T_LINKED])
    return units if units > UNITS_OF_PARAGRAPH else np.float32(0)


@helper
def _at_least_one(number: Number) -> Number:
    return number if number > 1 else np.float32(1)


@helper
def _position(blocks: Array, elements: Array, shapes: Array, features: Array, at: Number) -> Number:
    n = len(blocks)
    units = free = 0.0
    for i in range(n):
        units += shapes[i, T_UNITS]
        free += _free(shapes, i)
    before = free_before = 0.0
    free = _at_least_one(free)
    for i in range(n):
        row = features[i]
        row[at] = before / units
        row[at + 1] = i / n
        row[at + 2] = i
        row[at + 3] = n - i
        row[at + 4] = elements[blocks[i, B_ELEMENT], E_DEPTH]
        row[at + 5] = free_before / free
        before += shapes[i, T_UNITS]
        free_before += _free(shapes, i)
    return at + 6


@helper
def _ancestors(
    blocks: Array, elements: Array, measures: Array, relations: Array, features: Array, at: Number
) -> Number:
    for i in range(len(blocks)):
        row, e = features[i], blocks[i, B_ELEMENT]
        within = relations[e, R_WITHIN]
        for bit in range(_FLAG_BITS):
            row[at + bit] = (within >> bit) & 1
        heading = 0
        for level in range(6):
            if (within >> (H1_SHIFT + level)) & 1:
                heading = level + 1
        more = at + _FLAG_BITS
        row[more] = heading
        row[more + 1] = elements[e, E_FLAGS]
        row[more + 2] = (within >> _AFTER_HEADINGS) & 31
        row[more + 3] = measures[e, X_SCORE]
        row[more + 4] = measures[e, X_SUM]
        row[more + 5] = measures[e, X_LEAST]
        row[more + 6] = measures[e, X_MOST]
        row[more + 7] = relations[e, R_SINCE_BAD]
    return at + _FLAG_BITS + 8


@helper
def _levels(blocks: Array, elements: Array, measures: Array, relations: Array, features: Array, at: Number) -> Number:
    """The block's own element and three that hold ever more."""
    units = _at_least_one(measures[0, X_UNITS])
    for i in range(len(blocks)):
        row, x = features[i], elements[blocks[i, B_ELEMENT], E_BLOCK]
        for level in range(_LEVELS):
            here, held = at + 6 * level, _at_least_one(measures[x, X_UNITS])
            row[here] = measures[x, X_SCORE]
            row[here + 1] = _RANK[elements[x, E_TAG]]
            row[here + 2] = held / units
            row[here + 3] = measures[x, X_LINKED] / held
            row[here + 4] = measures[x, X_PARAGRAPHS]
            row[here + 5] = held / _at_least_one(measures[x, X_BLOCKS])
            x = relations[x, R_UP]
    return at + 6 * _LEVELS


@helper
def _article(blocks: Array, elements: Array, relations: Array, best: Number, features: Array, at: Number) -> Number:
    n = len(blocks)
    for i in range(n):
        row, e = features[i], blocks[i, B_ELEMENT]
        level = relations[e, R_LEVEL]
        row[at] = level
        row[at + 1] = elements[elements[e, E_BLOCK], E_DEPTH] - elements[best, E_DEPTH] + level
        row[at + 2] = level == 0
        row[at + 3] = (i - elements[best, E_FIRST]) / n
        row[at + 4] = (i - elements[best, E_END]) / n
    return at + 5


@helper
def _words(words: Array, ends: Array, title: Array, keys: Array, values: Array, features: Array, at: Number) -> Number:
    for i in range(len(features)):
        row, n = features[i], ends[i + 1] - ends[i]
        total = least = most = first = np.float32(0)
        in_title = 0
        for w in range(ends[i], ends[i + 1]):
            found = score(words[w], keys, values)
            total += found
            if found < least:
                least = found
            if found > most:
                most = found
            if w == ends[i]:
                first = found
            for t in range(len(title)):
                if title[t] == words[w]:
                    in_title += 1
                    break
        many = n if n > 0 else 1
        row[at] = total / many
        row[at + 1] = least
        row[at + 2] = most
        row[at + 3] = first
        row[at + 4] = in_title / many
        row[at + 5] = in_title / (len(title) if len(title) > 0 else 1)
    return at + 6


@helper
def _repeats(hashes: Array, counts: Array, features: Array, at: Number) -> Number:
    """How often a block's text stands in the page, and how often before it. Puts slots in the place of the hashes."""
    mask = len(counts) - 1
    for i in range(len(hashes)):
        key = hashes[i]
        slot = (key ^ (key >> 15)) & mask
        while counts[slot, 1] > 0 and counts[slot, 0] != key:
            slot = (slot + 1) & mask
        features[i, at + 1] = counts[slot, 1]
        counts[slot, 0], hashes[i] = key, slot
        counts[slot, 1] += 1
    for i in range(len(hashes)):
        features[i, at] = counts[hashes[i], 1]
    return at + 2


@helper
def _headings(blocks: Array, relations: Array, features: Array, at: Number) -> Number:
    """Blocks since the page's first h1 and since the last heading."""
    first = heading = -1
    for i in range(len(blocks)):
        if relations[blocks[i, B_ELEMENT], R_WITHIN] & H1_BIT:
            first = i
            break
    for i in range(len(blocks)):
        if relations[blocks[i, B_ELEMENT], R_WITHIN] & HEADING_BITS:
            heading = i
        features[i, at] = i - first if first >= 0 else _NOWHERE
        features[i, at + 1] = i - heading if heading >= 0 else _NOWHERE
    return at + 2


@helper
def _document(
    blocks: Array,
    elements: Array,
    shapes: Array,
    measures: Array,
    relations: Array,
    state: Array,
    best: Number,
    rivalry: Number,
    features: Array,
    at: Number,
) -> Number:
    n = len(blocks)
    units, free, cjk = _at_least_one(measures[0, X_UNITS]), 0.0, 0.0
    articles = headings = items = cells = 0
    for e in range(len(elements)):
        articles += elements[e, E_TAG] == _ARTICLE
    for i in range(n):
        free += _free(shapes, i)
        cjk += shapes[i, T_CJK]
        e = blocks[i, B_ELEMENT]
        headings += relations[e, R_WITHIN] & HEADING_BITS != 0
        tag = elements[elements[e, E_BLOCK], E_TAG]
        items += tag == _LI
        cells += tag == _TD
    for i in range(n):
        row = features[i]
        row[at] = units
        row[at + 1] = measures[0, X_LINKED] / units
        row[at + 2] = free / units
        row[at + 3] = n
        row[at + 4] = cjk / units
        row[at + 5] = articles
        row[at + 6] = headings / n
        row[at + 7] = items / n
        row[at + 8] = cells / n
        row[at + 9] = state[S_KIND]
        row[at + 10] = rivalry
        row[at + 11] = measures[best, X_UNITS] / units
    return at + 12


@helper
def _neighbours(blocks: Array, elements: Array, shapes: Array, features: Array, at: Number) -> Number:
    """Two blocks before and two behind: their size, their links, whether they share an element or its parent."""
    n = len(blocks)
    for i in range(n):
        column, mine = at, elements[blocks[i, B_ELEMENT], E_BLOCK]
        for step in (-2, -1, 1, 2):
            j = i + step
            if 0 <= j < n:
                other = elements[blocks[j, B_ELEMENT], E_BLOCK]
                features[i, column] = shapes[j, T_UNITS]
                features[i, column + 1] = shapes[j, T_LINKED]
                features[i, column + 2] = other == mine or elements[other, E_PARENT] == elements[mine, E_PARENT]
            else:
                features[i, column] = features[i, column + 1] = -1
                features[i, column + 2] = 0
            column += 3
    return at + 12
