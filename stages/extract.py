"""From an HTML page to its title and main text, with a verdict for every page."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import pyarrow as pa
from pydantic import Field, model_validator

from filters.rule import Condition, Rule, rule
from stages.base import BatchFn, Context, Stage, columns, threshold
from stages.extract_engines import (
    Extracted,
    Favor,
    Format,
    TooDeep,
    fast_engine,
    resiliparse_engine,
    trafilatura_engine,
)
from stages.extract_metadata import ADDED, Metadata, metadata_of
from stages.extract_shape import FAST_MOST_TAGS, Shape, fits_trafilatura

EngineName = Literal["auto", "fast", "trafilatura", "resiliparse"]

# What bytes decoded by the wrong charset leave behind: U+FFFD pairs and uninitialised memory read as GBK.
_MOJIBAKE = ("锟斤拷", "烫烫烫", "屯屯屯")

_ANY_PAGE = b"<html><head><title>A page</title></head><body><p>With a line of text.</p></body></html>"
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # in no text: without white space and ESC (ISO-2022-JP)
_HEAD = 4_096  # characters looked at to tell text from binary data
_MOST_CONTROL = 0.02  # share of them; images, archives and PDF streams have 10 % and more


class Page(NamedTuple):
    """One page's outcome: a text or an error, never neither."""

    text: str | None
    title: str | None
    error: str | None
    engine: str | None
    charset: str | None
    confidence: float | None = None
    about: Metadata | None = None


class Extract(Stage):
    """Decode pages and keep their main text; pages that cannot be read get a reason.

    Rows without `html` are text already: they pass unchanged, except that one without any text is `empty`.
    The caps come before any parser. A page the engine finds no text in, or beyond what it copes with, goes to resiliparse;
    `extract__engine` says so.
    """

    name: ClassVar[str] = "extract"
    version: ClassVar[int] = 4
    packages: ClassVar[tuple[str, ...]] = ("numba", "trafilatura", "lxml", "jusText", "Resiliparse", "chardet")

    engine: EngineName = "auto"  # auto = fast, the learned extractor
    format: Format = "text"  # markdown: from engine fast only
    favor: Favor = "balanced"  # trafilatura: precision | recall trade some of the other for it
    fast: bool = False  # trafilatura: without the comparison with readability and jusText
    deduplicate: bool = False  # trafilatura: drop repeated segments inside a page
    metadata: bool = False  # what the page declares: author, date, language, canonical address, licence, site, type

    max_bytes: int = 20_000_000  # of the body as received; Common Crawl cuts pages at 1 to 5 MiB
    max_tokens: int = 400_000  # tags and attributes; up to 500 bytes of memory each in the HTML5 tree
    max_depth: int = 4_000
    max_attributes: int = 1_000  # of one tag; parsers compare each with all others: 10,000 take 0.2 s, 100,000 20 s
    # Distinct ones of elements and attributes; the most of 2,095 real pages: 1,307.
    max_names: Annotated[int, Field(lt=16_384)] = 10_000
    max_work: int = 25_000_000  # tags x depth; 60 ns a unit in the HTML5 parser, so 1.5 s

    max_replaced: float = threshold(0.001)  # share of U+FFFD in the text (MNBVC)
    max_mojibake: float = threshold(0.05)  # share of characters in 锟斤拷-like runs (MNBVC)

    @model_validator(mode="after")
    def _markdown_is_of_the_fast_engine(self) -> Self:
        if self.format == "markdown" and self.engine not in ("auto", "fast"):
            raise ValueError(f"format markdown comes from engine fast, not from {self.engine}")
        return self

    @property
    def reads(self) -> pa.Schema:
        page = columns(html=pa.large_binary(), charset=pa.string(), text=pa.string(), title=pa.string())
        return page.append(pa.field("url", pa.string())) if self.metadata else page

    @property
    def adds(self) -> pa.Schema:
        measured = columns(
            extract__error=pa.string(),
            extract__engine=pa.string(),
            extract__charset=pa.string(),
            extract__replaced=pa.float32(),
            extract__mojibake=pa.float32(),
            extract_confidence=pa.float32(),
        )
        return pa.schema([*measured, *ADDED]) if self.metadata else measured

    @property
    def replaces(self) -> pa.Schema:
        return columns(text=pa.string(), title=pa.string())

    def open(self, ctx: Context) -> BatchFn:
        reader = PageReader(self)

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            html = batch.column("html")
            ctx.counters["pages_extracted"] += len(html) - html.null_count
            return self._answer([reader.row(*row) for row in _rows(batch)])

        return extract

    def rules(self) -> tuple[Rule, ...]:
        failed = (Condition(column="extract__error", op="not null"),)
        return (
            rule(self.name, "extract__error", "==", "empty", "empty", gate=True, null="keep"),
            Rule(group=self.name, conditions=failed, reason=None, action="quarantine", gate=True, null="keep"),
            rule(
                self.name,
                "extract__replaced",
                ">",
                self.max_replaced,
                "undecodable",
                threshold="max_replaced",
                null="keep",
            ),
            rule(
                self.name,
                "extract__mojibake",
                ">",
                self.max_mojibake,
                "mojibake",
                threshold="max_mojibake",
                null="keep",
            ),
        )

    def _answer(self, pages: list[Page]) -> pa.RecordBatch:
        text, title, error, engine, charset, confidence, about = zip(*pages, strict=True) if pages else ([],) * 7
        texts = pa.array(text, pa.string())
        found = {
            "extract__error": pa.array(error, pa.string()),
            "extract__engine": pa.array(engine, pa.string()),
            "extract__charset": pa.array(charset, pa.string()),
            "extract__replaced": _share(texts, ("\ufffd",)),
            "extract__mojibake": _share(texts, _MOJIBAKE),
            "extract_confidence": pa.array(confidence, pa.float32()),
            "text": texts,
            "title": pa.array(title, pa.string()),
            **_declared(about),
        }
        schema = pa.schema([*self.adds, *self.replaces])
        return pa.record_batch([found[field.name] for field in schema], schema=schema)


