"""Labelled pages written for these tests and for training; those in `unseen/` nothing was ever trained on."""

from pathlib import Path

import pyarrow as pa

from filters.boilerplate.judge import Judged, judge
from filters.boilerplate.labelled import BOILERPLATE, CONTENT, Page, read_pages
from filters.boilerplate.learned import shipped_judge

PAGES = Path(__file__).parent / "boilerplate_pages"


def pages_of(pattern: str) -> list[Page]:
    """All pages of the files that match."""
    found = [page for path in sorted(PAGES.glob(pattern)) for page in read_pages(path)]
    assert found, pattern
    return found


def judged(pages: list[Page], between: str = "\n", learned: bool = True) -> Judged:
    """The pages as a recipe would clean them, or by the rules alone."""
    texts = pa.array([between.join(page.lines) for page in pages], pa.large_string())
    return judge(texts, learned=shipped_judge() if learned else None)


def shares(pages: list[Page], texts: list[str]) -> tuple[float, float]:
    """Shares of the characters of boilerplate removed and of content lost; a line counts as lost unless it is there whole."""
    every, gone = {BOILERPLATE: 0, CONTENT: 0}, {BOILERPLATE: 0, CONTENT: 0}
    for page, text in zip(pages, texts, strict=True):
        stayed = set(text.splitlines())
        for label, line in zip(page.labels, page.lines, strict=True):
            if label in every:
                every[label] += len(line)
                gone[label] += len(line) * (line not in stayed)
    return gone[BOILERPLATE] / max(every[BOILERPLATE], 1), gone[CONTENT] / max(every[CONTENT], 1)
