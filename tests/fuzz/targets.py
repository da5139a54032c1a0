"""What is fuzzed, and what must hold of every input: no error but the declared ones, every byte accounted for, clean text."""

import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import Context, Slice, Source
from stages.warc_codecs import skippable_size
from tests.fuzz import parsers, seeds

Check = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """One layer: `make` gives the check once its imports are done, `seeds` sound inputs, `words` of the format.

    slice: inputs that `make test` tries, about 3 s of them.
    """

    make: Callable[[], Check]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = field(default=(b"",))
    slice: int = 1000


@cache
def _file() -> Path:
    """One file that takes every input in turn; in memory where the system has such a place."""
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="winnow-fuzz-", dir=shared if shared.is_dir() else None)
    return Path(folder) / "input"


def _rows(source: Source, size: int, start: int = 0, end: int | None = None) -> list[dict[str, Any]]:
    """The rows of a slice, after the checks that hold for every Source."""
    ctx = Context()
    piece = Slice("fuzz", "fuzz", None, "input", str(_file()), start, size if end is None else end, size)
    rows = []
    for batch in source.read(ctx, piece):
        batch.validate(full=True)
        assert batch.schema == source.schema
        check_strings(batch)
        rows += batch.to_pylist()
    assert ctx.counters["in_documents"] == len(rows)
    assert len({row["id"] for row in rows}) == len(rows), "an id given twice"
    for row in rows:
        outcomes = (row["read__error"], row["read__drop"], row["html"] is not None or row["text"] is not None)
        assert row["read__error"] or row["read__drop"] or outcomes[2] or row["kind"] != "text", "silently empty"
    return rows


def check_strings(batch: pa.RecordBatch) -> None:
    """Valid UTF-8 (Arrow's own check has seen to that) without NUL, in every column of strings."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type):
            assert not any(value and "\0" in value for value in column.to_pylist()), f"NUL in {name}"


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


def _cuts(data: bytes) -> tuple[int, int]:
    """Two places to cut at, by the input itself."""
    return len(data) * (1 + len(data) % 7) // 8, len(data) * (1 + sum(data[:64]) % 7) // 8


def _slices_agree(source: Source, data: bytes, whole: list[dict[str, Any]], cuts: Iterable[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    parts = [row for a, b in pairwise(edges) if a < b for row in _rows(source, len(data), a, b)]
    assert _sorted(parts) == _sorted(whole), f"cut at {edges}: other rows"


def warc() -> Check:
    """WARC and ARC in any container: each byte belongs to a record or a lost range; slices agree wherever they are cut."""
    from stages.read_input import Input
    from stages.warc import Archive, Warc

    source = Warc(max_bytes=1 << 16)

    def check(data: bytes) -> None:
        _file().write_bytes(data)
        with Input(str(_file())) as file:
            plain = Archive(file).codec is None
        # A plain record may hold what looks like another: such a file is cut only where its records are known to begin.
        cuts = [a for a, _ in source.cuts(str(_file()), len(data), len(data) // 3 + 1)] if plain else _cuts(data)
        _slices_agree(source, data, _rows(source, len(data)), cuts)
        with Input(str(_file())) as file:
            found = [(one.offset, one.offset + one.length) for one in Archive(file).records(0, len(data), 1 << 16)]
        at = 0
        for begin, end in [*sorted(found), (len(data), len(data))]:
            assert begin <= end <= len(data), "a range outside the file"
            assert begin <= at or _is_free(data[at:begin]), "bytes that nobody answers for"
            at = max(at, end)

    return check


def _is_free(gap: bytes) -> bool:
    """Empty lines, empty members of gzip, and whole frames of zstd and lz4 that hold no data."""
    while gap.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(31)
        if member.decompress(gap) or not member.eof:
            return False
        gap = member.unused_data
    while (size := skippable_size(gap)) is not None and size <= len(gap):
        gap = gap[size:]
    return not gap.strip(b"\r\n") or skippable_size(gap) is not None


CODINGS = (
    b"",
    b"gzip",
    b"deflate",
    b"br",
    b"zstd",
    b"gzip, gzip",
    b"gzip, br",
    b"br, zstd",
    b"identity",
    b"zstd, deflate",
)


def http() -> Check:
    """A body under any labels; the first byte chooses them. At most the cap comes out, and nothing vanishes."""
    from stages.http_body import decode_body, parse_head

    cap = 1 << 16

    def check(data: bytes) -> None:
        choice, body = data[0] if data else 0, data[1:]
        parse_head(body, 0, len(body))
        fields = {b"content-encoding": CODINGS[choice % len(CODINGS)]}
        if choice >= 128:
            fields[b"transfer-encoding"] = b"chunked"
        found = decode_body(body, fields, cap)
        assert len(found.data) <= cap or found.error
        assert found == decode_body(body, fields, cap)

    return check


def charset() -> Check:
    """Any bytes give storable text, whatever the label says."""
    from stages.charsets import clean_unicode, decode_html

    labels = (None, "utf-8", "gbk", "iso-8859-1", "shift_jis", "utf-16", "hz", "iso-2022-jp", "big5", "euc-kr", "x-odd")

    def check(data: bytes) -> None:
        found = decode_html(data, labels[(data[0] if data else 0) % len(labels)])
        text = clean_unicode(found.text)
        assert "\0" not in text and text.encode("utf-8").decode("utf-8") == text
        assert found.replaced <= len(found.text)

    return check


def html_by(engine: str) -> Callable[[], Check]:
    """A page gets a text or a reason, never neither. An engine that raises is `engine_failed`, trafilatura's right alone."""

    def make() -> Check:
        from stages.extract import Extract, PageReader

        reader = PageReader(Extract(engine=engine))  # type: ignore[arg-type]

        def check(data: bytes) -> None:
            page = reader.page(data, None)
            assert (page.text is None) == (page.error is not None)
            assert engine == "trafilatura" or page.error != "engine_failed", "an engine raised"
            for text in (page.text, page.title):
                assert text is None or ("\0" not in text and text.encode("utf-8"))

        return check

    return make


