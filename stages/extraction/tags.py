"""HTML's element names as small numbers, and what kind each is."""

import numpy as np

from stages.extraction.jit import Array

FNV_BASIS, FNV_PRIME, FNV_MASK = 2166136261, 16777619, 0xFFFFFFFF

UNKNOWN, BLOCK, INLINE, VOID, RAW, HIDDEN = range(6)  # kinds
_NAMES = {
    BLOCK: "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup html legend li listing main menu nav ol p pre section search summary"
    " table tbody td tfoot th thead tr ul caption colgroup frameset head plaintext",
    INLINE: "a abbr acronym b bdi bdo big button cite code del dfn em font i ins kbd label map mark math nobr noscript"
    " output picture q rb rp rt ruby s samp slot small span strike strong sub sup time tt u var",
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr",
    # Text up to their own end tag; none of it is content.
    RAW: "iframe noembed noframes script style textarea title xmp",
    # Markup nobody reads: drawings, choices, what shows only where a plug-in is missing.
    HIDDEN: "applet audio canvas datalist object optgroup option select svg template video",
}
NAMES = ("?", *(name for names in _NAMES.values() for name in names.split()))
TAG = {name: i for i, name in enumerate(NAMES)}
KIND = np.array([UNKNOWN, *(kind for kind, names in _NAMES.items() for _ in names.split())], np.uint8)


def fnv(text: str, basis: int = FNV_BASIS) -> int:
    """FNV-1a, 32 bits, of the UTF-8 bytes."""
    value = basis
    for byte in text.encode():
        value = ((value ^ byte) * FNV_PRIME) & FNV_MASK
    return value


def hash_table(keys: list[int], least: int = 1024) -> tuple[Array, Array]:
    """An open-addressing table: (key or -1 by slot, index into `keys` by slot). Keys are distinct, below 2**32."""
    size = least
    while size < 3 * max(1, len(keys)):
        size *= 2
    slots, indices = np.full(size, -1, np.int64), np.zeros(size, np.int32)
    for index, key in enumerate(keys):
        slot = (key ^ (key >> 15)) & (size - 1)
        while slots[slot] != -1:
            slot = (slot + 1) & (size - 1)
        slots[slot], indices[slot] = key, index
    return slots, indices


TAG_KEYS, TAG_INDICES = hash_table([fnv(name) for name in NAMES])


def tags(names: str) -> tuple[int, ...]:
    """The numbers of some elements."""
    return tuple(TAG[name] for name in names.split())
