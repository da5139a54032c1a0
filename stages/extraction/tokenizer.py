"""Tag soup to blocks of text and a table of elements: one pass over the bytes, after the HTML standard's tokenizer."""

from stages.extraction.attributes import attributes
from stages.extraction.bytes import BANG, DASH, GREATER, LESS, NEWLINE, QUESTION, SLASH, after, is_space, lower
from stages.extraction.characters import characters, end_block, literal
from stages.extraction.closing import close_element, imply_ends, open_element
from stages.extraction.jit import Array, Number, helper, kernel
from stages.extraction.layout import (
    E_END,
    S_BLOCKS,
    S_BREAKS,
    S_CURRENT,
    S_ELEMENTS,
    S_HIDDEN,
    S_OPEN,
    S_PRE,
    S_TEXT,
    S_TITLE,
    S_TITLE_END,
    S_TOKENS,
)
from stages.extraction.tags import (
    FNV_BASIS,
    FNV_MASK,
    FNV_PRIME,
    KIND,
    RAW,
    TAG_INDICES,
    TAG_KEYS,
    VOID,
    tags,
)

_BR, _HR, _TITLE, _SVG, _MATH, _BODY, _HTML, _HEAD = tags("br hr title svg math body html head")
_OPEN_BRACKET, _CLOSE_BRACKET = 0x5B, 0x5D
_LONGEST = 10  # letters of the longest known name


@kernel
def tokenize(
    source: Array, text: Array, elements: Array, blocks: Array, tokens: Array, opened: Array, s: Array
) -> None:
    """Parse a page of UTF-8. `opened` and `s` come as zeros; `s` tells how much of the other tables was filled.

    source: the page, uint8. text: uint8, 1.25 times as long plus 64. elements, blocks: a row per '<' and two more.
    """
    elements[0, :] = 0
    elements[0, 1] = -1
    s[S_ELEMENTS] = 1
    n, at = len(source), 0
    while at < n:
        if source[at] == LESS:
            at = _markup(source, at, text, elements, blocks, tokens, opened, s)
        else:
            at = characters(source, at, text, blocks, s)
    end_block(blocks, text, s)
    current = s[S_CURRENT]
    while current >= 0:
        elements[current, E_END] = s[S_BLOCKS]
        current = elements[current, 1]


@helper
def _markup(
    source: Array, at: Number, text: Array, elements: Array, blocks: Array, tokens: Array, opened: Array, s: Array
) -> Number:
    """Take what begins with the '<' at `at`; returns where to go on."""
    n = len(source)
    if at + 1 >= n:
        literal(source, at, text, blocks, s)
        return n
    byte = source[at + 1]
    if 97 <= (byte | 32) <= 122:
        return _start_tag(source, at + 1, text, elements, blocks, tokens, opened, s)
    if byte == SLASH and at + 2 < n:
        if 97 <= (source[at + 2] | 32) <= 122:
            return _end_tag(source, at + 2, text, elements, blocks, opened, s)
        return after(source, at + 2, GREATER)
    if byte == BANG:
        return _declaration(source, at, opened)
    if byte == QUESTION:
        return after(source, at, GREATER)
    literal(source, at, text, blocks, s)
    return at + 1


@helper
def _declaration(source: Array, at: Number, opened: Array) -> Number:
    """Skip a comment, a doctype or, inside drawings and formulas, CDATA; elsewhere `<![CDATA[` is a comment."""
    n = len(source)
    if at + 3 < n and source[at + 2] == DASH and source[at + 3] == DASH:
        return _comment_end(source, at + 4)
    if (opened[_SVG] > 0 or opened[_MATH] > 0) and at + 2 < n and source[at + 2] == _OPEN_BRACKET:
        at += 3
        while at + 2 < n:
            if source[at] == _CLOSE_BRACKET and source[at + 1] == _CLOSE_BRACKET and source[at + 2] == GREATER:
                return at + 3
            at += 1
        return n
    return after(source, at, GREATER)


