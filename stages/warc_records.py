"""Records out of pieces. Every byte of the file belongs to a record, a lost range, or the empty space between them."""

from collections.abc import Iterator
from dataclasses import dataclass

from stages.read_input import Input
from stages.warc_grammar import MAX_HEAD, Grammar, Head
from stages.warc_pieces import Piece, plain_pieces
from stages.warc_tape import KEEP, Pieces, Tape

TERMINATOR = 4  # CR LF CR LF closes a record


@dataclass(slots=True)
class Record:
    """One record, or a lost range (without fields). The block is data[begin:end].

    offset, length: the bytes of the file that hold it; inner: where it begins within its compressed member.
    size: bytes of the block as the file has it, also where the block itself is not given. error: see ERRORS.
    """

    fields: dict[bytes, bytes]
    data: bytes
    begin: int
    end: int
    offset: int
    inner: int
    length: int
    size: int
    error: str = ""


class Records:
    """Records of one slice: those that begin before `stop`. `max_bytes` is the largest block that is given out.

    plain: the file itself, where nothing in it is compressed.
    """

    def __init__(
        self, pieces: Iterator[Piece], grammar: Grammar, stop: int, max_bytes: int, plain: Input | None = None
    ) -> None:
        self._pieces, self._grammar = Pieces(pieces), grammar
        self._stop, self._max_bytes, self._plain = stop, max_bytes, plain

    def __iter__(self) -> Iterator[Record]:
        while (piece := self._pieces.peek()) is not None:
            if piece.opens and piece.start >= self._stop and self._grammar.starts(piece.data):
                return
            if piece.fault:
                yield self._lost(self._pieces.take())
            elif (record := self._whole(piece)) is not None:
                self._pieces.take()
                yield record
            else:
                yield from self._run()

    def _whole(self, piece: Piece) -> Record | None:
        """The usual case, without detours: a member that holds exactly one sound record."""
        data = piece.data
        if not (piece.opens and piece.closes and self._grammar.starts(data)):
            return None
        head = self._grammar.parse(data, 0)
        if head is None or not 0 <= head.length <= self._max_bytes:
            return None
        end = head.begin + head.length
        if not 0 <= len(data) - end <= 64 or data[end:].strip(b"\r\n"):
            return None
        return Record(head.fields, data, head.begin, end, piece.start, 0, piece.end - piece.start, head.length)

    def _lost(self, piece: Piece) -> Record:
        head = self._grammar.parse(piece.data, 0) if self._grammar.starts(piece.data) else None
        length = piece.end - piece.start
        return Record(head.fields if head else {}, b"", 0, 0, piece.start, 0, length, length, piece.fault)

    def _run(self) -> Iterator[Record]:
        pieces = self._pieces
        tape = Tape(pieces, self._grammar, self._plain is not None)
        while pieces is self._pieces and tape.skip_newlines():
            if self._is_beyond(tape):
                self._pieces = Pieces(iter(()))
            else:
                yield self._next(tape)

    def _is_beyond(self, tape: Tape) -> bool:
        """Whether the record that begins here belongs to the next slice. Compressed runs end before such a record."""
        if self._plain is None or tape.place(tape.at)[0] < self._stop:
            return False
        return self._grammar.find(tape.ahead(tape.at), 0) == 0

    def _next(self, tape: Tape) -> Record:
        if not self._grammar.starts(tape.ahead(tape.at)):
            return self._skip(tape)
        near = self._grammar.find(tape.ahead(tape.at), 1)
        head = self._head(tape) if near < 0 else self._grammar.parse(tape.ahead(tape.at, near), 0)
        if head is None:
            return self._broken(tape, tape.at + 1, {}, "bad_header", cut_off=near < 0)
        begin = tape.at + head.begin
        if head.length < 0 or self._hides_a_start(tape, begin):
            return self._broken(tape, tape.at + 1, head.fields, "bad_header", cut_off=False)
        if head.length > self._max_bytes:
            return self._too_big(tape, head.fields, begin, head.length)
        end = begin + head.length
        if not tape.need(end):
            return self._broken(tape, tape.at + 1, head.fields, "bad_length", cut_off=True)
        close = self._closes(tape, end)
        if close is None:
            return self._broken(tape, tape.at + 1, head.fields, "bad_length", cut_off=False)
        return self._sound(tape, head.fields, begin, end, close)

    def _sound(self, tape: Tape, fields: dict[bytes, bytes], begin: int, end: int, close: int) -> Record:
        offset, inner = tape.place(tape.at)
        data, base = tape.data, tape.base
        length = tape.limit(close) - offset
        tape.move(close)
        return Record(fields, data, begin - base, end - base, offset, inner, length, end - begin)

    def _head(self, tape: Tape) -> Head | None:
        """The header; `begin` counts from where the record does."""
        size = KEEP
        while (head := self._grammar.parse(tape.ahead(tape.at, size), 0)) is None:
            if size >= MAX_HEAD or not tape.need(tape.at + size):
                return None
            size *= 4
        return head

    def _hides_a_start(self, tape: Tape, begin: int) -> bool:
        """Whether a header runs into the next record: its end is damaged. A compressed member ends before that."""
        if self._plain is None:
            return False
        return self._grammar.find(tape.data[tape.at - tape.base : begin - tape.base], 1) >= 0

    def _closes(self, tape: Tape, end: int) -> int | None:
        """Position after the record whose block ends at `end`; None if that is no place for a record to end."""
        closing = self._terminator(tape.ahead(end))
        return None if closing is None else end + closing

    def _terminator(self, tail: bytes) -> int | None:
        """Bytes that close a record, given what follows its block; None where no record can end."""
        rest = tail.lstrip(b"\r\n")
        newlines = len(tail) - len(rest)
        free = newlines or not self._grammar.on_new_line
        if not rest or (free and self._grammar.starts(rest)):
            return min(TERMINATOR, newlines)
        if tail.startswith(b"\r\n\r\n") or (not self._grammar.on_new_line and self._grammar.starts(tail, TERMINATOR)):
            return TERMINATOR  # the next record, or only the terminator itself, is what is damaged
        cut_off = len(tail) < KEEP and self._grammar.may_start(rest)
        if cut_off or (newlines and self._grammar.resembles(rest)):
            return min(TERMINATOR, newlines)
        return None

    def _too_big(self, tape: Tape, fields: dict[bytes, bytes], begin: int, length: int) -> Record:
        """Pass a record larger than anything we hold; where its claim can't be true, look for the next record."""
        if self._plain is not None:
            return self._jump(self._plain, tape, fields, begin, length)
        offset, inner = tape.place(tape.at)
        whole = tape.skip_to(begin + length)
        if not whole or (close := self._closes(tape, tape.at)) is None:
            return self._broken(tape, tape.at, fields, "bad_length", cut_off=not whole, place=(offset, inner))
        tape.move(close)
        return Record(fields, b"", 0, 0, offset, inner, tape.limit(close) - offset, length, "too_big")

    def _jump(self, source: Input, tape: Tape, fields: dict[bytes, bytes], begin: int, length: int) -> Record:
        """The same in a plain file, without reading what lies between."""
        offset, end = tape.place(tape.at)[0], tape.place(begin)[0] + length
        closing = self._terminator(source.read(end, KEEP)) if end <= source.size else None
        if closing is None:
            return self._broken(tape, tape.at + 1, fields, "bad_length", cut_off=end > source.size)
        self._pieces = Pieces(plain_pieces(source, end + closing))
        return Record(fields, b"", 0, 0, offset, 0, end + closing - offset, length, "too_big")

    def _skip(self, tape: Tape) -> Record:
        """Bytes that begin no record."""
        rest = tape.ahead(tape.at)
        cut_off = len(rest) < KEEP and self._grammar.may_start(rest)
        return self._broken(tape, tape.at + 1, {}, "damaged", cut_off=cut_off)

    def _broken(
        self,
        tape: Tape,
        search: int,
        fields: dict[bytes, bytes],
        why: str,
        *,
        cut_off: bool,
        place: tuple[int, int] | None = None,
    ) -> Record:
        """A record, or what is none, that ends where the next record begins; the search for that starts at `search`.

        cut_off: the file's end would explain it. A faulty piece that follows is part of the same loss.
        """
        offset, inner = place or tape.place(tape.at)
        found = tape.find(search)
        tape.move(tape.end if found is None else found)
        end = tape.limit(tape.at)
        if found is None:
            after = self._pieces.peek()
            if after is None and cut_off:
                why = "truncated"
            elif after is not None and after.fault and not (after.opens and self._grammar.starts(after.data)):
                why, end = after.fault, self._pieces.take().end
        return Record(fields, b"", 0, 0, offset, inner, end - offset, end - offset, why)
