"""Labelled pages: text files of lines, each `A|` boilerplate or promotion, `C|` content, or `N|` neither."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BOILERPLATE, CONTENT, NEITHER = "A", "C", "N"


class Page(NamedTuple):
    """A page. group: pages of one group are never on both sides of a test."""

    group: str
    name: str
    labels: list[str]
    lines: list[str]


def read_pages(path: Path) -> Iterator[Page]:
    """The pages of a file; a row `# name` begins one. Raises ValueError naming a row that is neither this nor a line."""
    page: Page | None = None
    for number, row in enumerate(path.read_text("utf-8").splitlines(), 1):
        label, bar, line = row.partition("|")
        if row.startswith("# "):
            if page:
                yield page
            page = Page(path.stem, row[2:], [], [])
        elif page and bar and label in (BOILERPLATE, CONTENT, NEITHER) and line.strip():
            page.labels.append(label)
            page.lines.append(line)
        elif row.strip():
            raise ValueError(f"{path}:{number}: neither `# name` nor `A|`, `C|` or `N|` and a line below one")
    if page:
        yield page


def content_page(name: str, text: str) -> Page:
    """A text that is content from end to end."""
    lines = [line for line in text.splitlines() if line.strip()]
    return Page(name, name, [CONTENT] * len(lines), lines)
