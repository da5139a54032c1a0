"""How a record begins and what its header says: WARC of every version, and ARC 1 and 2."""

import re
from dataclasses import dataclass
from typing import Protocol

MAX_HEAD = 256 << 10  # bytes; real headers have under 10 kB, a hostile one may be endless


@dataclass(slots=True)
class Head:
    """A record header: fields by lower-case name, where the block begins, its claimed length (-1: no valid claim)."""

    fields: dict[bytes, bytes]
    begin: int
    length: int


class Starts(Protocol):
    """What is asked of a format to find the next compressed stream after damage."""

    def starts(self, data: bytes, at: int = 0) -> bool:
        """Whether a record begins here."""

    def goes_on(self, data: bytes) -> bool:
        """Whether `data`, the sound beginning of a damaged stream, holds a whole record and the start of another."""


class Grammar(Starts, Protocol):
    """What the reader must know of a format to walk its records and to find the next one after damage.

    on_new_line: whether a record can only begin after a line's end.
    """

    on_new_line: bool

    def may_start(self, rest: bytes) -> bool:
        """Whether `rest`, the last bytes there are, may be the first bytes of a record that was cut off."""

    def resembles(self, rest: bytes) -> bool:
        """Whether `rest` looks like a record whose first line is damaged."""

    def find(self, data: bytes, begin: int) -> int:
        """Where the next record begins at or after `begin`; -1 if there is none."""

    def parse(self, data: bytes, at: int) -> Head | None:
        """The header that begins here; None if it does not end within `data`."""


_WARC_START = re.compile(rb"WARC/\d{1,2}\.\d{1,2}[ \t]*\r?\n[A-Za-z][\w-]*[ \t]*:", re.I)


class WarcGrammar:
    """WARC/0.17 to WARC/1.1 and whatever follows, in any case, CR LF or LF alone."""

    on_new_line = False

    def starts(self, data: bytes, at: int = 0) -> bool:
        return data[at : at + 5] in (b"WARC/", b"warc/") and data[at + 5 : at + 6].isdigit()

    def may_start(self, rest: bytes) -> bool:
        return b"WARC/".startswith(rest[:5].upper())

    def resembles(self, rest: bytes) -> bool:
        return sum(a == b for a, b in zip(rest.upper(), b"WARC/1.0", strict=False)) >= 6

    def find(self, data: bytes, begin: int) -> int:
        upper = self._find(data, begin, len(data), b"WARC/")
        lower = self._find(data, begin, upper if upper >= 0 else len(data), b"warc/")
        return lower if lower >= 0 else upper

    def _find(self, data: bytes, begin: int, stop: int, word: bytes) -> int:
        at = data.find(word, begin, stop)
        while at >= 0:
            if _WARC_START.match(data, at):
                return at
            at = data.find(word, at + 5, stop)
        return -1

    def goes_on(self, data: bytes) -> bool:
        return _goes_on(self, data)

    def parse(self, data: bytes, at: int) -> Head | None:
        end, begin = head_end(data, at)
        if end < 0:
            return None
        fields = header_fields(data[at:end])
        return Head(fields, begin, claimed_length(fields.get(b"content-length", b"")))


def _goes_on(grammar: Grammar, data: bytes) -> bool:
    head = grammar.parse(data, 0) if grammar.starts(data) else None
    if head is None or not 0 <= head.length <= len(data) - head.begin:
        return False
    return grammar.find(data, head.begin + head.length) >= 0


def head_end(data: bytes, at: int) -> tuple[int, int]:
    """(end of the last header line, begin of the block) of a header closed by an empty line; (-1, -1) without one."""
    crlf = data.find(b"\r\n\r\n", at, at + MAX_HEAD)
    bare = data.find(b"\n\n", at, crlf if crlf >= 0 else at + MAX_HEAD)
    if bare >= 0:
        return bare, bare + 2
    return (crlf, crlf + 4) if crlf >= 0 else (-1, -1)