@helper
def _comment_end(source: Array, at: Number) -> Number:
    """Where a comment ends whose text begins at `at`: after -->, --!> or, at once, > or ->."""
    n = len(source)
    if at < n and source[at] == GREATER:
        return at + 1
    if at + 1 < n and source[at] == DASH and source[at + 1] == GREATER:
        return at + 2
    while at + 2 < n:
        if source[at] == DASH and source[at + 1] == DASH:
            if source[at + 2] == GREATER:
                return at + 3
            if source[at + 2] == BANG and at + 3 < n and source[at + 3] == GREATER:
                return at + 4
        at += 1
    return n


@helper
def _name(source: Array, at: Number) -> tuple[Number, Number]:
    """(tag, where it ends) of the name that starts at `at`."""
    n, start, key = len(source), at, FNV_BASIS
    while at < n:
        byte = source[at]
        if byte == GREATER or byte == SLASH or is_space(byte):
            break
        key = ((key ^ lower(byte)) * FNV_PRIME) & FNV_MASK
        at += 1
    if at - start > _LONGEST:
        return 0, at
    mask = len(TAG_KEYS) - 1
    slot = (key ^ (key >> 15)) & mask
    while TAG_KEYS[slot] != -1:
        if TAG_KEYS[slot] == key:
            return TAG_INDICES[slot], at
        slot = (slot + 1) & mask
    return 0, at


@helper
def _end_tag(source: Array, at: Number, text: Array, elements: Array, blocks: Array, opened: Array, s: Array) -> Number:
    tag, at = _name(source, at)
    kind = KIND[tag]
    if tag == _BR:
        s[S_BREAKS] += 1
    elif kind != RAW and kind != VOID:
        close_element(tag, elements, blocks, text, opened, s)
    return after(source, at, GREATER)


@helper
def _start_tag(
    source: Array, at: Number, text: Array, elements: Array, blocks: Array, tokens: Array, opened: Array, s: Array
) -> Number:
    name = at
    tag, name_end = _name(source, at)
    first_token = s[S_TOKENS]
    at, flags, closes = attributes(source, name_end, tag, tokens, s)
    if at < 0:  # the page ends inside the tag
        return len(source)
    if KIND[tag] == VOID:
        _void(tag, text, blocks, s)
        s[S_TOKENS] = first_token
    elif KIND[tag] == RAW:
        s[S_TOKENS] = first_token
        if not (closes and (opened[_SVG] > 0 or opened[_MATH] > 0)):
            return _raw_text(source, name, name_end, at, tag, s)
    elif tag == _HTML or tag == _HEAD:
        end_block(blocks, text, s)
        s[S_TOKENS] = first_token
    elif not (closes and (opened[_SVG] > 0 or opened[_MATH] > 0)):
        imply_ends(tag, elements, blocks, text, opened, s)
        open_element(tag, first_token, flags, elements, opened, s)
    return at


@helper
def _void(tag: Number, text: Array, blocks: Array, s: Array) -> None:
    if tag == _HR:
        end_block(blocks, text, s)
    elif tag == _BR and s[S_HIDDEN] == 0:
        if s[S_PRE] == 0:
            s[S_BREAKS] += 1
        elif s[S_OPEN] and s[S_TEXT] + 16 < len(text):
            text[s[S_TEXT]] = NEWLINE
            s[S_TEXT] += 1


@helper
def _raw_text(source: Array, name: Number, name_end: Number, at: Number, tag: Number, s: Array) -> Number:
    """Skip the text of <script> and its like; returns the position behind their end tag, or the page's end."""
    n, letters, start = len(source), name_end - name, at
    while at + 1 < n:
        if source[at] == LESS and source[at + 1] == SLASH and _same_name(source, name, at + 2, letters):
            if tag == _TITLE and s[S_TITLE_END] == 0:
                s[S_TITLE], s[S_TITLE_END] = start, at
            return after(source, at + 2, GREATER)
        at += 1
    return n


@helper
def _same_name(source: Array, name: Number, at: Number, letters: Number) -> Number:
    n = len(source)
    if at + letters > n:
        return False
    for i in range(letters):
        if lower(source[name + i]) != lower(source[at + i]):
            return False
    if at + letters == n:
        return False
    byte = source[at + letters]
    return byte == GREATER or byte == SLASH or is_space(byte)
