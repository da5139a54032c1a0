"""How well a text matches a page's gold: snippet, shingle and word F1, after NFKC and white-space folding."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.extraction.alignment import tokens_of

_SHINGLE = 4


class Verdict(NamedTuple):
    """One page. snippets: wanted found, unwanted found, wanted missed; shingles: hits, extra, missed, summing to one."""

    snippets: tuple[int, int, int] | None
    shingles: tuple[float, float, float] | None
    words: float | None


def judge(gold: dict[str, Any], text: str) -> Verdict:
    """Compare a text with a line of gold: `text`, or `with` and `without`, or all of them."""
    wanted, unwanted = ([s for s in map(_folded, gold.get(key) or []) if s] for key in ("with", "without"))
    snippets = None
    if wanted or unwanted:
        folded = _folded(text)
        found = sum(s in folded for s in wanted)
        snippets = found, sum(s in folded for s in unwanted), len(wanted) - found
    if not gold.get("text"):
        return Verdict(snippets, None, None)
    mine, theirs = tokens_of(text), tokens_of(gold["text"])
    hits, extra, missed = _overlap(_shingles(mine), _shingles(theirs))
    total = hits + extra + missed or 1
    return Verdict(
        snippets, (hits / total, extra / total, missed / total), f1(*_overlap(Counter(mine), Counter(theirs)))
    )


def totals(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """{pages, snippet, shingle, word}: F1 over many pages; snippets pooled, pages of equal weight in the others."""
    rows = list(verdicts)
    told: dict[str, float] = {"pages": len(rows)}
    for name, parts in (("snippet", [v.snippets for v in rows]), ("shingle", [v.shingles for v in rows])):
        if sums := [p for p in parts if p]:
            told[name] = round(f1(*(sum(column) for column in zip(*sums, strict=True))), 4)
    if words := [v.words for v in rows if v.words is not None]:
        told["word"] = round(float(np.mean(words)), 4)
    return told


def f1(hits: float, extra: float, missed: float) -> float:
    """The harmonic mean of precision and recall; 0 where nothing was found."""
    return 2 * hits / (2 * hits + extra + missed) if hits else 0.0


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()


def _shingles(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    if 0 < len(words) < _SHINGLE:
        return Counter([tuple(words)])
    return Counter(zip(*(words[i:] for i in range(_SHINGLE)), strict=False))


def _overlap(mine: Counter[Any], theirs: Counter[Any]) -> tuple[int, int, int]:
    hits = sum((mine & theirs).values())
    return hits, sum(mine.values()) - hits, sum(theirs.values()) - hits
