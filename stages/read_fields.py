"""Rows from mappings: which field of an input fills which column, and what its values must be."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from stages.charsets import clean_unicode, decode_text
from stages.read_rows import FIELDS, Row, parse_date

WELL_KNOWN = ("text", "html", "url", "date", "title", "id", "license")  # taken under their own names by default
_TARGETS = {name: name for name in ("text", "html", "url", "date", "title", "license", "dump")} | {"id": "record_key"}
_CHAT = ("kind", "messages", "chosen", "rejected")  # only a finished run has them in our form
KINDS = ("text", "chat", "preference")
MOST_BYTES = 32 << 20  # of a document's text or HTML; a column of strings holds 2 GiB, a batch should hold 16 MiB
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Fields:
    """A resolved `columns:` mapping, our name -> their field; what is no document column becomes `input_<name>`."""

    def __init__(self, columns: Mapping[str, str], chat: bool = False) -> None:
        given = dict(columns) or {name: name for name in WELL_KNOWN}
        self.known = {_TARGETS[n]: f for n, f in given.items() if n in _TARGETS}
        self.chat = {n: f for n, f in given.items() if chat and n in _CHAT}
        rest = {n: f for n, f in given.items() if n not in _TARGETS and n not in self.chat}
        self.extra = {n if n.startswith("input_") else f"input_{n}": f for n, f in rest.items()}

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*FIELDS, *(pa.field(name, pa.string()) for name in self.extra)])

    @property
    def wanted(self) -> list[str]:
        """The input's top-level fields that are read."""
        return list(dict.fromkeys([*self.known.values(), *self.chat.values(), *self.extra.values()]))

    def fill(self, row: Row, values: Mapping[str, Any]) -> Row:
        """Put the values into the row; a value that cannot be what it should be is the row's error."""
        for name, field in self.known.items():
            value = dig(values, field)
            if value is not None:
                self._set(row, name, value)
        for name, field in self.chat.items():
            self._set_chat(row, name, dig(values, field))
        row.extra = {name: plain_text(dig(values, field)) for name, field in self.extra.items()}
        row.record_key = row.record_key or row.id
        return _judged(row)

    def _set(self, row: Row, name: str, value: Any) -> None:
        if name == "text":
            row.text = document_text(value)
            row.read__error = None if row.text is not None else "bad_value"
        elif name == "html":
            row.html, row.charset = document_html(value)
            row.read__error = row.read__error if row.html is not None else "bad_value"
        elif name == "date":
            row.date = any_date(value)
        else:
            setattr(row, name, plain_text(value))

    def _set_chat(self, row: Row, name: str, value: Any) -> None:
        if name == "kind":
            row.kind = value if value in KINDS else "text"
        elif value is not None:
            given = turns(value)
            setattr(row, name, given)
            row.read__error = row.read__error if given is not None else "bad_value"


def check_columns(columns: dict[str, str]) -> dict[str, str]:
    """Names that every file format and query language takes. Raises ValueError naming the first that is not."""
    for name in columns:
        if not _NAME.fullmatch(name):
            raise ValueError(f"column name {name!r}: letters, digits and _ only, not starting with a digit")
    return columns


def _judged(row: Row) -> Row:
    row.payload_bytes = len(row.html) if row.html is not None else len((row.text or "").encode("utf-8"))
    if not row.read__error and row.payload_bytes > MOST_BYTES:
        row.read__error = "too_big"
    if row.read__error:
        row.text = row.html = row.charset = row.messages = row.chosen = row.rejected = None
    elif row.kind == "text" and row.text is None and row.html is None:
        row.read__error = "missing_text"
    elif row.kind == "text" and not (row.html or row.text or "").strip():
        row.read__drop = "empty_body"
    return row


def dig(values: Mapping[str, Any], path: str) -> Any:
    """The field of that name, or, where there is none, the one inside others that a dotted path names."""
    if path in values or "." not in path:
        return values.get(path)
    head, rest = path.split(".", 1)
    inner = values.get(head)
    return dig(inner, rest) if isinstance(inner, Mapping) else None


def turns(value: Any) -> list[dict[str, str | None]] | None:
    """The turns of a conversation, their strings cleaned; None for what is none."""
    if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
        return None
    return [{part: plain_text(turn.get(part)) for part in ("role", "content")} for turn in value]


def document_text(value: Any) -> str | None:
    """Text of a document; bytes are decoded. None for what cannot be text."""
    if isinstance(value, bytes):
        return clean_unicode(decode_text(value).text)
    return clean_unicode(value) if isinstance(value, str) else None


def document_html(value: Any) -> tuple[bytes | None, str | None]:
    """HTML as bytes and its charset, known where it came as a string. None for what cannot be HTML."""
    if isinstance(value, bytes):
        return value, None
    return (clean_unicode(value).encode("utf-8"), "utf-8") if isinstance(value, str) else (None, None)


def plain_text(value: Any) -> str | None:
    """A scalar as a string; containers as null, they are no plain value."""
    if value is None or isinstance(value, (dict, list, tuple)):
        return None
    if isinstance(value, bytes):
        return clean_unicode(value.decode("utf-8", "replace"))
    return clean_unicode(value if isinstance(value, str) else str(value))


def _in_utc(value: datetime) -> datetime | None:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):  # a zone can move the first and last days beyond the calendar
        return None


def any_date(value: Any) -> datetime | None:
    """A date from a string, a date, or seconds, milliseconds or microseconds since 1970; None for anything else."""
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return parse_date(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        size = abs(value)
        return datetime.fromtimestamp(value / (1e6 if size > 1e14 else 1e3 if size > 1e11 else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None
