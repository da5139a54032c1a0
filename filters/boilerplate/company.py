"""What the learned judge is told of a line: how its words sound, what stands around it, and what the rules said."""

import numpy as np
import numpy.typing as npt

from filters.boilerplate.blocks import STAYS
from filters.boilerplate.jit import Buffer, Number, helper, kernel
from filters.boilerplate.scan import Lines
from filters.boilerplate.verdicts import BLANK, ENDED, STATED, UNSPACED_TEXT, WEAK

AROUND = 4  # lines on either side that are seen together

# Where a line stands in its text, and how long that is, is not told: training pages all begin and end alike.
(
    SCORE, BEFORE, BEFORE_THAT, AFTER, AFTER_THAT, NEARBY, WHOLE_TEXT, TOKENS, UNSPACED, ENDS, STATES, LABELLED, PHRASED,
    IN_BLOCK, WEAKLY, RULED_NEARBY, RULED_SHARE,
) = range(17)  # fmt: skip
COLUMNS = 17


@helper
def score_at(score: Buffer, order: Buffer, count: Number, place: Number) -> Number:
    """The score of the line at a place of its text; 0 beyond its ends."""
    return score[order[place]] if 0 <= place < count else np.float32(0)


@helper
def describe_text(
    lines: Lines, order: Buffer, count: Number, reason: Buffer, score: Buffer, tokens: Buffer, labels: Buffer,
    heard: Buffer, ruled: Buffer, out: Buffer,
) -> None:  # fmt: skip
    """Fill the rows of the `count` lines of a text that are not blank."""
    heard[0] = ruled[0] = 0  # scores, and lines that rules took, before each place
    for place in range(count):
        heard[place + 1] = heard[place] + score[order[place]]
        ruled[place + 1] = ruled[place] + (reason[order[place]] != STAYS)
    for place in range(count):
        at = order[place]
        row = out[at]
        low, high = max(0, place - AROUND), min(count, place + AROUND + 1)
        flags, rule = lines.flags[at], reason[at]
        row[SCORE] = score[at]
        row[BEFORE] = score_at(score, order, count, place - 1)
        row[BEFORE_THAT] = score_at(score, order, count, place - 2)
        row[AFTER] = score_at(score, order, count, place + 1)
        row[AFTER_THAT] = score_at(score, order, count, place + 2)
        row[NEARBY] = (heard[high] - heard[low]) / (high - low)
        row[WHOLE_TEXT] = heard[count] / count
        row[TOKENS] = tokens[at]
        row[UNSPACED] = flags & UNSPACED_TEXT != 0
        row[ENDS] = flags & ENDED != 0
        row[STATES] = flags & STATED != 0
        row[LABELLED] = rule >= 0 and labels[max(rule, 0)]
        row[PHRASED] = rule >= 0 and not labels[max(rule, 0)]
        row[IN_BLOCK] = rule < STAYS
        row[WEAKLY] = lines.level[at] == WEAK
        row[RULED_NEARBY] = (ruled[high] - ruled[low]) / (high - low)
        row[RULED_SHARE] = ruled[count] / count


@kernel
def describe(
    lines: Lines, line_low: Buffer, reason: Buffer, score: Buffer, tokens: Buffer, labels: Buffer, order: Buffer, sums: Buffer,
    out: Buffer,
) -> None:  # fmt: skip
    """Fill out ((lines, COLUMNS) float32); the rows of blank lines are left as they are.

    score: float32, one for each line; labels: for each rule of the lexicon whether it knows labels alone; order (lines,)
    int64 and sums (2, lines + 1) float64 are room to work in.
    """
    for row in range(line_low.shape[0] - 1):
        count = 0
        for at in range(line_low[row], line_low[row + 1]):
            if lines.flags[at] & BLANK == 0:
                order[count] = at
                count += 1
        describe_text(lines, order, count, reason, score, tokens, labels, sums[0], sums[1], out)


def described(
    lines: Lines, line_low: Buffer, reason: Buffer, score: Buffer, tokens: Buffer, labels: Buffer
) -> npt.NDArray[np.float32]:
    """What is told of every line, (lines, COLUMNS); zeros for blank ones."""
    count = len(reason)
    out = np.zeros((count, COLUMNS), np.float32)
    room = np.empty(count, np.int64), np.empty((2, count + 1))
    describe(lines, line_low, reason, score, tokens, labels, *room, out)
    return out
