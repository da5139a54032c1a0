"""The stack of open elements: which end tags are implied, and what an end tag closes.

Every question is answered from `opened`, the innermost open element by name, so no tag walks the stack but to close
what it passes: the work is linear in the page whatever is left unclosed.
"""

import numpy as np

from stages.extraction.characters import end_block
from stages.extraction.jit import Array, Number, helper
from stages.extraction.layout import (
    E_BLOCK,
    E_DEPTH,
    E_END,
    E_FIRST,
    E_FLAGS,
    E_PARENT,
    E_SHADOWED,
    E_TAG,
    E_TOKENS,
    E_TOKENS_END,
    IS_NOSCRIPT,
    S_BLOCKS,
    S_BOLD,
    S_CELL,
    S_CURRENT,
    S_ELEMENTS,
    S_FRESH_PRE,
    S_HIDDEN,
    S_LINKED,
    S_NEW_LINK,
    S_OPEN,
    S_PRE,
    S_TOKENS,
)
from stages.extraction.tags import BLOCK, HIDDEN, KIND, TAG, tags


def _group(names: str) -> Array:
    return np.array(tags(names), np.int64)


_A, _P, _LI, _DD, _DT, _TABLE, _TR = tags("a p li dd dt table tr")
_TD, _TH, _CAPTION, _SVG, _MATH, _OPTION, _SELECT = tags("td th caption svg math option select")
_TBODY, _THEAD, _TFOOT, _NOSCRIPT, _BR = tags("tbody thead tfoot noscript br")
_BODY, _HTML, _HEAD = tags("body html head")
_HEADINGS = _group("h1 h2 h3 h4 h5 h6")
_H1, _H6 = TAG["h1"], TAG["h6"]
_LISTS = _group("ul ol menu td th table blockquote section article")
_TERMS = _group("dl td th table blockquote section article")
_CELLS = _group("td th caption table")
_P_SCOPE = _group("td th caption table button object")
_TERM, _CELL, _DRAWING = _group("dd dt"), _group("td th"), _group("svg math")
_ROW_GROUP, _ROWS = _group("tbody thead tfoot"), _group("tbody thead tfoot tr caption")

_IS_PRE, _IS_BOLD, _IS_TABLE_PART = 1, 2, 3
_ROLE = np.zeros(len(KIND), np.uint8)
_ROLE[list(tags("pre listing plaintext"))] = _IS_PRE
_ROLE[list(tags("b strong"))] = _IS_BOLD
_ROLE[list(tags("td th tr tbody thead tfoot caption"))] = _IS_TABLE_PART


@helper
def _innermost(opened: Array, names: Array) -> Number:
    """The deepest open element of some names; 0 if none is open."""
    found = 0
    for name in names:
        if opened[name] > found:
            found = opened[name]
    return found


@helper
def _deeper(element: Number, other: Number) -> Number:
    return element if element > other else other


@helper
def _close_to(element: Number, elements: Array, opened: Array, s: Array) -> None:
    """Close the innermost open elements up to this one."""
    ends = s[S_BLOCKS] + (1 if s[S_OPEN] else 0)
    while s[S_CURRENT] >= element:
        current = s[S_CURRENT]
        tag = elements[current, E_TAG]
        elements[current, E_END] = ends
        opened[tag] = elements[current, E_SHADOWED]
        _count_open(tag, -1, s)
        s[S_CURRENT] = elements[current, E_PARENT]


@helper
def _count_open(tag: Number, change: Number, s: Array) -> None:
    if tag == _A:
        s[S_LINKED] += change
    elif _ROLE[tag] == _IS_PRE:
        s[S_PRE] += change
    elif _ROLE[tag] == _IS_BOLD:
        s[S_BOLD] += change
    elif KIND[tag] == HIDDEN:
        s[S_HIDDEN] += change


@helper
def _leave(element: Number, scope: Number, elements: Array, opened: Array, s: Array) -> Number:
    """Close an open element, unless there is none (0) or it lies outside `scope`; returns whether it did."""
    if element <= scope:
        return False
    _close_to(element, elements, opened, s)
    return True


