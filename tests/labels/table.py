"""What each family of rules takes, of the gold of main-content extraction and of the labelled lines: `python -m tests.labels.table`."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa

from filters.boilerplate.judge import Judged, judge
from tests.labels.pages import labelled_pages

# Labels that are neither content nor one of the families: menus and lists of links are the extractor's business; users'
# names, biographies, captions and what could be either are left out.
LINKS = ("nav", "links")
NEITHER = ("x", "user", "bio", "caption")


def family(rule: str) -> str:
    """`zh.qr.get` -> qr; a block rule is its own family."""
    return rule if rule.startswith("block.") else rule.split(".")[1]


def of_gold(data: Path) -> tuple[Counter[str], Counter[str], int]:
    """Lines (or sentences) and characters removed by family, and all characters."""
    with gzip.open(data / "extraction" / "gold.jsonl.gz", "rt", encoding="utf-8") as rows:
        texts = [row["text"] for row in map(json.loads, rows) if row["text"]]
    judged = judge(pa.array(texts, pa.large_string()))
    lines: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    for row in range(len(texts)):
        for one in judged.removals(row):
            lines[family(one.rule)] += 1
            chars[family(one.rule)] += ink(one.text)
    return lines, chars, int(judged.counts.chars.sum())


def of_labels(data: Path) -> dict[str, Counter[str]]:
    """Characters removed by family of boilerplate, of menus and links, and of content."""
    found = {name: Counter[str]() for name in ("boilerplate", "links", "content")}
    for name in ("development", "validation", "judging"):
        pages = labelled_pages(name, data)
        judged = judge(pa.array(["\n".join(page.lines) for page in pages], pa.large_string()))
        for row, page in enumerate(pages):
            _add(found, judged, row, page.labels)
    return found


def _add(found: dict[str, Counter[str]], judged: Judged, row: int, labels: dict[int, str]) -> None:
    for one in judged.removals(row):
        label = labels.get(int(one.line), "x")
        if label not in NEITHER:
            kind = "content" if label == "c" else "links" if label in LINKS else "boilerplate"
            found[kind][family(one.rule)] += ink(one.text)


def ink(text: str) -> int:
    """Characters that are no white space."""
    return sum(not one.isspace() for one in text)


def main() -> None:
    """Print the table of docs/explanation/clean_lines.md."""
    data = Path(os.environ.get("WINNOW_DATA", "../shared/data"))
    lines, chars, every = of_gold(data)
    labels = of_labels(data)
    print(
        "| family or block rule | lines of gold | characters of gold | share | boilerplate | menus and links | content |"
    )
    print("|---|---|---|---|---|---|---|")
    names = {*chars, *(name for counts in labels.values() for name in counts)}
    for name in sorted(names, key=lambda one: (-chars[one], one)):
        taken = " | ".join(f"{labels[kind][name]:,}" for kind in ("boilerplate", "links", "content"))
        print(f"| `{name}` | {lines[name]:,} | {chars[name]:,} | {chars[name] / every:.3%} | {taken} |")
    print(f"\n{sum(chars.values()) / every:.2%} of {every:,} characters of gold")


if __name__ == "__main__":
    main()
