"""Thresholds for a language, estimated from a sample of its good texts.

The published thresholds were set for English. FineWeb-2 (Penedo et al. 2025, arXiv:2506.20920) estimates those of other
languages from the distribution of each signal in a sample of the language. Here the published value holds unless more
of the sample than `tail` would fail it; then it becomes that quantile. The bounds of the mean word length, which no two
languages share, are first scaled by how the sample's median compares with that of English.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.base import Filter, Threshold, get_filter
from filters.batch import TextBatch
from filters.judge import first_failing
from filters.profiles import load_profile
from filters.profiles.of_language import LanguageProfile, with_languages

FEWEST_TEXTS = 50  # of a sample: below it, a tail is one text
STOP_WORD_SHARE, MOST_LISTED = 0.008, 32  # of all words; words in the list
BATCH = 1_000  # texts measured at once
GRID = 1_000  # thresholds are rounded to thousandths, to the looser side

WORD_LENGTHS = ("min_avg_word_length", "max_avg_word_length")
ENGLISH_WORD_LENGTH = 4.9  # median of the mean word length of 1,298 English texts, gold of main-content extraction
# What is judged: FineWeb-2's choice (no C4, no short lines, no paragraphs) with its general values.
BASE: dict[str, dict[str, float]] = {
    "length": {"min_chars": 100},
    "gopher_repetition": {
        key: value
        for key, value in load_profile("fineweb").filters["gopher_repetition"].items()
        if isinstance(value, float) and "paragraph" not in key and key != "max_dup_line_chars"
    },
    "gopher_quality": {
        key: value
        for key, value in load_profile("fineweb").filters["gopher_quality"].items()
        if isinstance(value, int | float)
    },
    "lines": {"min_end_marks": 0.1, "min_mean_length": 10},
    "fineweb": {"max_char_dup_lines": 0.1, "max_newline_ratio": 0.3},
}


@dataclass(frozen=True)
class Fitted:
    """A profile and what it does to texts it was not fitted on. dropped_by: threshold -> held-out texts it drops first."""

    profile: LanguageProfile
    fitted_on: int
    held_out: int
    kept: int
    dropped_by: dict[str, int]


def fit_profile(texts: Sequence[str], language: str, tail: float = 0.01, seed: int = 17) -> Fitted:
    """Estimate a profile from texts of one language (ISO 639-3); a fifth is held out to count what it would drop.

    tail: the share of the sample that each threshold may drop. The same texts, in any order, give the same profile; held
    out is decided by hash(seed, text). Raises ValueError for fewer than 50 different texts.
    """
    unique = sorted({one for one in texts if one.strip()}, key=lambda one: _draw(one, seed))
    if len(unique) < FEWEST_TEXTS:
        raise ValueError(f"{len(unique)} different texts; a profile needs at least {FEWEST_TEXTS}")
    border = len(unique) // 5
    held, taught = unique[:border], unique[border:]
    words = stop_words(taught, language)
    bare = LanguageProfile({}, words)
    signals = _measured(taught, language, bare)
    values = {name: _fitted(get_filter(name), base, signals, tail) for name, base in BASE.items()}
    profile = LanguageProfile(values, words)
    dropped = _dropped(held, language, profile)
    return Fitted(profile, len(taught), len(held), len(held) - sum(dropped.values()), dropped)


def stop_words(texts: Sequence[str], language: str) -> tuple[str, ...]:
    """The words that make up at least 0.8 % of all words each, most frequent first; at most 32, of letters alone."""
    counts: Counter[str] = Counter()
    for low in range(0, len(texts), BATCH):
        part = texts[low : low + BATCH]
        for words in TextBatch(part, [language] * len(part)).words.lists():
            counts.update(word.lower() for word in words)
    least = STOP_WORD_SHARE * sum(counts.values())
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(word for word, count in ranked if count >= least and word.isalpha())[:MOST_LISTED]


def _draw(text: str, seed: int) -> bytes:
    return hashlib.blake2b(f"profile/{seed}/{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _measured(texts: Sequence[str], language: str, profile: LanguageProfile) -> pa.Table:
    """All signals of the base's filters, a column each."""
    batches = []
    for low in range(0, len(texts), BATCH):
        part = texts[low : low + BATCH]
        batch = TextBatch(part, [language] * len(part), profiles={language: profile})
        columns = {
            field.name: array
            for name in BASE
            for field, array in zip(get_filter(name).adds, get_filter(name).arrays(batch), strict=True)
        }
        batches.append(pa.table(columns))
    return pa.concat_tables(batches)


def _fitted(found: Filter, base: dict[str, float], signals: pa.Table, tail: float) -> dict[str, float]:
    """The thresholds of one filter. One whose signal nobody has (words of a language without a list) is left out."""
    fitted = {}
    for one in found.thresholds:
        values = np.asarray(signals.column(f"{found.name}__{one.signal}").drop_null().to_numpy(), np.float64)
        if one.name in base and len(values):
            scale = float(np.median(values)) / ENGLISH_WORD_LENGTH if one.name in WORD_LENGTHS else 1
            fitted[one.name] = _threshold(one, base[one.name] * scale, values, tail)
    return fitted


def _threshold(one: Threshold, published: float, values: npt.NDArray[np.float64], tail: float) -> float:
    """The published value, or the quantile that leaves at most `tail` of the sample outside where that is looser."""
    below = one.op == "<"
    exact = float(np.quantile(values, tail if below else 1 - tail, method="lower" if below else "higher"))
    looser = min(published, exact) if below else max(published, exact)
    if isinstance(published, int):
        return math.floor(looser) if below else math.ceil(looser)
    return (math.floor(looser * GRID) if below else math.ceil(looser * GRID)) / GRID


def _dropped(texts: Sequence[str], language: str, profile: LanguageProfile) -> dict[str, int]:
    """How many texts each threshold is the first to drop."""
    signals = _measured(texts, language, profile)
    signals = signals.append_column("language", pa.array([language] * len(texts), pa.string()))
    rules = [
        rule
        for name in BASE
        for rule in get_filter(name).rules(
            with_languages({one.name: None for one in get_filter(name).thresholds}, {language: profile}, name)
        )
    ]
    first = Counter(rules[at].path for at in first_failing(signals, rules) if at >= 0)
    return dict(sorted(first.items()))