@helper
def imply_ends(tag: Number, elements: Array, blocks: Array, text: Array, opened: Array, s: Array) -> None:
    """Close what cannot contain this start tag."""
    if KIND[tag] == BLOCK:
        end_block(blocks, text, s)
        if tag != _TD and tag != _TH:
            s[S_CELL] = 0 if tag == _TR else s[S_CELL]
        _leave(_innermost(opened, _DRAWING), 0, elements, opened, s)
        _imply_block_ends(tag, elements, opened, s)
    elif tag == _A:
        _leave(opened[_A], _deeper(_innermost(opened, _CELLS), elements[s[S_CURRENT], E_BLOCK]), elements, opened, s)
    elif tag == _OPTION:
        _leave(opened[_OPTION], opened[_SELECT], elements, opened, s)
    elif tag == _SELECT:
        _leave(opened[_SELECT], 0, elements, opened, s)


@helper
def _imply_block_ends(tag: Number, elements: Array, opened: Array, s: Array) -> None:
    if tag == _LI:
        _leave(opened[_LI], _innermost(opened, _LISTS), elements, opened, s)
    elif tag == _DD or tag == _DT:
        _leave(_innermost(opened, _TERM), _innermost(opened, _TERMS), elements, opened, s)
    elif tag == _TD or tag == _TH:
        if _leave(_innermost(opened, _CELL), _deeper(opened[_TR], opened[_TABLE]), elements, opened, s):
            s[S_CELL] = 1
    elif tag == _TR:
        _leave(opened[_TR], opened[_TABLE], elements, opened, s)
    elif tag == _TBODY or tag == _THEAD or tag == _TFOOT:
        _leave(_innermost(opened, _ROWS), opened[_TABLE], elements, opened, s)
        _leave(_innermost(opened, _ROW_GROUP), opened[_TABLE], elements, opened, s)
    elif _H1 <= tag <= _H6 and _H1 <= elements[s[S_CURRENT], E_TAG] <= _H6:
        _close_to(s[S_CURRENT], elements, opened, s)
    if tag != _TD and tag != _TH and tag != _TR:
        _leave(opened[_P], _innermost(opened, _P_SCOPE), elements, opened, s)


@helper
def open_element(tag: Number, tokens: Number, flags: Number, elements: Array, opened: Array, s: Array) -> None:
    """Push an element whose tokens begin at `tokens`."""
    row, parent = s[S_ELEMENTS], s[S_CURRENT]
    if row >= len(elements):
        return
    elements[row, E_TAG], elements[row, E_PARENT] = tag, parent
    elements[row, E_TOKENS], elements[row, E_TOKENS_END] = tokens, s[S_TOKENS]
    elements[row, E_FLAGS] = flags | elements[parent, E_FLAGS] | (IS_NOSCRIPT if tag == _NOSCRIPT else 0)
    elements[row, E_DEPTH] = elements[parent, E_DEPTH] + 1
    elements[row, E_FIRST], elements[row, E_END] = s[S_BLOCKS], s[S_BLOCKS]
    elements[row, E_SHADOWED] = opened[tag]
    elements[row, E_BLOCK] = row if KIND[tag] == BLOCK else elements[parent, E_BLOCK]
    opened[tag] = row
    s[S_CURRENT], s[S_ELEMENTS] = row, row + 1
    _count_open(tag, 1, s)
    if tag == _A:
        s[S_NEW_LINK] = 1
    elif _ROLE[tag] == _IS_PRE:
        s[S_FRESH_PRE] = 1


@helper
def close_element(tag: Number, elements: Array, blocks: Array, text: Array, opened: Array, s: Array) -> None:
    """Act on an end tag."""
    is_block = KIND[tag] == BLOCK
    if is_block:
        end_block(blocks, text, s)
    if tag == _BODY or tag == _HTML or tag == _HEAD:
        return
    if _H1 <= tag <= _H6:
        _leave(_innermost(opened, _HEADINGS), _innermost(opened, _CELLS), elements, opened, s)
        return
    if _leave(opened[tag], _scope(tag, elements, opened, s), elements, opened, s) and is_block:
        s[S_CELL] = 1 if tag == _TD or tag == _TH else 0


@helper
def _scope(tag: Number, elements: Array, opened: Array, s: Array) -> Number:
    """The open element an end tag of this name cannot reach behind."""
    if tag == _TABLE:
        return 0
    if _ROLE[tag] == _IS_TABLE_PART:
        return opened[_TABLE]
    if tag == _LI:
        return _innermost(opened, _LISTS)
    if KIND[tag] == BLOCK or KIND[tag] == HIDDEN or tag == _NOSCRIPT:
        return _innermost(opened, _CELLS)
    return elements[s[S_CURRENT], E_BLOCK]
