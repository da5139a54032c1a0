"""One pass over the bytes of a batch: lines, their keys, the phrases in them and what the rules say of each.

A sentence is judged by its own phrases; a short line also by those of all its sentences; a line of labels alone by how
much of it they cover. A long line loses the sentences that a rule condemns, not the line.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from filters.boilerplate.automaton import AT_END, AT_START, EMPTY, LEFT, RIGHT, STATE_BITS, STATE_MASK, Tables
from filters.boilerplate.firsts import Firsts, may_begin, read_word
from filters.boilerplate.fold import DIGIT, END, PUNCTUATION, SPACE, STOP, UNSPACED, WORD
from filters.boilerplate.jit import Buffer, Number, helper, inlined, kernel
from filters.boilerplate.sentence import is_bullet, prefix_hash, read_sentence
from filters.boilerplate.verdicts import (
    BLANK,
    BULLET,
    DIGITS,
    ENDED,
    FIRST_RULE,
    FIRST_WEAK,
    LABEL,
    LABEL_COUNT,
    LABEL_DIGITS,
    LABEL_LENGTH,
    LABEL_LETTERS,
    LABELS,
    LETTERS,
    LINE_CUES,
    NOTHING,
    SENTENCE_CUES,
    SENTENCES,
    SIGNS,
    SOME,
    SOME_UNSPACED,
    STATED,
    UNSPACED_LETTERS,
    UNSPACED_TEXT,
    Scratch,
    line_verdict,
    sentence_verdict,
)

NEWLINE = 10
MOST_LINES = 1 << 20  # of a text, 55 bytes of memory each; beyond lie dumps of numbers and attacks
LEFT_ALONE = 0
NO_ROOM = -1
GOLDEN = np.int64(0x9E3779B1)
SHIFT = np.int64(7)


class Lines(NamedTuple):
    """One entry per line. start, end: bytes, without the newline; signs: length of the key; rule: -1 = none."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    signs: npt.NDArray[np.int32]
    level: npt.NDArray[np.uint8]
    rule: npt.NDArray[np.int32]
    flags: npt.NDArray[np.uint16]
    prefix: npt.NDArray[np.uint64]  # hash of the first PREFIX letters; 0 where there are fewer


