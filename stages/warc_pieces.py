"""A file as a sequence of decompressed pieces, each with the byte range it came from; damage is a piece too."""

from collections.abc import Iterator
from dataclasses import dataclass

from stages.read_input import BLOCK, Input
from stages.warc_codecs import Codec, Decoder, skippable_size
from stages.warc_grammar import Starts
from stages.warc_recovery import next_start, prefix_at, readable_at

STEP = 32 << 10  # compressed bytes shown to a decoder first; most members end within them
CHUNK = 256 << 10  # decompressed bytes asked for at a time: isal takes memory for all of it before it begins
WHOLE = 8 << 20  # decompressed bytes up to which a member is held and verified whole before anything of it is used
BOMB_BYTES = 1 << 30  # a member this large ...
BOMB_RATIO = 500  # ... and this dense is given up; deflate's limit is 1,032


@dataclass(slots=True)
class Piece:
    """Decompressed bytes of one member (a gzip member, a zstd frame, ...) or a part of it.

    start, end: where the member begins in the file, and where the bytes used so far end. opens, closes: whether this
    is its first and its last piece. fault: why the bytes from `start` to `end` are lost; `data` then is what could be
    read of their beginning. Where a member goes wrong after pieces of it were given out, `start` is where they end.
    """

    data: bytes
    start: int
    end: int
    opens: bool = True
    closes: bool = True
    fault: str = ""


def plain_pieces(source: Input, start: int) -> Iterator[Piece]:
    """An uncompressed file, block by block; `start` of a piece is the offset of its first byte."""
    while start < source.size:
        data = source.read(start, BLOCK)
        if not data:
            return
        yield Piece(data, start, start + len(data), opens=False, closes=False)
        start += len(data)


class Members:
    """The members of a compressed file. After damage it goes on at the next member that begins a record."""

    def __init__(self, source: Input, codec: Codec, grammar: Starts) -> None:
        self.source, self.codec, self.grammar = source, codec, grammar

    def pieces(self, start: int) -> Iterator[Piece]:
        """Pieces in file order, without gaps: each member begins where the one before ends."""
        source, codec = self.source, self.codec
        while start < source.size:
            view = source.view(start, STEP)
            if codec.skips and (size := skippable_size(view)) is not None:
                piece = self._skippable(start, start + size)
                yield piece
                start = piece.end
                continue
            decoder = codec.new()
            try:
                data = decoder.decompress(view, CHUNK)
            except codec.errors:
                for piece in self._given_up(*readable_at(source, codec, start, WHOLE), start, "damaged"):
                    yield piece
            else:
                if decoder.eof:
                    piece = Piece(data, start, start + len(view) - len(decoder.unused_data or b""))
                    yield piece
                else:
                    for piece in self._long(decoder, data, start, start + len(view)):
                        yield piece
            start = piece.end

    def _skippable(self, start: int, end: int) -> Piece:
        """A frame without data. A false size must not hide records: the frame ends where the next one can be read."""
        stop = min(end, next_start(self.source, self.codec, self.grammar, start + 8))
        return Piece(b"", start, stop, fault="truncated" if end > stop == self.source.size else "")

    def _long(self, decoder: Decoder, data: bytes, start: int, taken: int) -> Iterator[Piece]:
        """The rest of a member that is longer than `STEP`; held whole up to `WHOLE`, then piece by piece."""
        parts, held, total, opens = [data], len(data), len(data), True
        while not decoder.eof:
            data, read, why = self._more(decoder, taken)
            total += len(data)
            if why or self._is_bomb(total, taken - start):
                yield from self._broken_off(b"".join(parts), start, taken + read, why or "bomb", opens)
                return
            taken += read
            parts.append(data)
            held += len(data)
            if held > WHOLE and not decoder.eof:
                yield Piece(b"".join(parts), start, taken, opens, closes=False)
                parts, held, opens = [], 0, False
        yield Piece(b"".join(parts), start, taken - len(decoder.unused_data or b""), opens)

    def _broken_off(self, held: bytes, start: int, taken: int, why: str, opens: bool) -> Iterator[Piece]:
        """The end of a long member that goes wrong: what is held of it, then the lost range."""
        if not opens:
            if held:
                yield Piece(held, start, taken, opens=False, closes=False)
            yield self._fault(start, taken, why, opens)
        elif why == "damaged":
            yield from self._given_up(*readable_at(self.source, self.codec, start, WHOLE), start, why)
        else:
            yield from self._given_up(held, taken - start, start, why)

    def _given_up(self, data: bytes, used: int, start: int, why: str) -> Iterator[Piece]:
        """A damaged member: where it holds several records, those before the damage; then the lost range."""
        if self.grammar.goes_on(data):
            yield Piece(data, start, start + used, opens=True, closes=False)
            yield self._fault(start, start + used, why, opens=False)
        else:
            yield self._fault(start, start + used, why, opens=True)

    def _more(self, decoder: Decoder, taken: int) -> tuple[bytes, int, str]:
        """One step of decoding: data, compressed bytes read for it, and why it failed."""
        asked = decoder.needs_input
        view = self.source.view(taken, STEP) if asked else memoryview(b"")
        try:
            data = decoder.decompress(view, CHUNK)
        except self.codec.errors:
            return b"", 0, "damaged"
        stuck = not view and not data and not decoder.eof and decoder.needs_input == asked
        return data, len(view), "truncated" if stuck else ""

    def _is_bomb(self, total: int, taken: int) -> bool:
        return total > BOMB_BYTES and total > BOMB_RATIO * taken

    def _fault(self, start: int, taken: int, why: str, opens: bool) -> Piece:
        """The lost range up to the next record that can be read; a member that is only cut off has none after it."""
        end = next_start(self.source, self.codec, self.grammar, start + 1)
        if why == "truncated" and end < self.source.size:
            why = "damaged"
        if opens:
            return Piece(prefix_at(self.source, self.codec, start), start, end, True, True, why)
        # A damaged stream may have run on into the members after it: their records are read again, as themselves
        return Piece(b"", min(taken, end - 1), end, False, True, why)
