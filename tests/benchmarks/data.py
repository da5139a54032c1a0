"""What the contests work on: a thinned copy of real WARCs, or the demo's own pages; their pages and texts beside them."""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.base import Context, Slice
from stages.extract import Extract, PageReader
from stages.language import identify
from stages.registry import source_class
from stages.tokens import train_bpe

VOCABULARY = 32_768


@dataclass(frozen=True)
class Data:
    """Files below one folder. pages: `html` decoded; texts, english: `text`, extracted by resiliparse."""

    folder: Path
    told: str  # what it is, for the report
    pages: int
    texts: int
    english: int
    warc_bytes: int

    @property
    def warcs(self) -> Path:
        return self.folder / "warc"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer"

    def table(self, name: str) -> str:
        return str(self.folder / f"{name}.parquet")


def prepare(folder: Path, pages: int) -> Data:
    """The input for about `pages` pages, made once per folder and number; real where WINNOW_DATA (../shared/data) is."""
    made = folder / f"input-{pages}"
    told = made / "data.json"
    if not told.exists():
        (made / "warc").mkdir(parents=True, exist_ok=True)
        origin = _real_warcs(made / "warc", pages) or _demo_warc(made / "warc", pages)
        told.write_text(json.dumps(_derive(made) | {"told": origin}))
    return Data(folder=made, **json.loads(told.read_text()))


def _real_warcs(target: Path, pages: int) -> str | None:
    root = Path(os.environ.get("WINNOW_DATA", Path(__file__).parents[3] / "shared" / "data"))
    files = sorted((root / "warc").glob("*.warc.gz"))
    if not files:
        return None
    with gzip.open(root / "warc" / "manifest.jsonl.gz", "rt") as lines:
        share = min(1.0, pages / sum(1 for _ in lines))
    for file in files:
        (target / file.name).write_bytes(b"".join(_thinned(file.read_bytes(), share)))
    return (
        f"every {1 / share:.1f}th record of a mini crawl of {len(files)} WARC files (real pages, mostly documentation)"
    )


def _thinned(data: bytes, share: float) -> Iterator[bytes]:
    """Gzip members, evenly spread."""
    taken = seen = 0
    while data:
        inflate = zlib.decompressobj(wbits=31)
        inflate.decompress(data)
        size = len(data) - len(inflate.unused_data)
        seen += 1
        if taken < seen * share:
            taken += 1
            yield data[:size]
        data = inflate.unused_data


def _demo_warc(target: Path, pages: int) -> str:
    from pipeline.demo_sites import build
    from tests.corpus import Page, warc_bytes

    build(target.parent / "sites")
    files = sorted((target.parent / "sites").rglob("*.html"))[:pages]
    found = [Page(f"https://demo.example/{n}.html", file.read_bytes()) for n, file in enumerate(files)]
    (target / "demo.warc.gz").write_bytes(warc_bytes(found))
    return "the demo's own pages"


def _derive(folder: Path) -> dict[str, int]:
    """Pages and texts as Parquet, and a tokenizer trained on the texts."""
    read = PageReader(Extract(engine="resiliparse"))
    files = sorted((folder / "warc").iterdir())
    pages = [html.encode("utf-8", "replace").decode() for file in files for html in decoded_pages(file) if html]
    texts = [text for html in pages if (text := read.page(html.encode(), "utf-8").text)]
    english = [text for text, (language, _, score) in zip(texts, identify(texts), strict=True) if language == "eng"]
    tables = {"pages": ("html", pages), "texts": ("text", texts), "english": ("text", english)}
    for name, (column, values) in tables.items():
        pq.write_table(pa.table({column: pa.array(values, pa.large_string())}), folder / f"{name}.parquet")
    (folder / "tokenizer").mkdir(exist_ok=True)
    train_bpe(texts[::3], VOCABULARY, folder / "tokenizer")
    size = sum(f.stat().st_size for f in (folder / "warc").iterdir())
    return {"pages": len(pages), "texts": len(texts), "english": len(english), "warc_bytes": size}


def decoded_pages(file: Path) -> Iterator[str]:
    """Every page of a WARC file, as text."""
    from stages.charsets import decode_html

    size = file.stat().st_size
    piece = Slice("bench", "bench", None, file.name, str(file), 0, size, size)
    for batch in source_class("warc")().read(Context(seed=0, artifacts={}), piece):
        for html, charset in zip(batch.column("html"), batch.column("charset").to_pylist(), strict=True):
            if html.is_valid:
                yield decode_html(html.as_py(), charset).text