class PageReader:
    """Reads one page after the other with the engines and caps of a stage; holds nothing of a page."""

    def __init__(self, settings: Extract) -> None:
        from stages.charsets import clean_unicode, decode_html
        from stages.extract_scan import shape

        self._settings, self._decode, self._clean, self._shape = settings, decode_html, clean_unicode, shape
        self._fast = fast_engine(settings.format) if settings.engine in ("auto", "fast") else None
        self._trafilatura = trafilatura_engine(settings.favor, settings.fast, settings.deduplicate)
        self._resiliparse = resiliparse_engine()
        self.page(_ANY_PAGE, None)  # kernels compile and libraries load now, not at the cost of the first document

    def row(
        self, html: bytes | None, charset: str | None, text: str | None, title: str | None, url: str | None = None
    ) -> Page:
        """The outcome of one row: its page read, or its text as it came."""
        if html is not None:
            return self.page(html, charset, url)
        return Page(text, title, None if text and not text.isspace() else "empty", None, None)

    def page(self, html: bytes, http_charset: str | None, url: str | None = None) -> Page:
        """The title and text of one page, or why there are none. url: where it was, for the addresses it names."""
        if len(html) > self._settings.max_bytes:
            return _failed("too_big")
        try:
            decoded = self._decode(html, http_charset)
            if _is_binary(decoded.text):
                return _failed("binary", decoded.charset)
            return self._read(self._clean(decoded.text), decoded.charset, url)
        except MemoryError:  # says something about this machine, not about the page
            raise
        except Exception:
            return _failed("engine_failed")

    def _read(self, page: str, charset: str, url: str | None) -> Page:
        utf8 = page.encode()
        shape = self._shape(utf8, self._settings.max_work)
        if excess := self._excess(shape):
            return _failed(excess, charset)
        engine, found = self._extract(page, utf8, shape)
        about = metadata_of(page, url) if self._settings.metadata else None
        text, title = self._clean(found.text), self._clean(found.title)
        if not text or text.isspace():
            return Page(None, title or None, "empty", engine, charset, None, about)
        return Page(text, title or None, None, engine, charset, found.confidence, about)

    def _excess(self, shape: Shape) -> str | None:
        caps = self._settings
        if shape.attributes > caps.max_attributes:
            return "too_many_attributes"
        if shape.names > caps.max_names:
            return "too_many_names"
        if shape.tokens > caps.max_tokens:
            return "too_many_tokens"
        if shape.depth > caps.max_depth:
            return "too_deep"
        return "too_tangled" if shape.work > caps.max_work else None

    def _extract(self, page: str, utf8: bytes, shape: Shape) -> tuple[str, Extracted]:
        if self._fast:
            found = self._fast(utf8) if shape.tags <= FAST_MOST_TAGS else None
            if found and found.text:
                return "fast", found
        elif self._settings.engine == "trafilatura" and fits_trafilatura(shape, len(utf8)):
            answer = self._by_trafilatura(page)
            # It swallows its own errors. With favor "precision" nothing is also what it says of a page of links.
            if answer and (answer.text or self._settings.favor == "precision"):
                return "trafilatura", answer
        return "resiliparse", self._resiliparse(page)

    def _by_trafilatura(self, page: str) -> Extracted | None:
        try:
            return self._trafilatura(page)
        except TooDeep:
            return None


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """html, charset, text, title and, where it is read, url of each row, one page in memory at a time."""
    there = [name for name in ("html", "charset", "text", "title", "url") if name in batch.schema.names]
    cells = [batch.column(name) for name in there]
    for i in range(batch.num_rows):
        yield tuple(column[i].as_py() for column in cells)


def _declared(about: Iterable[Metadata | None]) -> dict[str, pa.Array]:
    """The columns of ADDED; null for rows that were text already and pages no parser saw."""
    rows = [one or Metadata() for one in about]
    return {field.name: pa.array([row[at] for row in rows], field.type) for at, field in enumerate(ADDED)}


def _failed(error: str, charset: str | None = None) -> Page:
    return Page(None, None, error, None, charset)


def _is_binary(page: str) -> bool:
    """An image, archive or PDF behind text/html: its head is full of control characters, or says so."""
    head = page[:_HEAD]
    return head.startswith("%PDF-") or len(_CONTROL.findall(head)) > _MOST_CONTROL * len(head)


def _share(texts: pa.Array, patterns: tuple[str, ...]) -> pa.Array:
    """Share of each text's characters inside any of `patterns`, float32; null where there is no text."""
    import pyarrow.compute as pc

    found = pa.array([0] * len(texts), pa.int64())
    for pattern in patterns:
        hits = pc.count_substring(texts, pattern=pattern)
        found = pc.add(found, pc.multiply(hits.cast(pa.int64()), len(pattern)))
    lengths = pc.utf8_length(texts).cast(pa.float64())
    empty = pc.equal(lengths, 0)
    share = pc.divide(found.cast(pa.float64()), pc.if_else(empty, None, lengths))
    return share.cast(pa.float32())


def html_to_text(html: bytes, *, url: str | None = None, engine: EngineName = "auto") -> str:
    """The main text of one page; empty where there is none or the page cannot be read."""
    return PageReader(Extract(engine=engine)).page(html, None).text or ""
