"""The shape of a page, and which shapes each parser can be trusted with."""

from typing import NamedTuple


class Shape(NamedTuple):
    """What decides whether a parser can be trusted with a page; its size alone does not.

    tags: start and end tags. tokens: tags and attributes.
    depth: most elements open at once, in libxml2's way of closing them or counting every start tag without an end tag
    (HTML5 re-opens unclosed <font>, <b>... in each paragraph), whichever is more.
    attributes: most in one tag.
    names: distinct ones of elements and attributes; lexbor looks unknown ones up in chains (40,000 take it a second).
    work: the depth, summed over start tags, since parsers walk the stack of open elements for many a tag; plus, for
    each <option>, <optgroup>, <rt> and <rp>, an eighth of those before it, which lexbor walks. 60 ns a unit.
    """

    tags: int
    tokens: int
    depth: int
    attributes: int
    names: int
    work: int


# Beyond these trafilatura takes many seconds or hundreds of MB: jusText, which it compares itself with, is quadratic in
# short paragraphs (4,000 in a row take 1.5 s), an attribute takes 1.3 kB, a unit of work 0.9 us (CPython 3.11,
# trafilatura 2.3). Such pages go to resiliparse. Of 2,095 real pages 1 % have more than 8,000 tags, and on those
# resiliparse is as good (F1 .71/.63/.64 against .69/.64/.65); none comes near the other limits.
TRAFILATURA_MOST = Shape(tags=8_000, tokens=100_000, depth=250, attributes=1_000, names=5_000, work=2_000_000)
TRAFILATURA_MOST_BYTES = 5_000_000

# Engine fast holds 110 numbers a block: 170 MB at the 400,000 tags the caps allow. The largest of the 2,095: 19,416 tags.
FAST_MOST_TAGS = 100_000


def fits_trafilatura(shape: Shape, n_bytes: int) -> bool:
    """Whether trafilatura copes with a page of this shape in a few seconds and 200 MB."""
    return n_bytes <= TRAFILATURA_MOST_BYTES and all(a <= b for a, b in zip(shape, TRAFILATURA_MOST, strict=True))