def jsonl() -> Check:
    """As many rows as lines that are not blank, however the file is cut."""
    from stages.tables_jsonl import Jsonl
    from stages.warc_codecs import sniff

    source = Jsonl(
        max_bytes=1 << 14, columns={"text": "text", "html": "html", "url": "meta.url", "score": "n", "date": "d"}
    )

    def check(data: bytes) -> None:
        _file().write_bytes(data)
        rows = _rows(source, len(data))
        if sniff(data[:64], lambda size: data[:size]) is None:
            assert len(rows) == sum(bool(line.strip()) or len(line) > 1 << 14 for line in data.split(b"\n"))
            _slices_agree(source, data, rows, _cuts(data))

    return check


def parquet() -> Check:
    """Rows or a row that says what is lost; a whole file gives what it held."""
    from stages.tables import Parquet, Run

    sources = (Parquet(), Run())

    def check(data: bytes) -> None:
        _file().write_bytes(data)
        assert _rows(sources[len(data) % 2], len(data)) or _says_it_is_empty(), "a file without a row"

    return check


def _says_it_is_empty() -> bool:
    metadata = pq.ParquetFile(_file()).metadata
    return not any(metadata.row_group(n).num_rows > 0 for n in range(metadata.num_row_groups))


def files() -> Check:
    """Single files as documents: exactly one row each."""
    from stages.files import HtmlFile, MarkdownFile, TextFile

    sources = (HtmlFile(), TextFile(), MarkdownFile())

    def check(data: bytes) -> None:
        _file().write_bytes(data)
        for source in sources:
            assert len(_rows(source, len(data))) == 1

    return check


def recipe() -> Check:
    """A recipe or a RecipeError that begins with its place."""
    from pipeline.errors import RecipeError
    from pipeline.recipe import Recipe

    def check(data: bytes) -> None:
        _file().write_bytes(data)
        try:
            Recipe.from_yaml(_file())
        except RecipeError as error:
            assert str(error).strip() and len(str(error)) < 2000, "a message nobody can read"

    return check


TARGETS: dict[str, Target] = {
    "warc": Target(warc, seeds.warcs, seeds.WARC_WORDS, slice=40),
    "heads": Target(parsers.heads, seeds.heads, seeds.WARC_WORDS + seeds.HTTP_WORDS, slice=300),
    "http": Target(http, seeds.bodies, seeds.HTTP_WORDS, slice=100),
    "charset": Target(charset, seeds.texts, seeds.HTML_WORDS, slice=100),
    "urls": Target(parsers.urls, seeds.urls, seeds.URL_WORDS, slice=300),
    "robots": Target(parsers.robots, seeds.robots, seeds.ROBOTS_WORDS, slice=100),
    "shapes": Target(parsers.shapes, seeds.pages, seeds.HTML_WORDS, slice=100),
    "html-fast": Target(html_by("fast"), seeds.pages, seeds.HTML_WORDS, slice=100),
    "html-resiliparse": Target(html_by("resiliparse"), seeds.pages, seeds.HTML_WORDS, slice=100),
    "html-trafilatura": Target(html_by("trafilatura"), seeds.pages, seeds.HTML_WORDS, slice=20),
    "jsonl": Target(jsonl, seeds.json_lines, seeds.JSON_WORDS, slice=100),
    "parquet": Target(parquet, seeds.parquets, seeds.PARQUET_WORDS, slice=60),
    "files": Target(files, seeds.texts, seeds.HTML_WORDS, slice=40),
    "recipe": Target(recipe, seeds.recipes, seeds.YAML_WORDS, slice=40),
}
