"""From a WARC record to a row: what it is, whether it is a page, its body decoded."""

import re
from functools import lru_cache
from typing import NamedTuple

from stages.charsets import clean_unicode, decode_text
from stages.http_body import FIRST, HttpHead, decode_body, looks_textual, parse_head
from stages.read_rows import Identity, Row, parse_date
from stages.warc_records import Record

COUNTED = frozenset((b"response", b"resource", b"revisit", b"conversion"))
HTML = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
UNKNOWN = frozenset(("", "unknown/unknown", "application/unknown", "content/unknown", "*/*", "html", "no-type"))
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|script|div|table|p|h1|!--)[\s/>]?", re.I)


class Media(NamedTuple):
    """A Content-Type: its media type in lower case, its charset if it names one."""

    kind: str
    charset: str | None


_CHARSET = re.compile(r"charset\s*=[\s\"']*([^\s\"';,]+)", re.I)
MEDIA = 512  # bytes of a Content-Type that are looked at; real ones have under 200, hostile ones fill memory


def media_of(content_type: bytes) -> Media:
    """Tolerant: quotes, spaces, upper case, several values (the first counts)."""
    return _media_of(content_type[:MEDIA])


@lru_cache(4096)
def _media_of(content_type: bytes) -> Media:
    if not content_type:
        return Media("", None)
    text = clean_unicode(content_type.decode("latin-1"))
    charset = _CHARSET.search(text)
    kind = re.split(r"[;,\s]", text.strip(), maxsplit=1)[0].lower()
    return Media(kind, charset[1].lower() if charset else None)


def header_text(value: bytes | None) -> str | None:
    """A header value as valid Unicode: UTF-8, else Latin-1; None for an absent or empty one."""
    if not value:
        return None
    try:
        text = value.decode("utf-8")
        return text if text.isprintable() else clean_unicode(text)
    except UnicodeDecodeError:
        return clean_unicode(value.decode("latin-1"))


def row_of(record: Record, identity: Identity, max_bytes: int) -> Row | None:
    """The row of a record; None for sound records that are no capture (warcinfo, request, metadata, ...)."""
    kind = record.fields.get(b"warc-type", b"").lower()
    if not record.error and kind not in COUNTED and kind:
        return None
    row = Row(identity.of(record.offset, record.inner), record.offset, record.length, record.size)
    _describe(row, record.fields)
    if record.error or not kind:
        row.read__error = record.error or "bad_header"
    elif kind == b"revisit":
        row.read__drop = "revisit"
    elif record.fields.get(b"warc-segment-number", b"") not in (b"", b"0"):
        row.read__error = "segmented"
    else:
        _read_capture(row, record, kind, max_bytes)
    return row


def _describe(row: Row, fields: dict[bytes, bytes]) -> None:
    row.record_key = header_text(fields.get(b"warc-record-id")) or row.id
    url = header_text(fields.get(b"warc-target-uri"))
    row.url = url[1:-1] if url and url[0] == "<" and url[-1] == ">" else url  # a wget bug, wide-spread
    date = fields.get(b"warc-date")
    row.date = parse_date(date.decode("latin-1")) if date else None


def _begins_http(record: Record) -> bool:
    return record.data[record.begin : record.begin + 5].upper() == b"HTTP/"


def _read_capture(row: Row, record: Record, kind: bytes, max_bytes: int) -> None:
    """A response, resource or conversion: the media type decides, then the body."""
    content_type = record.fields.get(b"content-type", b"")
    head = HttpHead(None, {}, record.begin)
    if not content_type and kind == b"response":
        content_type = b"application/http"
    if content_type[:16].lower() == b"application/http" or _begins_http(record):
        head = parse_head(record.data, record.begin, record.end)
        content_type = head.fields.get(b"content-type", b"")
    media = media_of(content_type)
    row.read__status, row.read__mime = head.status, media.kind or None
    if head.status is not None and head.status != 200:
        row.read__drop = "http_status"
    elif not (media.kind in HTML or media.kind in UNKNOWN or media.kind == "text/plain"):
        row.read__drop = "not_html"
    else:
        _read_body(row, record.data[head.body : record.end], head, media, max_bytes)


def _read_body(row: Row, data: bytes, head: HttpHead, media: Media, max_bytes: int) -> None:
    if head.fields:
        body = decode_body(data, head.fields, max_bytes, markup=media.kind in HTML)
        if body.error:
            row.read__error = body.error
            return
        data = body.data
    if not data or (len(data) < FIRST and not data.strip()):
        row.read__drop = "empty_body"
    elif media.kind == "text/plain":
        _set_text(row, data, media.charset)
    elif media.kind in HTML or _MARKUP.search(data, 0, 2 * FIRST):
        row.html, row.charset = data, media.charset
    else:
        row.read__drop = "not_html"


def _set_text(row: Row, data: bytes, charset: str | None) -> None:
    """Plain text is a document as it stands; what is binary under that label is quarantined."""
    if not looks_textual(data) and charset is None:
        row.read__error = "undecodable"
    else:
        row.text, row.charset = clean_unicode(decode_text(data, charset).text), charset
