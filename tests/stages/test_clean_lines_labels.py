"""How well it does on pages of other people: labelled lines, and the gold of main-content extraction."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from filters.boilerplate.judge import judge
from filters.boilerplate.learned import shipped_judge
from tests.labels.pages import labelled_pages
from tests.labels.table import LINKS, NEITHER, ink

pytestmark = pytest.mark.data


def measured(name: str, data: Path) -> dict[str, tuple[int, int]]:
    """Label -> characters, characters removed."""
    pages = labelled_pages(name, data)
    judged = judge(pa.array(["\n".join(page.lines) for page in pages], pa.large_string()), learned=shipped_judge())
    every: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for row, page in enumerate(pages):
        gone: Counter[int] = Counter()
        for one in judged.removals(row):
            gone[int(one.line)] += ink(one.text)
        for number, label in page.labels.items():
            every[label] += ink(page.lines[number])
            removed[label] += gone[number]
    return {label: (count, removed[label]) for label, count in every.items()}


def shares(found: dict[str, tuple[int, int]]) -> tuple[float, float]:
    """Of the characters of the families, and of content: the share removed."""
    families = [label for label in found if label != "c" and label not in (*LINKS, *NEITHER)]
    ads = sum(found[label][1] for label in families) / sum(found[label][0] for label in families)
    return ads, found["c"][1] / found["c"][0]


@pytest.mark.parametrize("name", ["development", "validation", "judging"])
def test_most_boilerplate_goes_and_content_stays(name, data_dir):
    """The goal: >= 75 % of the characters of boilerplate at <= 1 % of those of content. Figures in the documentation."""
    ads, content = shares(measured(name, data_dir))
    assert ads >= 0.7
    assert content <= 0.01


def test_at_least_six_hundred_lines_are_labelled(data_dir):
    """Half of the pages, and more, were not used for writing phrases first."""
    lines = {name: sum(len(p.labels) for p in labelled_pages(name, data_dir)) for name in ("development", "validation")}
    assert min(lines.values()) >= 600


def test_the_gold_of_extraction_survives(data_dir):
    """At most 1 % of what people marked as main content is lost, in all and in Chinese."""
    with gzip.open(data_dir / "extraction" / "gold.jsonl.gz", "rt", encoding="utf-8") as rows:
        gold = [row for row in map(json.loads, rows) if row["text"]]
    counts = judge(pa.array([row["text"] for row in gold], pa.large_string()), learned=shipped_judge()).counts
    assert counts.removed_chars.sum() / counts.chars.sum() <= 0.01
    chinese = [at for at, row in enumerate(gold) if row["language"] == "zh"]
    assert counts.removed_chars[chinese].sum() / counts.chars[chinese].sum() <= 0.01
