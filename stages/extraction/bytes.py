"""Bytes that mean something in HTML."""

from stages.extraction.jit import Array, Number, helper

TAB, NEWLINE, RETURN, SPACE = 0x09, 0x0A, 0x0D, 0x20
LESS, GREATER, SLASH, BANG, QUESTION, EQUALS, DASH = 0x3C, 0x3E, 0x2F, 0x21, 0x3F, 0x3D, 0x2D
QUOTE, APOSTROPHE = 0x22, 0x27


@helper
def is_space(byte: Number) -> Number:
    return byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13


@helper
def lower(byte: Number) -> Number:
    return byte | 32 if 65 <= byte <= 90 else byte


@helper
def after(source: Array, at: Number, byte: Number) -> Number:
    """The position behind the next such byte, or the end."""
    n = len(source)
    while at < n and source[at] != byte:
        at += 1
    return at + 1 if at < n else n