_FOLD = re.compile(rb"\r?\n(?=[ \t]+[^\s])")
_BEFORE_COLON = re.compile(rb"^([^:\s]+)[ \t]+:", re.M)


def header_fields(head: bytes) -> dict[bytes, bytes]:
    """Fields by lower-case name; the first of several wins, folded lines are joined, lines without a colon ignored."""
    if b"\n " in head or b"\n\t" in head:
        head = _FOLD.sub(b" ", head)
    if b" :" in head or b"\t:" in head:
        head = _BEFORE_COLON.sub(rb"\1:", head)
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):  # faster than any regular expression, by measurement
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.lower(), value.strip())
    return fields


def claimed_length(digits: bytes) -> int:
    """A length as the header spells it; -1 for what is no plain number or absurdly long."""
    return int(digits) if digits.isdigit() and len(digits) <= 18 else -1


# URL, IP address (or -), 14 to 18 digits, media type, then more columns in version 2, the length last
_ARC_LINE = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.-]{1,15}:[^\r\n]{0,8192}?) ([^ \r\n]{1,45}) ([^ \r\n]{1,20})"
    rb" ([^ \r\n]{1,200})(?: [^ \r\n]{1,200}){0,5}? (-?[^ \r\n]{1,18})\r?\n"
)
_ARC_START = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,15}:[^\r\n]{0,8192} \d[\d.]{6,14} \d{12,18} [^\r\n]{1,400}\r?\n")
_ARC_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,15}(?::|\Z)")
_ARC_LIKE = re.compile(rb"[^\r\n]{4,8192} [^ \r\n]{6,20} [^ \r\n]{8,20} [^ \r\n]{1,100} [^ \r\n]{1,20}\r?\n")


class ArcGrammar:
    """ARC files: a line per record (URL, address, date, type, length), the first one describing the file."""

    on_new_line = True

    def starts(self, data: bytes, at: int = 0) -> bool:
        return data.startswith(b"filedesc:", at) or _ARC_START.match(data, at) is not None

    def may_start(self, rest: bytes) -> bool:
        return b"\n" not in rest and _ARC_URL.match(rest) is not None

    def resembles(self, rest: bytes) -> bool:
        return _ARC_LIKE.match(rest) is not None

    def find(self, data: bytes, begin: int) -> int:
        at = begin if begin == 0 or data[begin - 1] == 10 else data.find(b"\n", begin) + 1 or -1
        while at >= 0 and not _ARC_START.match(data, at):
            at = data.find(b"\n", at) + 1 or -1
        return at

    def goes_on(self, data: bytes) -> bool:
        return _goes_on(self, data)

    def parse(self, data: bytes, at: int) -> Head | None:
        end = data.find(b"\n", at, at + MAX_HEAD)
        if end < 0:
            return None
        line = _ARC_LINE.match(data[at : end + 1])
        if not line:
            return Head({}, end + 1, -1)
        url, _, date, mime, length = line.groups()
        is_page = not url.startswith(b"filedesc:")
        fields = {
            b"warc-type": b"response" if is_page else b"warcinfo",
            b"warc-target-uri": url,
            b"warc-date": date,
            b"content-type": b"application/http" if url[:4].lower() == b"http" else mime,
        }
        return Head(fields, end + 1, claimed_length(length))


def grammar_of(head: bytes) -> Grammar:
    """The grammar of a file by its first decompressed bytes; WARC unless it clearly is ARC."""
    arc = ArcGrammar()
    return arc if arc.starts(head.lstrip(b"\r\n")) else WarcGrammar()


class AnyRecord:
    """A record of either format, for files that do not begin with one."""

    def starts(self, data: bytes, at: int = 0) -> bool:
        return WarcGrammar().starts(data, at) or ArcGrammar().starts(data, at)

    def goes_on(self, data: bytes) -> bool:
        return grammar_of(data).goes_on(data)

    def find(self, data: bytes, begin: int) -> int:
        found = (WarcGrammar().find(data, begin), ArcGrammar().find(data, begin))
        return min((at for at in found if at >= 0), default=-1)
