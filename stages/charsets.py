"""Bytes to text: which character set a page is really in, and what stored text may contain.

Labels lie: a server's default is no statement about a page. Order of trust: byte order mark; UTF-8 that is valid and
not mere ASCII; a specific label (HTTP, then <meta>) that decodes without an error; statistics over the text between tags.
"""

import re
from dataclasses import dataclass

from stages.charset_labels import MULTIBYTE, VAGUE, WIDE, codec_of

PRESCAN = 4096  # bytes searched for a <meta>; the standard says 1024, pages with long heads declare theirs later
SAMPLE = 64 << 10  # bytes shown to the detectors
UTF8_FAULTS = 0.02  # broken sequences per good one that still make a page UTF-8: cut-off titles, pasted fragments
CLEAR_UTF8 = 3  # valid multi-byte sequences beyond which a text is UTF-8 whatever its label


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the Python codec it was decoded with, how that was chosen, and how many characters had to be replaced."""

    text: str
    charset: str
    how: str  # bom | utf-8 | http | meta | detected | shape | ascii | fallback
    replaced: int


def decode_html(data: bytes, http_charset: str | None = None) -> Decoded:
    """Decode a page. Any bytes give valid text; `replaced` counts U+FFFD put in for what is no character."""
    return _decode(data, http_charset, meta_charset(data))


def decode_text(data: bytes, charset: str | None = None) -> Decoded:
    """Decode plain text, which has no <meta> to ask."""
    return _decode(data, charset, None)


def _decode(data: bytes, http: str | None, meta: str | None) -> Decoded:
    marked = _by_mark(data)
    if marked:
        return marked
    labels = [(codec_of(http), "http"), (codec_of(meta), "meta")]
    claims = [(codec, how) for codec, how in labels if codec]
    return _by_shape(data, claims) or _by_utf8(data, claims) or _by_claim(data, claims) or _by_statistics(data, claims)


_MARKS = (
    (b"\xef\xbb\xbf", "utf_8"),
    (b"\xff\xfe\x00\x00", "utf_32_le"),
    (b"\x00\x00\xfe\xff", "utf_32_be"),
    (b"\xff\xfe", "utf_16_le"),
    (b"\xfe\xff", "utf_16_be"),
)


def _by_mark(data: bytes) -> Decoded | None:
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec, "bom")
    return None


def _by_shape(data: bytes, claims: list[tuple[str, str]]) -> Decoded | None:
    """Sets that give themselves away: every second or fourth byte is NUL, or escape sequences switch alphabets."""
    head = data[:1024]
    if head.count(0) * 5 > len(head) * 2:
        codec = _wide_codec(head)
        return _decoded(data, codec, "shape") if codec else None
    stateful = next(((c, how) for c, how in claims if c.startswith("iso2022") or c == "hz"), None)
    if stateful and data.isascii():
        return _decoded(data, *stateful)
    if data.isascii() and b"\x1b$)C" in data:
        return _decoded(data, "iso2022_kr", "shape")
    if data.isascii() and (b"\x1b$B" in data or b"\x1b$@" in data):
        return _decoded(data, "iso2022_jp", "shape")
    return None


def _wide_codec(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, by which bytes of Latin markup are NUL."""
    share = [head[i::4].count(0) / max(1, len(head[i::4])) for i in range(4)]
    zero = [s > 0.6 for s in share]
    shapes = {
        (False, True, True, True): "utf_32_le",
        (True, True, True, False): "utf_32_be",
        (False, True, False, True): "utf_16_le",
        (True, False, True, False): "utf_16_be",
    }
    return shapes.get((zero[0], zero[1], zero[2], zero[3]))


