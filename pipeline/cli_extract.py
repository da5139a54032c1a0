"""`winnow extract`: pages from files or URLs through the extraction stages, without a run around them."""

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.errors import StorageError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from stages.base import Source, Stage

ENGINES = ("auto", "fast", "trafilatura", "resiliparse")
FORMATS = ("jsonl", "text", "markdown")
MAX_FETCHED = 32 << 20  # bytes of one page; as for pages in WARC files
FETCH_SECONDS = 30
_WARC = re.compile(r"\.(warc|arc)(\.(gz|zst|bz2|xz))?$", re.IGNORECASE)
_PARQUET = re.compile(r"\.parquet$", re.IGNORECASE)
_HTML = re.compile(r"\.(html?|xhtml)$", re.IGNORECASE)


def extract_to(out: TextIO, inputs: list[str], engine: str, clean: bool, form: str) -> None:
    """Write {id, url, title, text, language} of every page to `out`; pages without text are counted on stderr.

    Raises UsageError for an unknown engine, format, file or kind of file; StorageError for a URL that can't be fetched.
    """
    _refuse("--engine", engine, ENGINES)
    _refuse("--format", form, FORMATS)
    files = [file for place in inputs for file in ([place] if _is_url(place) else _files(place))]
    stages = _stages(engine, clean, form)
    lost: Counter[str] = Counter()
    for place in files:
        for page in _pages(place, stages, lost):
            out.write(_spelled(page, form))
    if lost:
        told = ", ".join(f"{reason} {n:,}" for reason, n in sorted(lost.items()))
        print(f"winnow: {sum(lost.values()):,} pages or records without text: {told}", file=sys.stderr)


def _refuse(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise UsageError(f"{option} {given}: should be one of {', '.join(known)}")


def _is_url(place: str) -> bool:
    scheme, colon, _ = place.partition("://")
    if colon and scheme.lower() not in ("http", "https"):
        raise UsageError(f"{place}: only http and https pages are fetched; give a file otherwise")
    return bool(colon)


def _files(place: str) -> list[str]:
    """The file itself; of a directory, every HTML, WARC and Parquet file below it in order of path."""
    path = Path(place)
    if path.is_dir():
        found = sorted(str(p) for p in path.rglob("*") if p.is_file() and _reader_name(str(p)))
        if not found:
            raise UsageError(f"{place}: no HTML, WARC or Parquet file in that directory")
        return found
    if not path.is_file():
        raise UsageError(f"{place}: no such file")
    return [place]


def _reader_name(place: str) -> str | None:
    kinds = {"warc": _WARC, "parquet": _PARQUET, "html": _HTML}
    return next((name for name, ending in kinds.items() if ending.search(place)), None)


def _stages(engine: str, clean: bool, form: str) -> "list[Stage]":
    from stages.registry import UnknownName, make_stage

    kept = "markdown" if form == "markdown" and engine in ("auto", "fast") else "text"
    wanted: list[tuple[str, dict[str, Any]]] = [("extract", {"engine": engine, "format": kept})]
    wanted += [("clean_lines", {})] if clean else []
    try:
        return [make_stage(name, config) for name, config in [*wanted, ("language", {})]]
    except UnknownName as error:
        raise UsageError(f"--clean: not available yet ({error})") from None


def _pages(place: str, stages: "list[Stage]", lost: Counter[str]) -> Iterator[dict[str, Any]]:
    """Pages of one input; a URL is fetched into a file that goes again."""
    if not _is_url(place):
        yield from _pages_of_file(place, place, stages, lost)
        return
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        file, final = fetch(place, Path(folder))
        for page in _pages_of_file(str(file), place, stages, lost):
            yield {**page, "id": place, "url": final}


def _pages_of_file(file: str, shown: str, stages: "list[Stage]", lost: Counter[str]) -> Iterator[dict[str, Any]]:
    for batch in _measured(_batches(file), stages):
        names = set(batch.schema.names)
        wanted = ("record_key", "url", "title", "text", "language", "read__drop", "read__error", "extract__error")
        for row in batch.select([n for n in wanted if n in names]).to_pylist():
            reason = row["read__error"] or row["read__drop"] or row["extract__error"]
            if reason:
                lost[reason] += 1
            if not (row["read__error"] or row["read__drop"]):
                yield _page(row, shown)


def _page(row: dict[str, Any], shown: str) -> dict[str, Any]:
    identity = row["record_key"] if row["record_key"] and row["record_key"] != Path(shown).name else shown
    text = row["text"] or ""
    language = row["language"] if text else None
    return {"id": identity, "url": row["url"], "title": row["title"], "text": text, "language": language}


def _batches(file: str) -> "Iterator[pa.RecordBatch]":
    from stages.base import Context, Slice
    from stages.registry import source_class

    reader = source_class(_reader_name(file) or "html")()
    size = Path(file).stat().st_size
    context = Context()
    for start, end in _whole(reader, file, size):
        piece = Slice("extract", "extract", None, Path(file).name, file, start, end, size)
        yield from reader.read(context, piece)


def _whole(reader: "Source", file: str, size: int) -> list[tuple[int, int]]:
    return reader.cuts(file, size, max(size, 1))


def _measured(batches: "Iterable[pa.RecordBatch]", stages: "list[Stage]") -> "Iterator[pa.RecordBatch]":
    """Every batch through the stages; what the reader refused is not measured."""
    import pyarrow.compute as pc

    from pipeline.passes import open_stage, run_pass
    from stages.base import Context

    context = Context()
    opened = [open_stage(stage, context, ()) for stage in stages]
    for batch in batches:
        refused = pc.or_(pc.is_valid(batch.column("read__drop")), pc.is_valid(batch.column("read__error")))
        alive = ~refused.to_numpy(zero_copy_only=False)
        yield from run_pass([batch], [alive], opened)


def fetch(url: str, folder: Path) -> tuple[Path, str]:
    """One page by HTTP into a file: (file, final URL). Raises StorageError saying what the server did."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "winnow/1", "Accept": "text/html,*/*;q=0.5"})
    try:
        with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:
            data = answer.read(MAX_FETCHED + 1)
            final: str = answer.geturl()
    except urllib.error.HTTPError as error:
        raise StorageError(f"{url}: the server answered {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{url}: {getattr(error, 'reason', error)}; check the address and the network") from None
    if len(data) > MAX_FETCHED:
        raise UsageError(f"{url}: more than {MAX_FETCHED >> 20} MiB, which is no page")
    file = folder / "page.html"
    file.write_bytes(data)
    return file, final


def _spelled(page: dict[str, Any], form: str) -> str:
    if form == "jsonl":
        return json.dumps(page, ensure_ascii=False) + "\n"
    if not page["text"]:
        return ""
    title = page["title"]
    if form == "markdown" and title and not page["text"].startswith(title):
        return f"# {title}\n\n{page['text']}\n\n"
    return f"{page['text']}\n\n"
