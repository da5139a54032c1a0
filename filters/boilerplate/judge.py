"""Boilerplate and promotional lines of many texts at once: what is left, and what each rule took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.boilerplate.automaton import Compiled, Tables
from filters.boilerplate.blocks import REASONS, STAYS, block_room, judge_blocks
from filters.boilerplate.hashes import HashedLines
from filters.boilerplate.jit import Buffer
from filters.boilerplate.kept import tables_for
from filters.boilerplate.learned import GOES, Learned, overrule, sure_cuts
from filters.boilerplate.lexicon import LANGUAGES
from filters.boilerplate.scan import MOST_LINES, Cuts, Lines, count_lines, scan
from filters.boilerplate.sentence import LONGEST_SENTENCE
from filters.boilerplate.verdicts import LABELS, TALLIES, Scratch
from filters.boilerplate.write import Counts, write

ISO_639_3 = {
    "zho": "zh", "cmn": "zh", "yue": "zh", "eng": "en", "deu": "de", "fra": "fr", "spa": "es", "jpn": "ja", "kor": "ko", "rus": "ru",
}  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """A line (or a sentence of a line that stays) that went. line: its number in the text, from 0."""

    line: int
    text: str
    rule: str
    whole_line: bool


@dataclass(frozen=True)
class Judged:
    """A batch after judgement. `texts` are the inputs without what was removed; nulls were judged as empty."""

    texts: pa.Array  # large_string
    counts: Counts
    top_rules: list[str | None]
    data: npt.NDArray[np.uint8]
    lines: Lines
    line_low: npt.NDArray[np.int64]  # (texts + 1,) where the lines of each text begin
    reason: npt.NDArray[np.int64]  # of each line: the rule or block rule that takes it, or STAYS
    _cuts: Cuts
    _names: Sequence[str]

    def removals(self, row: int) -> Iterator[Removal]:
        """Everything one text lost, in its order."""
        low, high = self.line_low[row], self.line_low[row + 1]
        cuts = self._cuts
        first = int(np.searchsorted(cuts.start, self.lines.start[low]))
        for at in range(low, high):
            start, end = int(self.lines.start[at]), int(self.lines.end[at])
            if self.reason[at] != STAYS:
                yield Removal(at - low, self._text(start, end), rule_name(self._names, self.reason[at]), True)
            while first < len(cuts.start) and cuts.start[first] < end:
                name = rule_name(self._names, cuts.rule[first])
                yield Removal(at - low, self._text(cuts.start[first], cuts.end[first]), name, False)
                first += 1

    def _text(self, start: int, end: int) -> str:
        return self.data[start:end].tobytes().decode("utf-8", "replace").strip()


def rule_name(names: Sequence[str], number: int) -> str:
    """The name of a rule of the lexicon, or of a block rule."""
    return names[number] if number >= 0 else REASONS[int(number)]


def rule_names() -> tuple[str, ...]:
    """Every name that may be given as a reason."""
    return (*tables_for().names, *REASONS.values())


def languages_of(language: str | None) -> tuple[str, ...] | None:
    """Whose phrases suit a text in a language (ISO 639-1 or 639-3): its own and English; None = all."""
    short = ISO_639_3.get(language or "", language)
    return tuple(one for one in LANGUAGES if one in (short, "en")) if short in LANGUAGES else None


def judge(
    texts: pa.Array, compiled: Compiled | None = None, learned: Learned | None = None, goes: float = GOES
) -> Judged:
    """Remove boilerplate and promotion from a string array, in linear time; a few native calls for the whole array.

    learned: who has the last word, None = the rules. goes: the chance above which it takes a line that no rule names.
    A text of more than a million lines is left as it is.
    """
    tables, names = compiled or tables_for()
    data, offsets = buffers(texts)
    found = np.zeros(len(texts), np.int64)
    count_lines(data, offsets, found)
    lines = empty_lines(int(np.maximum(found, 1).sum()))
    line_low = np.zeros(len(texts) + 1, np.int64)
    cuts, cut_count = _scanned(data, offsets, found, tables, lines, line_low)
    reason = np.full(len(lines.start), STAYS, np.int64)
    judge_blocks(lines, line_low, reason, block_room(len(reason)))
    if learned:
        overrule(learned, tables, data, lines, line_low, reason, goes)
        cuts, cut_count = sure_cuts(learned, data, cuts, cut_count)
    out = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    out_offsets = np.zeros(len(texts) + 1, np.int64)
    counts = Counts(*(np.zeros(len(texts), np.int64) for _ in Counts._fields))
    write(data, lines, line_low, reason, cuts, cut_count, totals_of(len(names)), out, out_offsets, counts)
    top = [None if one == STAYS else rule_name(names, one) for one in counts.top_rule]
    cuts = Cuts(cuts.start[:cut_count], cuts.end[:cut_count], cuts.rule[:cut_count])
    return Judged(strings(out, out_offsets), counts, top, data, lines, line_low, reason, cuts, names)


def _scanned(
    data: Buffer, offsets: Buffer, found: Buffer, tables: Tables, lines: Lines, line_low: Buffer
) -> tuple[Cuts, int]:
    cuts = empty_cuts(64)
    while (count := scan(data, offsets, found, tables, scratch(len(tables.word_rule)), lines, line_low, cuts)) < 0:
        cuts = empty_cuts(8 * len(cuts.start))
    return cuts, int(count)


def pieces(texts: pa.Array) -> Iterator[pa.Array]:
    """The array in slices of at most about MOST_LINES lines, so that memory depends on the bytes of a batch alone."""
    data, offsets = buffers(texts)
    found = np.zeros(len(texts), np.int64)
    count_lines(data, offsets, found)
    ends = np.searchsorted(np.cumsum(found), np.arange(1, found.sum() // MOST_LINES + 1) * MOST_LINES, "right")
    bounds = np.unique(np.concatenate([[0], ends, [len(texts)]]))
    if len(texts) == 0:
        yield texts
    yield from (texts.slice(low, high - low) for low, high in pairwise(bounds.tolist()))


def kept_lines(
    texts: pa.Array, hashed: HashedLines, gone: npt.NDArray[np.bool_]
) -> tuple[pa.Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Texts without some of their lines; lines and characters that went, by text."""
    data, offsets = buffers(texts)
    lines = empty_lines(len(gone))
    lines.start[:], lines.end[:] = hashed.start, hashed.end
    line_low = np.searchsorted(hashed.row, np.arange(len(texts) + 1)).astype(np.int64)
    reason = np.where(gone, 0, STAYS).astype(np.int64)
    out, out_offsets = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.zeros(len(texts) + 1, np.int64)
    counts = Counts(*(np.zeros(len(texts), np.int64) for _ in Counts._fields))
    write(data, lines, line_low, reason, empty_cuts(0), 0, totals_of(1), out, out_offsets, counts)
    return strings(out, out_offsets), counts.removed_lines, counts.removed_chars


