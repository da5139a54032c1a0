"""Finding the next good record of a compressed file after damage, or from the middle of it.

One pure function of the bytes decides where records may start, so that the reader of a slice that ends in a damaged
range and the reader of the slice that begins in it agree on the place without talking to each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from stages.read_input import BLOCK, Input
from stages.warc_codecs import BZIP2, GZIP, XZ, Codec, lz4_codec, zstd_codec
from stages.warc_grammar import AnyRecord, Starts

PREFIX = 16 << 10  # decompressed bytes shown to the grammar; holds any ARC line
STEP = 512  # compressed bytes fed at a time, so that what precedes damage is not lost with it
FAR = 64 << 20  # bytes in which the first record is looked for
TRIES = 64  # steps; 32 KiB of input without a record header is no record


def prefix_at(source: Input, codec: Codec, offset: int) -> bytes:
    """What can be decoded of the stream that begins at `offset`, up to a few kB; empty if no stream begins there."""
    if bytes(source.view(offset, len(codec.magic))) != codec.magic:
        return b""
    decoder, data = codec.new(), b""
    for step in range(TRIES):
        view = source.view(offset + step * STEP, STEP)
        try:
            data += decoder.decompress(view, PREFIX)
        except codec.errors:
            break
        if decoder.eof or not view or not decoder.needs_input or len(data) >= 256:
            break
    return data


def readable_at(source: Input, codec: Codec, offset: int, most: int) -> tuple[bytes, int]:
    """All that a stream gives before its damage, up to about `most` bytes, and the compressed bytes that took.

    Decoders keep what they have where they fail inside a step: the last one is repeated byte by byte.
    """
    _, sound = _fed(source, codec, offset, repeat(STEP), most)
    return _fed(source, codec, offset, chain(repeat(STEP, sound // STEP), repeat(1, STEP)), most)


def _fed(source: Input, codec: Codec, offset: int, steps: Iterable[int], most: int) -> tuple[bytes, int]:
    decoder, size, taken = codec.new(), 0, 0
    parts: list[bytes] = []
    for step in steps:
        view = source.view(offset + taken, step)
        data: bytes | memoryview = view
        while True:
            try:
                part = decoder.decompress(memoryview(data), PREFIX)
            except codec.errors:
                return b"".join(parts), taken
            data = b""
            parts.append(part)
            size += len(part)
            if not part or decoder.eof or decoder.needs_input or size >= most:
                break
        taken += len(view)
        if decoder.eof or len(view) < step or size >= most:
            break
    return b"".join(parts), taken


def next_start(source: Input, codec: Codec, grammar: Starts, begin: int) -> int:
    """Offset of the first stream at or after `begin` that decodes to the start of a record; the size if none."""
    while begin < source.size:
        window = bytes(source.view(begin, BLOCK))
        at = window.find(codec.magic)
        while at >= 0:
            if grammar.starts(prefix_at(source, codec, begin + at)):
                return begin + at
            at = window.find(codec.magic, at + 1)
        begin += max(1, len(window) - len(codec.magic) + 1)
    return source.size


def first_record(source: Input, codec: Codec | None) -> tuple[Codec | None, bytes]:
    """How a file is compressed that does not begin with a record, and the beginning of its first one.

    Damage may have hit the very bytes that tell. codec: what the first bytes say, which is kept where no record is
    found in the first `FAR` bytes.
    """
    others = (None, *(c for c in (GZIP, zstd_codec(), lz4_codec(), BZIP2, XZ) if codec is None or c.name != codec.name))
    return (codec and _earliest(source, (codec,))) or _earliest(source, others) or (codec, b"")


def _earliest(source: Input, guesses: Sequence[Codec | None]) -> tuple[Codec | None, bytes] | None:
    for base in range(0, min(source.size, FAR), BLOCK):
        window = bytes(source.view(base, BLOCK + PREFIX))
        found = [(at, head, guess) for guess in guesses for at, head in _first_in(source, window, base, guess)]
        if found:
            _, head, guess = min(found, key=lambda one: one[0])
            return guess, head
    return None


def _first_in(source: Input, window: bytes, base: int, codec: Codec | None) -> Iterator[tuple[int, bytes]]:
    """Where in the window the first record of that compression begins, and its beginning; nothing if there is none."""
    either = AnyRecord()
    if codec is None:
        if (at := either.find(window, 0)) >= 0:
            yield at, window[at : at + PREFIX]
        return
    at = window.find(codec.magic)
    while at >= 0:
        head = prefix_at(source, codec, base + at)
        if either.starts(head):
            yield at, head
            return
        at = window.find(codec.magic, at + 1)