class Cuts(NamedTuple):
    """Sentences to cut out of lines that stay: bytes, and the rule."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    rule: npt.NDArray[np.int32]


@inlined
def step(root: Buffer, edges: Buffer, fail: Buffer, state: Number, sign: Number, inside: Number) -> Number:
    """The state after one more sign. `inside` a word of a script with spaces no phrase begins."""
    mask = np.int64(edges.shape[0] - 1)
    classes = np.int64(root.shape[0])
    while state != 0:
        key = state * classes + sign
        slot = (key * GOLDEN >> SHIFT) & mask
        while edges[slot] != EMPTY:
            if edges[slot] >> STATE_BITS == key:
                return edges[slot] & STATE_MASK
            slot = (slot + 1) & mask
        state = np.int64(fail[state])
    return np.int64(0) if inside else np.int64(root[sign])


@helper
def first_letters(kinds: Buffer, count: Number) -> tuple[Number, Number]:
    """Places of the first letter or digit, and of the first letter: a line may start at either."""
    letter = -1
    for at in range(count):
        if letter < 0 and (kinds[at] == DIGIT or kinds[at] == WORD or kinds[at] == UNSPACED):
            letter = at
        if kinds[at] == WORD or kinds[at] == UNSPACED:
            return letter, at
    return letter, letter


@helper
def last_letter(kinds: Buffer, count: Number) -> Number:
    """Place of the last letter, digit or arrow."""
    at = count - 1
    while at >= 0 and (kinds[at] == PUNCTUATION or kinds[at] == END or kinds[at] == STOP or kinds[at] == SPACE):
        at -= 1
    return at


@helper
def fits(flags: Number, kinds: Buffer, count: Number, begin: Number, at: Number, opening: Number) -> Number:
    """Whether a phrase found at [begin, at] stands where it has to."""
    if flags & LEFT and begin > 0 and kinds[begin - 1] == WORD:
        return False
    if flags & RIGHT and at + 1 < count and kinds[at + 1] == WORD:
        return False
    if flags & AT_END and at < last_letter(kinds, count):
        return False
    if flags & AT_START:
        first, letter = first_letters(kinds, count)
        return opening and (begin in (first, letter))
    return True


@helper
def note_cue(scratch: Scratch, cue: Number, sentence: Number, line: Number) -> None:
    """A cue of the sentence and of the line, each once."""
    if scratch.sentence_seen[cue] != sentence:
        scratch.sentence_seen[cue] = sentence
        scratch.sentence_cues[scratch.tally[SENTENCE_CUES]] = cue
        scratch.tally[SENTENCE_CUES] += 1
    if scratch.line_seen[cue] != line:
        scratch.line_seen[cue] = line
        scratch.line_cues[scratch.tally[LINE_CUES]] = cue
        scratch.tally[LINE_CUES] += 1


@helper
def note_label(tables: Tables, tally: Buffer, rule: Number, length: Number) -> None:
    """The rule that names a line of labels: a heading, else the stronger, else that of the longest label."""
    known = tally[LABEL]
    better = known < 0 or tables.heading[rule] > tables.heading[known]
    if not better and tables.heading[rule] == tables.heading[known]:
        stronger = tables.kind[rule] - tables.kind[known]
        better = stronger > 0 or (stronger == 0 and length > tally[LABEL_LENGTH])
    if better:
        tally[LABEL] = rule
        tally[LABEL_LENGTH] = length


@inlined
def find_phrases(
    tables: Tables, scratch: Scratch, count: Number, opening: Number, sentence: Number, line: Number
) -> None:
    """The cues of a sentence, and which of its signs are labels."""
    scratch.tally[SENTENCE_CUES] = 0
    root, edges, fail = tables.root, tables.edges, tables.fail
    kinds, classes, link = scratch.kinds, scratch.classes, tables.link
    firsts = Firsts(tables.pairs, tables.singles, tables.words, tables.stems, tables.openers, tables.two)
    state = np.int64(0)
    last = np.int64(SPACE)
    word_end = 0  # no phrase begins before it
    for at in range(count):
        kind = np.int64(kinds[at])
        inside = kind == WORD and last == WORD
        last = kind
        if state == 0:
            if inside or at < word_end or kind == SPACE:
                continue
            if kind == WORD:
                found, end = read_word(firsts, classes, kinds, at, count)
                if not found:
                    word_end = end
                    continue
            elif not may_begin(firsts, classes, at, count):
                continue
        state = step(root, edges, fail, state, np.int64(classes[at]), inside)
        if link[state] == 0:
            continue
        ending = np.int64(tables.link[state])
        while ending != 0:
            for out in range(tables.out_low[ending], tables.out_low[ending + 1]):
                begin = at - tables.out_length[out] + 1
                if fits(tables.out_flags[out], scratch.kinds, count, begin, at, opening):
                    cue = tables.out_cue[out]
                    rule = tables.word_rule[cue]
                    if rule < 0:
                        note_cue(scratch, cue, sentence, line)
                    elif count <= LABELS:
                        fresh = not scratch.covered[begin] and tables.kind[rule] == 2 and at > begin
                        scratch.tally[LABEL_COUNT] += fresh
                        scratch.covered[begin : at + 1] = True
                        note_label(tables, scratch.tally, rule, at + 1 - begin)
            ending = np.int64(tables.link[tables.fail[ending]])


@inlined
def count_signs(scratch: Scratch, count: Number) -> None:
    """Letters and digits of a sentence, and how many of them are labels."""
    tally = scratch.tally
    tally[SIGNS] += count
    for at in range(min(count, LABELS)):
        kind = scratch.kinds[at]
        if kind == DIGIT:
            tally[DIGITS] += 1
            tally[LABEL_DIGITS] += scratch.covered[at]
        elif kind in (WORD, UNSPACED):
            tally[LETTERS] += 1
            tally[LABEL_LETTERS] += scratch.covered[at]
            tally[UNSPACED_LETTERS] += kind == UNSPACED


@helper
def clear(scratch: Scratch) -> None:
    """Begin a line."""
    scratch.tally[:] = 0
    scratch.tally[LABEL] = -1
    scratch.tally[FIRST_RULE] = -1
    scratch.tally[FIRST_WEAK] = -1


@helper
def flags_of(tally: Buffer, bullet: Number, ended: Number) -> Number:
    """What `blocks.py` wants to know about a line."""
    flags = 0
    if tally[SIGNS] == 0:
        flags |= BLANK
    if bullet:
        flags |= BULLET
    if ended > 0:
        flags |= ENDED
    if ended > 1:
        flags |= STATED
    if tally[UNSPACED_LETTERS] > 0:
        flags |= SOME_UNSPACED
    if 2 * tally[UNSPACED_LETTERS] > tally[LETTERS]:
        flags |= UNSPACED_TEXT
    return flags


@kernel
def count_lines(data: Buffer, offsets: Buffer, out: Buffer) -> None:
    """Lines of each text; LEFT_ALONE where there are more than MOST_LINES."""
    for row in range(offsets.shape[0] - 1):
        lines = 1
        for at in range(offsets[row], offsets[row + 1]):
            lines += data[at] == NEWLINE
        out[row] = lines if lines <= MOST_LINES else LEFT_ALONE


@helper
def leave(lines: Lines, line: Number, start: Number, end: Number) -> None:
    """A text as a line that nothing is said of."""
    lines.start[line], lines.end[line], lines.rule[line] = start, end, -1


@kernel
def scan(
    data: Buffer,
    offsets: Buffer,
    line_counts: Buffer,
    tables: Tables,
    scratch: Scratch,
    lines: Lines,
    line_low: Buffer,
    cuts: Cuts,
) -> Number:
    """Fill `lines`, line_low (texts + 1: where the lines of each text begin) and `cuts`; how many cuts were found.

    NO_ROOM where `cuts` is too small: call again with a larger one.
    """
    line = 0
    sentence = 0
    cut = 0
    tally = scratch.tally
    packed, space = tables.packed, np.int64(tables.space)
    classes, kinds = scratch.classes, scratch.kinds
    for row in range(offsets.shape[0] - 1):
        at, end = offsets[row], offsets[row + 1]
        line_low[row] = line
        more = line_counts[row] > LEFT_ALONE
        if not more:
            leave(lines, line, at, end)
            line += 1
        while more:
            clear(scratch)
            first_cut = cut
            begin = at
            over = False
            ended = 0
            while not over:
                sentence_start = at
                at, count, over, closed = read_sentence(data, at, end, packed, space, classes, kinds)
                if count == 0:
                    continue
                sentence += 1
                ended = closed
                scratch.covered[: min(count, LABELS)] = False
                find_phrases(tables, scratch, count, tally[SENTENCES] == 0, sentence, line + 1)
                tally[SENTENCES] += 1
                count_signs(scratch, count)
                rule = sentence_verdict(tables, scratch, count, sentence, closed) if tally[SENTENCE_CUES] > 0 else -1
                if rule >= 0:
                    if cut == cuts.start.shape[0]:
                        return NO_ROOM
                    cuts.start[cut], cuts.end[cut], cuts.rule[cut] = sentence_start, at, rule
                    cut += 1
            level, rule = NOTHING, -1
            if tally[LINE_CUES] > 0 or tally[LABEL] >= 0:
                level, rule = line_verdict(tables, scratch, line + 1, ended)
            if level != SOME:
                cut = first_cut
            lines.start[line], lines.end[line] = begin, at
            lines.signs[line], lines.level[line], lines.rule[line] = tally[SIGNS], level, rule
            lines.flags[line] = flags_of(tally, is_bullet(data, begin, at), ended)
            if rule >= 0:
                lines.flags[line] |= tables.flags[rule]
            lines.prefix[line] = prefix_hash(data, begin, at, packed)
            line += 1
            more = at < end
            at += 1
    line_low[offsets.shape[0] - 1] = line
    return cut
