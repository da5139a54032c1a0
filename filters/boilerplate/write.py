"""What is left of a batch: the bytes of the lines that stay, and how much went by which rule."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.boilerplate.blocks import STAYS
from filters.boilerplate.jit import Buffer, Number, helper, kernel
from filters.boilerplate.scan import Cuts, Lines

NEWLINE, SPACE, TAB, RETURN, DELETE = 10, 32, 9, 13, 0x7F


class Counts(NamedTuple):
    """One entry per text; characters are code points that are no ASCII white space."""

    chars: npt.NDArray[np.int64]
    removed_chars: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]  # not blank
    removed_lines: npt.NDArray[np.int64]  # whole ones
    removed_sentences: npt.NDArray[np.int64]
    top_rule: npt.NDArray[np.int64]  # number of the rule, or block rule, that removed most; STAYS where nothing went


@helper
def ink(data: Buffer, start: Number, end: Number) -> Number:
    """Characters that are not white space."""
    count = 0
    for at in range(start, end):
        byte = data[at]
        count += byte > SPACE and byte != DELETE and (byte & 0xC0) != 0x80
    return count


@helper
def copy(data: Buffer, start: Number, end: Number, out: Buffer, size: Number) -> Number:
    """Append bytes; the new size."""
    for at in range(start, end):
        out[size + at - start] = data[at]
    return size + end - start


@helper
def copy_line(
    data: Buffer, start: Number, end: Number, cuts: Cuts, cut: Number, last: Number, out: Buffer, size: Number
) -> Number:
    """Append a line without the sentences cuts[cut:last]; no white space is left at its end by them."""
    at = start
    for place in range(cut, last):
        size = copy(data, at, cuts.start[place], out, size)
        at = cuts.end[place]
    size = copy(data, at, end, out, size)
    while cut < last and size > 0 and (out[size - 1] == SPACE or out[size - 1] == TAB):
        size -= 1
    return size


@helper
def add(totals: Buffer, rule: Number, chars: Number, best: Number) -> Number:
    """Count what a rule removed; the rule that removed most so far (`best` or this one)."""
    totals[rule] += chars
    if best == STAYS or totals[rule] > totals[best]:
        return rule
    return best


@kernel
def write(
    data: Buffer, lines: Lines, line_low: Buffer, reason: Buffer, cuts: Cuts, cut_count: Number, totals: Buffer, out: Buffer,
    out_offsets: Buffer, counts: Counts,
) -> None:  # fmt: skip
    """Fill out, out_offsets (texts + 1) and counts. A text that loses nothing is copied byte for byte.

    totals: zeros, one for each rule and 16 more for block rules, whose numbers are negative. Where lines go, the longest
    run of blank lines around them stays; none at the beginning or end of a text.
    """
    cut = 0
    size = 0
    for row in range(line_low.shape[0] - 1):
        out_offsets[row] = size
        begin = size
        best = STAYS
        blank = 0  # newlines owed before the next line that stays
        run = 0
        removed = False  # since the last line that stays
        written = False
        for at in range(line_low[row], line_low[row + 1]):
            first = cut
            while cut < cut_count and cuts.start[cut] < lines.end[at]:
                cut += 1
            start, end = lines.start[at], lines.end[at]
            chars = ink(data, start, end)
            counts.chars[row] += chars
            counts.lines[row] += chars > 0
            if reason[at] != STAYS:
                counts.removed_chars[row] += chars
                counts.removed_lines[row] += 1
                best = add(totals, reason[at], chars, best)
                removed = True
                run = 0
                continue
            if chars == 0:
                run += 1
                blank = max(blank, run) if removed else run
                continue
            if written or not removed:
                newlines = blank + (1 if written else 0)
                for _ in range(newlines):
                    out[size] = NEWLINE
                    size += 1
            for place in range(first, cut):
                gone = ink(data, cuts.start[place], cuts.end[place])
                counts.removed_chars[row] += gone
                counts.removed_sentences[row] += 1
                best = add(totals, np.int64(cuts.rule[place]), gone, best)
            size = copy_line(data, start, end, cuts, first, cut, out, size)
            written, removed, blank, run = True, False, 0, 0
        if best == STAYS:
            size = copy(data, lines.start[line_low[row]], lines.end[line_low[row + 1] - 1], out, begin)
        counts.top_rule[row] = best
        for at in range(line_low[row], line_low[row + 1]):
            if reason[at] != STAYS:
                totals[reason[at]] = 0
        if counts.removed_sentences[row] > 0:
            totals[:] = 0
    out_offsets[line_low.shape[0] - 1] = size
