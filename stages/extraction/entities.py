"""Character references: the full HTML table, HTML's repairs of numeric ones."""

import html.entities

import numpy as np

from stages.extraction.jit import Array, Number, helper
from stages.extraction.tags import FNV_BASIS, FNV_MASK, FNV_PRIME, fnv, hash_table

# With and without the final semicolon are different entries, as in the standard's table.
_ENTRIES = sorted(html.entities.html5.items())
_VALUES = [value.encode() for _, value in _ENTRIES]
_KEYS, _INDICES = hash_table([fnv(name) for name, _ in _ENTRIES])
_BYTES = np.frombuffer(b"".join(_VALUES), np.uint8)
_STARTS = np.cumsum([0, *map(len, _VALUES)])
_LONGEST = max(len(name) for name, _ in _ENTRIES)
_LONGEST_BARE = max(len(name) for name, _ in _ENTRIES if not name.endswith(";"))

# What numbers of C1 controls mean: characters of Windows-1252.
_C1 = np.array([ord(bytes([i]).decode("cp1252", "replace")) for i in range(0x80, 0xA0)], np.int64)
_C1[_C1 == 0xFFFD] = np.arange(0x80, 0xA0)[_C1 == 0xFFFD]

AMPERSAND, SEMICOLON, HASH = 0x26, 0x3B, 0x23
MOST_BYTES = 6  # of one reference's value, from at least 4 bytes of source
REPLACEMENT, MOST_CODE = 0xFFFD, 0x10FFFF


@helper
def write_code(text: Array, out: Number, code: Number) -> Number:
    """Append a code point as UTF-8; returns the new length."""
    if code < 0x80:
        text[out] = code
        return out + 1
    if code < 0x800:
        text[out] = 0xC0 | (code >> 6)
        text[out + 1] = 0x80 | (code & 63)
        return out + 2
    if code < 0x10000:
        text[out] = 0xE0 | (code >> 12)
        text[out + 1] = 0x80 | ((code >> 6) & 63)
        text[out + 2] = 0x80 | (code & 63)
        return out + 3
    text[out] = 0xF0 | (code >> 18)
    text[out + 1] = 0x80 | ((code >> 12) & 63)
    text[out + 2] = 0x80 | ((code >> 6) & 63)
    text[out + 3] = 0x80 | (code & 63)
    return out + 4


@helper
def entity(source: Array, at: Number) -> tuple[Number, Number, Number]:
    """The reference at source[at] == '&': (kind, value, end); kind 0 none, 1 code point, 2 entry of the table."""
    n = len(source)
    if at + 1 >= n:
        return 0, 0, at + 1
    if source[at + 1] == HASH:
        return _numeric(source, at)
    value, best, end = FNV_BASIS, -1, at + 1
    i = at + 1
    while i < n and i - at <= _LONGEST:
        byte = source[i]
        alphanumeric = 48 <= byte <= 57 or 97 <= (byte | 32) <= 122
        if not alphanumeric and byte != SEMICOLON:
            break
        value = ((value ^ byte) * FNV_PRIME) & FNV_MASK
        i += 1
        if byte == SEMICOLON or i - at - 1 <= _LONGEST_BARE:
            found = _lookup(value)
            if found >= 0:
                best, end = found, i
        if byte == SEMICOLON:
            break
    if best < 0:
        return 0, 0, at + 1
    return 2, best, end


@helper
def _lookup(key: Number) -> Number:
    mask = len(_KEYS) - 1
    slot = (key ^ (key >> 15)) & mask
    while _KEYS[slot] != -1:
        if _KEYS[slot] == key:
            return _INDICES[slot]
        slot = (slot + 1) & mask
    return -1


@helper
def _numeric(source: Array, at: Number) -> tuple[Number, Number, Number]:
    n, i = len(source), at + 2
    base = 10
    if i < n and (source[i] | 32) == 120:
        base, i = 16, i + 1
    start, code = i, 0
    while i < n:
        byte = source[i]
        if 48 <= byte <= 57:
            digit = byte - 48
        elif base == 16 and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            break
        code = code * base + digit
        if code > MOST_CODE:
            code = MOST_CODE + 1
        i += 1
    if i == start:
        return 0, 0, at + 1
    if i < n and source[i] == SEMICOLON:
        i += 1
    if code == 0 or code > MOST_CODE or 0xD800 <= code < 0xE000:
        code = REPLACEMENT
    elif 0x80 <= code < 0xA0:
        code = _C1[code - 0x80]
    return 1, code, i


@helper
def write_entity(text: Array, out: Number, kind: Number, value: Number) -> Number:
    """Append what `entity` found; returns the new length."""
    if kind == 1:
        return write_code(text, out, value)
    for i in range(_STARTS[value], _STARTS[value + 1]):
        text[out] = _BYTES[i]
        out += 1
    return out


@helper
def first_code(kind: Number, value: Number) -> Number:
    """The code point of a reference, where it matters: white space and what is never seen."""
    if kind == 1:
        return value
    start = _STARTS[value]
    if _STARTS[value + 1] - start == 1:
        return _BYTES[start]
    if _STARTS[value + 1] - start == 2:
        return (_BYTES[start] & 31) << 6 | (_BYTES[start + 1] & 63)
    if _STARTS[value + 1] - start == 3:
        return (_BYTES[start] & 15) << 12 | (_BYTES[start + 1] & 63) << 6 | (_BYTES[start + 2] & 63)
    return -1
