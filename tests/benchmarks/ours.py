"""Our side of every contest: each function prepares one task and returns what is measured."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from filters.judge import first_failing
from stages.base import Context
from stages.registry import make_stage
from tests.benchmarks.data import decoded_pages
from tests.benchmarks.side import Task

_ROWS = 1_000
# FineWeb's settings where an engine has them.
FINEWEB_EXTRACTION = {"trafilatura": {"favor": "precision", "deduplicate": True}}
FINEWEB_RECIPE = """\
name: bench
seed: 17
sources:
  web: {{read: {{warc: "{warcs}/*.warc.gz"}}}}
stages:
  - url_rules
  - extract: {extract}
  - language: {{keep: [en], min_score: 0.65}}
  - rules: {{profile: fineweb}}
dedupe:
  - minhash: {{ngram: 5, bands: 14, rows: 8}}
"""


def warc_read(warcs: str) -> Task:
    """Records to rows, bodies decoded, pages to text by their charset."""
    files = sorted(Path(warcs).iterdir())
    return Task(lambda file: sum(1 for _ in decoded_pages(file)), lambda: files)


def language(table: str) -> Task:
    return _stage("language", {}, _batches(table))


def rules(table: str) -> Task:
    """All signals of FineWeb's filters, C4's rewriting, and the verdicts."""
    (stage,) = make_stage("rules", {"profile": "fineweb"}).expand()
    opened, judged, batches = stage.open(_context()), stage.rules(), _batches(table)

    return Task(lambda batch: first_failing(opened(batch), judged), lambda: batches)


def minhash(table: str) -> Task:
    from dedup import minhash_signatures

    texts = pq.read_table(table).column("text").combine_chunks()
    return Task(lambda column: minhash_signatures(column, ngram=5, bands=14, rows=8), lambda: [texts])


def tokens(table: str, tokenizer: str) -> Task:
    from stages.tokens import fastest_engine

    engine, texts = fastest_engine(Path(tokenizer)), pq.read_table(table).column("text").to_pylist()
    assert engine.name == "tiktoken"
    return Task(engine.encode, lambda: [texts])


def write(table: str, folder: str) -> Task:
    from pipeline.tables import TableWriter

    batches, schema = _batches(table), pa.schema([("text", pa.string())])

    def store(rows: list[pa.RecordBatch]) -> None:
        with TableWriter(Path(folder) / "ours.parquet", schema) as writer:
            for batch in rows:
                writer.write(batch)

    return Task(store, lambda: [batches])


def extract(table: str, engine: str, settings: dict[str, Any]) -> Task:
    """The stage's own reader: decoding, caps, engine, cleaning."""
    from stages.extract import Extract, PageReader

    reader = PageReader(Extract.model_validate({"engine": engine, **settings}))
    pages = [html.encode() for html in pq.read_table(table).column("html").to_pylist()]
    return Task(lambda html: reader.page(html, "utf-8"), lambda: pages)


def end_to_end(warcs: str, folder: str, engine: str, settings: dict[str, Any], workers: int = 1) -> Task:
    """`winnow run` from WARC files to the pool, from nothing."""
    recipe = Path(folder) / f"ours-{engine}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    chosen = {"engine": engine, **settings}
    recipe.write_text(FINEWEB_RECIPE.format(warcs=warcs, extract=json.dumps(chosen)))
    return run_recipe(str(recipe), workers)


def run_recipe(recipe: str, workers: int = 1, empty_cache: bool = False) -> Task:
    """`winnow run`, from nothing. empty_cache: nothing is compiled yet, as after an installation."""
    output, cache = Path(recipe).with_suffix(".out"), Path(recipe).with_suffix(".cache")
    command = [sys.executable, "-m", "pipeline.cli", "run", recipe, "--output", str(output), "--workers", str(workers)]
    environment = os.environ | ({"NUMBA_CACHE_DIR": str(cache)} if empty_cache else {})

    def run(place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)
        subprocess.run(command, check=True, capture_output=True, env=environment)

    return Task(run, lambda: [output], warm=False)


def command_line(arguments: list[str]) -> Task:
    """One command, its output thrown away."""
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    return Task(lambda _: subprocess.run(command, check=True, capture_output=True), lambda: [None], warm=False)


def _batches(table: str) -> list[pa.RecordBatch]:
    text = pq.read_table(table).column("text").cast(pa.string())
    return pa.table({"text": text}).combine_chunks().to_batches(max_chunksize=_ROWS)


def _stage(name: str, config: dict[str, Any], batches: list[pa.RecordBatch]) -> Task:
    opened: Callable[[pa.RecordBatch], pa.RecordBatch] = make_stage(name, config).open(_context())
    return Task(opened, lambda: batches)


def _context() -> Context:
    return Context(seed=0, artifacts={})
