"""Text between tags: white space folded (kept in <pre>), references decoded, cut into blocks."""

from stages.extraction.bytes import LESS, NEWLINE, SPACE, TAB, is_space
from stages.extraction.entities import AMPERSAND, entity, first_code, write_entity
from stages.extraction.jit import Array, Number, helper
from stages.extraction.layout import (
    B_BOLD,
    B_CELL,
    B_ELEMENT,
    B_END,
    B_LINKED,
    B_LINKS,
    B_PRE,
    B_START,
    S_BLOCKS,
    S_BOLD,
    S_BREAKS,
    S_CELL,
    S_CURRENT,
    S_FRESH_PRE,
    S_HIDDEN,
    S_LINKED,
    S_NEW_LINK,
    S_OPEN,
    S_PRE,
    S_SPACE,
    S_TEXT,
)

_NO_BREAK_SPACE, _SOFT_HYPHEN, _ZERO_WIDTH, _MARK = 0xA0, 0xAD, 0x200B, 0xFEFF
_BLANK_LINE = 2  # <br> in a row end a block
_ROOM = 16  # bytes that one step of the parser may write


@helper
def characters(source: Array, at: Number, text: Array, blocks: Array, s: Array) -> Number:
    """Take the text from `at` to the next tag; returns where that is."""
    n = len(source)
    if s[S_HIDDEN] > 0:
        while at < n and source[at] != LESS:
            at += 1
        return at
    while at < n and source[at] != LESS:
        byte = source[at]
        if is_space(byte):
            at = _white(source, at, text, blocks, s)
        elif byte == AMPERSAND:
            at = _reference(source, at, text, blocks, s)
        elif byte < SPACE or byte == 0x7F:
            at += 1
        elif byte == 0xC2 and at + 1 < n and source[at + 1] == _NO_BREAK_SPACE:
            at += 2
            s[S_SPACE] = 1
        elif byte == 0xC2 and at + 1 < n and source[at + 1] == _SOFT_HYPHEN:
            at += 2
        elif (byte == 0xE2 and at + 2 < n and source[at + 1] == 0x80 and source[at + 2] == 0x8B) or (
            byte == 0xEF and at + 2 < n and source[at + 1] == 0xBB and source[at + 2] == 0xBF
        ):
            at += 3
        else:
            at = _plain(source, at, text, blocks, s)
    return at


@helper
def _white(source: Array, at: Number, text: Array, blocks: Array, s: Array) -> Number:
    byte = source[at]
    if s[S_PRE] == 0:
        s[S_SPACE] = 1
    elif byte == NEWLINE and s[S_FRESH_PRE]:
        s[S_FRESH_PRE] = 0
    elif byte == NEWLINE or byte == TAB or byte == SPACE:
        _begin(text, blocks, s)
        _put(text, byte, s)
    return at + 1


@helper
def _put(text: Array, byte: Number, s: Array) -> None:
    if s[S_TEXT] + _ROOM < len(text):
        text[s[S_TEXT]] = byte
        s[S_TEXT] += 1


@helper
def _plain(source: Array, at: Number, text: Array, blocks: Array, s: Array) -> Number:
    """Copy bytes up to one that needs a closer look."""
    _begin(text, blocks, s)
    n, out = len(source), s[S_TEXT]
    start, room = out, len(text) - _ROOM
    while out < room:
        text[out] = source[at]
        out += 1
        at += 1
        if at >= n:
            break
        byte = source[at]
        if byte == LESS or byte == AMPERSAND or byte <= SPACE or byte == 0xC2 or byte == 0xE2 or byte == 0xEF:
            break
    if out == start:
        return n
    _count(blocks, s, out - start)
    s[S_TEXT] = out
    return at


@helper
def _reference(source: Array, at: Number, text: Array, blocks: Array, s: Array) -> Number:
    kind, value, end = entity(source, at)
    if kind == 0:
        literal(source, at, text, blocks, s)
        return at + 1
    code = first_code(kind, value)
    if code == _NO_BREAK_SPACE or (0 <= code <= SPACE and is_space(code) and s[S_PRE] == 0):
        s[S_SPACE] = 1
    elif code == NEWLINE or code == TAB or code == SPACE:
        _begin(text, blocks, s)
        _put(text, code, s)
    elif not (0 <= code < SPACE) and code != _SOFT_HYPHEN and code != _ZERO_WIDTH and code != _MARK:
        _begin(text, blocks, s)
        start = s[S_TEXT]
        if start + _ROOM < len(text):
            s[S_TEXT] = write_entity(text, start, kind, value)
        _count(blocks, s, s[S_TEXT] - start)
    return end


@helper
def literal(source: Array, at: Number, text: Array, blocks: Array, s: Array) -> None:
    """Take one byte as it stands: a '<' or '&' that begins nothing."""
    if s[S_HIDDEN] > 0:
        return
    _begin(text, blocks, s)
    _put(text, source[at], s)
    _count(blocks, s, 1)


@helper
def _count(blocks: Array, s: Array, n_bytes: Number) -> None:
    row = s[S_BLOCKS]
    if s[S_LINKED] > 0:
        blocks[row, B_LINKED] += n_bytes
    if s[S_BOLD] > 0:
        blocks[row, B_BOLD] += n_bytes


@helper
def _begin(text: Array, blocks: Array, s: Array) -> None:
    """Make ready for a character: line breaks and space that are due, a block if none is open."""
    if s[S_BREAKS] > 0:
        if s[S_OPEN] and s[S_BREAKS] >= _BLANK_LINE:
            end_block(blocks, text, s)
        elif s[S_OPEN]:
            _put(text, NEWLINE, s)
        s[S_BREAKS], s[S_SPACE] = 0, 0
    if not s[S_OPEN]:
        _open_block(blocks, s)
    elif s[S_SPACE]:
        _put(text, SPACE, s)
    s[S_SPACE], s[S_FRESH_PRE] = 0, 0
    if s[S_NEW_LINK]:
        blocks[s[S_BLOCKS], B_LINKS] += 1
        s[S_NEW_LINK] = 0


@helper
def _open_block(blocks: Array, s: Array) -> None:
    row = s[S_BLOCKS]
    blocks[row, B_START], blocks[row, B_END] = s[S_TEXT], s[S_TEXT]
    blocks[row, B_ELEMENT] = s[S_CURRENT]
    blocks[row, B_LINKED], blocks[row, B_BOLD] = 0, 0
    blocks[row, B_LINKS] = 1 if s[S_LINKED] > 0 else 0
    blocks[row, B_CELL] = s[S_CELL]
    blocks[row, B_PRE] = 1 if s[S_PRE] > 0 else 0
    s[S_OPEN], s[S_NEW_LINK], s[S_CELL] = 1, 0, 0


@helper
def end_block(blocks: Array, text: Array, s: Array) -> None:
    """Close the open block, if there is one, without white space at its end."""
    if s[S_OPEN]:
        row, end = s[S_BLOCKS], s[S_TEXT]
        while end > blocks[row, B_START] and is_space(text[end - 1]):
            end -= 1
        blocks[row, B_END] = end
        if end > blocks[row, B_START] and row + 1 < len(blocks):
            s[S_BLOCKS] = row + 1
        s[S_OPEN] = 0
    s[S_BREAKS], s[S_SPACE] = 0, 0
