"""What is known of each element: its words' scores, how much text it holds, which one looks like the article."""

import numpy as np

from stages.extraction.block_shape import T_COMMAS, T_LINKED, T_UNITS, UNITS_OF_PARAGRAPH
from stages.extraction.jit import Array, Number, helper
from stages.extraction.layout import (
    B_ELEMENT,
    E_BLOCK,
    E_FLAGS,
    E_PARENT,
    E_TAG,
    E_TOKENS,
    E_TOKENS_END,
    IS_HIDDEN,
)
from stages.extraction.lookup import score
from stages.extraction.tags import BLOCK, KIND, TAG

# Measures, float32.
X_SCORE, X_SUM, X_LEAST, X_MOST, X_UNITS, X_LINKED, X_PARAGRAPHS, X_BLOCKS, X_ARTICLE = range(9)
X_COLUMNS = 9
# Relations, int64.
R_WITHIN, R_SINCE_BAD, R_UP, R_LEVEL, R_LISTS = range(5)
R_COLUMNS = 5

# Bits of R_WITHIN: which elements an element lies in.
WITHIN = "article main nav header footer aside form table ul ol blockquote figure h1 h2 h3 h4 h5 h6 dl pre section li td code".split()
_BIT = np.zeros(len(KIND), np.int64)
for _i, _name in enumerate(WITHIN):
    _BIT[TAG[_name]] = 1 << _i
_BIT[TAG["th"]] = _BIT[TAG["td"]]
_UL, _OL = TAG["ul"], TAG["ol"]
H1_BIT = 1 << WITHIN.index("h1")
H1_SHIFT = WITHIN.index("h1")
HEADING_BITS = 63 << H1_SHIFT
_BAD = -1.0  # a score that says: not content
_FAR = 50
_FEW_VOTES = np.float32(1e-3)


@helper
def relate_elements(
    elements: Array, tokens: Array, keys: Array, values: Array, measures: Array, relations: Array
) -> None:
    """Scores of the elements' words, and what they inherit from the elements around them. Both tables come as zeros."""
    relations[0, R_SINCE_BAD] = _FAR
    for e in range(1, len(elements)):
        parent, tag = elements[e, E_PARENT], elements[e, E_TAG]
        least = most = np.float32(0)
        for t in range(elements[e, E_TOKENS], elements[e, E_TOKENS_END]):
            found = score(tokens[t], keys, values)
            if found < least:
                least = found
            if found > most:
                most = found
        measures[e, X_SCORE] = least + most
        measures[e, X_SUM] = measures[parent, X_SUM] * np.float32(0.9) + least + most
        measures[e, X_LEAST] = least if least < measures[parent, X_LEAST] else measures[parent, X_LEAST]
        measures[e, X_MOST] = most if most > measures[parent, X_MOST] else measures[parent, X_MOST]
        relations[e, R_WITHIN] = relations[parent, R_WITHIN] | _BIT[tag]
        since = relations[parent, R_SINCE_BAD]
        relations[e, R_SINCE_BAD] = 0 if least < _BAD else since + (since < _FAR)
        relations[e, R_LISTS] = relations[parent, R_LISTS] + (tag == _UL or tag == _OL)


@helper
def weigh_elements(elements: Array, blocks: Array, shapes: Array, measures: Array) -> None:
    """How much text, linked text and how many paragraphs lie in each element; readability's votes for the article."""
    for i in range(len(blocks)):
        e = blocks[i, B_ELEMENT]
        units, linked = shapes[i, T_UNITS], shapes[i, T_LINKED]
        free = units * (1 - linked)
        measures[e, X_UNITS] += units
        measures[e, X_LINKED] += units * linked
        measures[e, X_BLOCKS] += 1
        measures[e, X_PARAGRAPHS] += free > UNITS_OF_PARAGRAPH
        if free > UNITS_OF_PARAGRAPH / 2:
            bonus = free / 20
            if bonus > 3:
                bonus = 3.0
            votes = (1 + shapes[i, T_COMMAS] + bonus) * (1 - linked)
            above = elements[elements[e, E_BLOCK], E_PARENT]
            for _ in range(3):
                if above >= 0:
                    measures[above, X_ARTICLE] += votes
                    above = elements[above, E_PARENT]
                votes *= np.float32(0.45)
    for e in range(len(elements) - 1, 0, -1):
        for column in range(X_UNITS, X_BLOCKS + 1):
            measures[elements[e, E_PARENT], column] += measures[e, column]


@helper
def best_article(elements: Array, measures: Array) -> tuple[Number, Number]:
    """The element with most votes, links and bad words counted against it, and the runner-up's share of its votes."""
    best, first, second = 0, np.float32(-1), np.float32(0)
    for e in range(len(elements)):
        if measures[e, X_ARTICLE] > 0 and measures[e, X_UNITS] > 0:
            votes = measures[e, X_ARTICLE] * (1 - measures[e, X_LINKED] / measures[e, X_UNITS])
            standing = measures[e, X_SUM]
            if standing > 2:
                standing = np.float32(2)
            if standing < -2:
                standing = np.float32(-2)
            votes *= 1 + np.float32(0.15) * standing
            if elements[e, E_FLAGS] & IS_HIDDEN:
                votes *= np.float32(0.3)
            if votes > first:
                best, first, second = e, votes, first
            elif votes > second:
                second = votes
    return best, (second if second > 0 else 0.0) / (first if first > _FEW_VOTES else _FEW_VOTES)


@helper
def climb(elements: Array, measures: Array, relations: Array, best: Number) -> None:
    """For each element: the next block-level one around it that holds more, and the steps from `best` to it."""
    for e in range(len(elements)):
        relations[e, R_LEVEL] = -1
    step, e = 0, best
    while e >= 0:
        relations[e, R_LEVEL] = step
        step, e = step + 1, elements[e, E_PARENT]
    relations[0, R_UP] = 0
    for e in range(1, len(elements)):
        parent = elements[e, E_PARENT]
        if relations[e, R_LEVEL] < 0:
            relations[e, R_LEVEL] = relations[parent, R_LEVEL]
        if measures[parent, X_UNITS] == measures[e, X_UNITS]:
            relations[e, R_UP] = relations[parent, R_UP]
        elif KIND[elements[parent, E_TAG]] == BLOCK:
            relations[e, R_UP] = parent
        else:
            relations[e, R_UP] = elements[parent, E_BLOCK]