def _by_utf8(data: bytes, claims: list[tuple[str, str]]) -> Decoded | None:
    """UTF-8 by validity; with a few faults too, when there is much more that is right."""
    if data.isascii():
        return Decoded(data.decode("ascii"), "utf_8", "ascii", 0)
    how = next((how for codec, how in claims if codec == "utf_8"), "utf-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _damaged_utf8(data, how)
    few = len(data) - len(text) < 2 * CLEAR_UTF8 and how == "utf-8"
    specific = next((c for c, _ in claims if c in MULTIBYTE), None)
    if few and specific and _clean_text(data, specific) is not None:
        return None
    return Decoded(text, "utf_8", how, 0)


def _damaged_utf8(data: bytes, how: str) -> Decoded | None:
    text = data.decode("utf-8", "replace")
    faults = text.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    good = len(text) - (len(data) - _beyond_ascii(data)) - faults  # characters of more than one byte
    if good < CLEAR_UTF8 or faults > max(1, UTF8_FAULTS * good):
        return None
    return Decoded(text, "utf_8", how, faults)


def _by_claim(data: bytes, claims: list[tuple[str, str]]) -> Decoded | None:
    """The first specific label under which every byte is a character. UTF-8 has had its chance."""
    for codec, how in claims:
        if codec in VAGUE or codec == "utf_8" or codec in WIDE:
            continue
        text = _clean_text(data, codec)
        if text is not None:
            return Decoded(text, codec, how, 0)
    return None


def _clean_text(data: bytes, codec: str) -> str | None:
    """The text, if data decodes without error and not into control or private characters that no page holds."""
    try:
        text = data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if _ODD.search(text) else text


_ODD = re.compile("[\x80-\x84\x86-\x9f\ue000-\uf8ff]")


def _by_statistics(data: bytes, claims: list[tuple[str, str]]) -> Decoded:
    """What the detectors say of the text between the tags, against what is left of the labels."""
    guess = detect(data)
    vague = next(((c, how) for c, how in claims if c in VAGUE), None)
    if vague and (guess is None or not _overrules(data, guess)):
        return _decoded(data, *vague)
    labelled = next(((c, how) for c, how in claims if c != "utf_8" and c not in WIDE), None)
    if guess is None:
        return _decoded(data, *(labelled or ("cp1252", "fallback")))
    if labelled and labelled[0] not in VAGUE and _faults(data, labelled[0]) <= _faults(data, guess):
        return _decoded(data, *labelled)
    return _decoded(data, guess, "detected")


def _overrules(data: bytes, guess: str) -> bool:
    """Whether a detected set is believed over a vague label: it must decode, and be no western or rare set."""
    return guess not in _WESTERN and guess not in _UNSURE and _faults(data, guess) < 0.01


_WESTERN = frozenset(("cp1252", "iso8859_15", "mac_roman", "cp437", "cp850", "cp858"))


def _faults(data: bytes, codec: str) -> float:
    """Characters that cannot be, per byte beyond ASCII."""
    text = data.decode(codec, "replace")
    return (text.count("\ufffd") + len(_ODD.findall(text))) / max(1, _beyond_ascii(data))


def _beyond_ascii(data: bytes) -> int:
    return len(data) - len(data.translate(None, _BEYOND))


_BEYOND = bytes(range(128, 256))
# What is never closed reaches to the end: looking for its end again at every start would take quadratic time.
_TAGS = re.compile(rb"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]*>", re.S | re.I)
_ASCII_RUN = re.compile(rb"[\x00-\x7f]{200,}")


def detect(data: bytes) -> str | None:
    """A codec by statistics (uchardet, chardet where that has no opinion), from the text between the tags."""
    from resiliparse.parse.encoding import detect_encoding

    text = _TAGS.sub(b" ", data[: 16 * SAMPLE])
    if text.isascii():
        text = data[: 16 * SAMPLE]
    text = _ASCII_RUN.sub(b" ", text)[:SAMPLE]
    found = codec_of(detect_encoding(text, html5_compatible=False))
    if found is None or found in _UNSURE or _faults(text, found) > 0.02:
        found = _second_opinion(text) or found
    return _paired_codec(text) or found if found is None or found in _WESTERN else found


_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_COMMON = {  # pairs of the rows that hold what is written most: kana, Hangul, first-level characters, punctuation
    "big5hkscs": re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]"),
    "cp949": re.compile(rb"[\xa1-\xa3\xb0-\xc8][\xa1-\xfe]"),
    "gb18030": re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "euc_jp": re.compile(rb"[\xa1-\xa5\xb0-\xcf][\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x81-\x83\x88-\x97][\x40-\x7e\x80-\xfc]"),
}


def _paired_codec(text: bytes) -> str | None:
    """An Asian set that nearly all bytes beyond ASCII pair up in: short texts of one are often taken for western."""
    pairs = _PAIR.findall(text)
    if len(pairs) < 4:
        return None
    shares = {codec: sum(map(bool, map(common.match, pairs))) / len(pairs) for codec, common in _COMMON.items()}
    best = max(shares, key=lambda codec: shares[codec])
    return best if shares[best] >= 0.95 and _faults(text[:-1], best) < 0.02 else None


_UNSURE = frozenset(
    ("utf_8", "cp852", "iso8859_16", "iso8859_3", "iso8859_13", "iso8859_10", "iso8859_4", "cp1258", "cp862")
)
_NOT_ON_THE_WEB = ("cp437", "cp850", "cp858", "cp037", "cp500", "cp1026")


def _second_opinion(text: bytes) -> str | None:
    import chardet

    found = chardet.detect(text, prefer_superset=True, exclude_encodings=_NOT_ON_THE_WEB)["encoding"]
    return codec_of(found) if found and found.lower() not in ("ascii", "utf-8") else None


def _decoded(data: bytes, codec: str, how: str) -> Decoded:
    """Decode at any cost; a big5 page that needs another dialect gets the one with the fewest faults."""
    dialects = ("big5hkscs", "cp950") if codec == "big5hkscs" else (codec,)
    text = min((data.decode(d, "replace") for d in dialects), key=lambda t: t.count("\ufffd"))
    return Decoded(text, codec, how, text.count("\ufffd"))


_META = re.compile(rb"<meta\b[^>]{0,1024}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.+-]{2,40})", re.I)
_XML = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.+-]{2,40})", re.I)
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.S)


def meta_charset(data: bytes) -> str | None:
    """The charset a page names for itself: <meta charset>, <meta http-equiv>, or the XML declaration."""
    head = data[:PRESCAN]
    found = _XML.match(head.lstrip()) or _META.search(_COMMENT.sub(b"", head))
    if not found:
        return None
    label = found[1].decode("ascii").lower()
    return "utf-8" if label.startswith("utf-16") else label  # a <meta> readable as ASCII cannot be in UTF-16


def clean_unicode(text: str) -> str:
    """Text that every reader of the corpus can store: valid UTF-8, no NUL, no lone surrogates. The rest stays.

    NUL is removed (C strings end there), a lone surrogate becomes U+FFFD (it has no UTF-8 form).
    """
    if "\0" in text:
        text = text.replace("\0", "")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
