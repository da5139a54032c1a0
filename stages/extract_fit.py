"""Train a model for the fast extraction engine, and judge it on domains and sources it has not seen."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from filters.trees.forest import Forest
from filters.trees.grown import flatten
from stages.extraction.examples import Example, examples_of
from stages.extraction.extractor import Choice, decide
from stages.extraction.jit import Array
from stages.extraction.judging import Verdict, judge, totals
from stages.extraction.model import write_model
from stages.extraction.odds import Statistics
from stages.extraction.reading import Measured, measure
from stages.extraction.rendering import plain_text
from stages.extraction.training import (
    Settings,
    Table,
    domain_groups,
    feature_table,
    grow,
    unseen_by_domain,
)

LEAST_PAGES = 50  # of a source that is held out as a whole, or of a group that is told apart


def fit_extractor(gold: Path, html: Path, output: Path, judged: bool, settings: Settings) -> dict[str, Any]:
    """Train on every page of `html` (Parquet: id, html) that has a line in `gold` (JSONL, maybe gzipped); write a model.

    Gold lines: id, domain, source, page_type, gold_kind, and text or with and without. Returns the model's hash and
    size, and with `judged` the F1 by domain (all, by source, by page type) and by source left out.
    Raises ValueError without any example.
    """
    lines = list(_lines(gold))
    examples = list(examples_of(lines, dict(_pages(html))))
    if not examples:
        raise ValueError(f"{gold}: no page of {html} has gold with text in it")
    statistics, group = Statistics(examples), domain_groups(examples)
    table = feature_table(examples, statistics, group)
    told: dict[str, Any] = {"pages": len(examples), "blocks": len(table.labels)}
    if judged:
        by_id = {line["id"]: line for line in lines}
        told["by_domain"] = _by_domain(examples, by_id, table, group, settings)
        told["source_left_out"] = _by_source(examples, by_id, table, statistics, settings)
    forest = flatten(grow(table, np.ones(len(table.labels), np.bool_), settings))
    about = {"settings": settings._asdict() | {"threads": 1}, **told}
    told["sha256"] = write_model(output, statistics.tables(np.ones(len(examples), np.bool_)), forest, about)
    return {"schema": "winnow.fit/1", **told, "bytes": output.stat().st_size}


def _lines(gold: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(gold, "rt", encoding="utf-8") if gold.suffix == ".gz" else gold.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _pages(html: Path) -> Iterator[tuple[str, bytes]]:
    import pyarrow.parquet as pq

    from stages.charsets import clean_unicode, decode_html

    for batch in pq.ParquetFile(html).iter_batches(64, columns=["id", "html"]):
        for name, page in zip(batch["id"].to_pylist(), batch["html"].to_pylist(), strict=True):
            yield name, clean_unicode(decode_html(page, None).text).encode()


def _by_domain(
    examples: list[Example], gold: dict[str, Any], table: Table, group: Array, settings: Settings
) -> dict[str, Any]:
    verdicts: dict[str, Verdict] = {}
    ends = np.cumsum([len(e.labels) for e in examples])
    for held_out, forest in unseen_by_domain(table, group, settings):
        for i in held_out:
            features = table.features[ends[i] - len(examples[i].labels) : ends[i]].copy()
            verdicts[examples[i].id] = _verdict(examples[i], features, forest, gold)
    told: dict[str, Any] = {"all": totals(verdicts.values())}
    for key in ("source", "page_type"):
        told[key] = {
            value: totals(rows)
            for value in sorted({str(gold[name].get(key)) for name in verdicts})
            if len(rows := [v for name, v in verdicts.items() if str(gold[name].get(key)) == value]) >= LEAST_PAGES
        }
    return told


def _by_source(
    examples: list[Example], gold: dict[str, Any], table: Table, statistics: Statistics, settings: Settings
) -> dict[str, Any]:
    """Each source judged by a model that saw none of its pages."""
    source = np.array([example.source for example in examples])
    told = {}
    for name in sorted(set(source)):
        held_out = source == name
        if held_out.sum() >= LEAST_PAGES and not held_out.all():
            forest = flatten(grow(table, ~held_out[table.example], settings))
            scores = statistics.scores(~held_out)
            told[name] = totals(
                _verdict(examples[i], measure(examples[i].html, scores).features, forest, gold)
                for i in np.flatnonzero(held_out)
            )
    return told


def _verdict(example: Example, features: Array, forest: Forest, gold: dict[str, Any]) -> Verdict:
    measured = Measured(example.page, features, np.zeros((0, 0), np.int64))
    keep, confidence = decide(measured, forest)
    return judge(gold[example.id], plain_text(Choice(measured.page, measured.relations, keep, confidence)))