def buffers(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes and int64 offsets of a string array; nulls are empty."""
    array = texts.cast(pa.large_string())
    if array.null_count:
        array = array.fill_null("")
    _, offsets, data = array.buffers()
    found = (
        np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        if len(array)
        else np.zeros(1, np.int64)
    )
    return np.frombuffer(data or b"", np.uint8), found


def strings(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> pa.Array:
    """A large_string array over bytes that are valid UTF-8 cut at character boundaries."""
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def empty_lines(count: int) -> Lines:
    kinds: dict[str, Any] = {
        "signs": np.int32,
        "level": np.uint8,
        "rule": np.int32,
        "flags": np.uint16,
        "prefix": np.uint64,
    }
    return Lines(*(np.zeros(count, kinds.get(name, np.int64)) for name in Lines._fields))


def empty_cuts(room: int) -> Cuts:
    return Cuts(np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int32))


def totals_of(rules: int) -> npt.NDArray[np.int64]:
    """Room for `write`: block rules are negative and count from the end."""
    return np.zeros(rules + 16, np.int64)


def scratch(cues: int) -> Scratch:
    signs = LONGEST_SENTENCE + 1
    return Scratch(
        np.zeros(signs, np.int32), np.zeros(signs, np.int32), np.zeros(LABELS, np.bool_), np.zeros(cues, np.int64),
        np.zeros(cues, np.int64), np.zeros(cues, np.int32), np.zeros(cues, np.int32), np.zeros(TALLIES, np.int64),
    )  # fmt: skip
