"""What the company of a line says of it: weak lines beside hits, gaps, outlines, lists of other pages, tails.

All counts are of lines that are not blank. Every pass is linear in the lines of a text.
"""

import numpy as np
import numpy.typing as npt

from filters.boilerplate.jit import Buffer, Number, helper, kernel
from filters.boilerplate.lexicon import HEADING, INTERLEAVED, PROMOTION
from filters.boilerplate.scan import Lines
from filters.boilerplate.verdicts import BLANK, BULLET, ENDED, SOME_UNSPACED, STATED, STRONG, UNSPACED_TEXT, WEAK

# Reasons that are no rule of the lexicon, as negative rule numbers; -1 = stays.
STAYS, COMPANY, GAP, OUTLINE, OTHER_PAGES, TAIL, LEARNED = -1, -2, -3, -4, -5, -6, -7
REASONS = {
    COMPANY: "block.company",
    GAP: "block.gap",
    OUTLINE: "block.outline",
    OTHER_PAGES: "block.related",
    TAIL: "block.tail",
    LEARNED: "learned.line",  # by learned.py
}

NEAR = 3  # lines: how far a weak line looks for a hit
FAR = 24  # lines: how far weak promotion reaches from a hit, each near the next
PROSE_NEEDS = 2  # hits of promotion near a weak line that is a real sentence
LONGEST_GAP = 12  # weak lines between two hits (chinese.md)
LEAD = 2  # bare lines that may introduce a run of promotion
DENSE = 3  # lines of promotion among the next six make a run
BARE_GAP = 2  # lines without any cue that a gap may hold in a row
SHORT, SHORT_SPACED = 24, 60  # signs: a line this short without an end mark is no sentence
TITLE, TITLE_SPACED = 50, 120  # signs: the longest title of another page
OUTLINE_BULLETS = 5  # bullets with one prefix (chinese.md)
OUTLINE_COMPANY = 12  # lines: how far an outline looks for a hit of promotion
MOST_TITLES = 30  # lines after a heading of related pages
TITLES_WITHIN = 12  # the same, bullets only, where the main text still follows
TAIL_WINDOW = 12  # lines (chinese.md)
TAIL_HITS = 3  # fewest hits of a tail
WEAK_END = 3  # lines of weak promotion at the end of a text that go without a hit
PROSE_SHARE = 4  # of the prose of a text, a quarter: what has more of it behind itself stands inside the main text


@helper
def is_prose(lines: Lines, at: Number) -> Number:
    """A real sentence: longer than a label and ended like a sentence, or longer than any label."""
    flags = lines.flags[at]
    least = SHORT if flags & UNSPACED_TEXT else SHORT_SPACED
    if flags & STATED:
        return lines.signs[at] > least // 2
    return lines.signs[at] > (least if flags & ENDED else 2 * least)


@helper
def is_paragraph(lines: Lines, at: Number) -> Number:
    """Prose of some length; a statement, which ends with a full stop, needs less."""
    flags = lines.flags[at]
    least = SHORT if flags & UNSPACED_TEXT else SHORT_SPACED
    return lines.signs[at] > (least if flags & STATED else 2 * least) and flags & ENDED != 0


@helper
def is_stated(lines: Lines, at: Number) -> Number:
    """A statement or a paragraph."""
    return is_paragraph(lines, at) or (lines.flags[at] & STATED != 0 and is_prose(lines, at))


@helper
def belongs(lines: Lines, order: Buffer, count: Number, reason: Buffer, place: Number) -> Number:
    """Whether a line behind the main text is still of it: a statement, or the heading of a paragraph that stays."""
    if is_stated(lines, order[place]):
        return True
    after = place + 1
    return after < count and reason[order[after]] == STAYS and is_paragraph(lines, order[after])


@helper
def is_bare(lines: Lines, at: Number) -> Number:
    """Short; and what does not end like a sentence may be longer."""
    flags = lines.flags[at]
    longest = SHORT if flags & UNSPACED_TEXT else SHORT_SPACED
    return lines.signs[at] <= (longest if flags & ENDED else longest + longest // 2) and not is_prose(lines, at)


@helper
def is_title(lines: Lines, at: Number) -> Number:
    """What a link to another page looks like: short, without a full stop's worth of prose."""
    flags = lines.flags[at]
    longest = TITLE if flags & UNSPACED_TEXT else TITLE_SPACED
    return lines.signs[at] <= longest and (flags & ENDED == 0 or lines.signs[at] <= longest // 2 or flags & BULLET != 0)


@helper
def join_company(lines: Lines, order: Buffer, count: Number, reason: Buffer) -> None:
    """Weak lines near a hit of their own sort go: labels and fragments beside one, prose between two of promotion."""
    for place in range(count):
        at = order[place]
        if lines.level[at] != WEAK:
            continue
        hits = 0
        promotion = 0
        for other in range(max(0, place - NEAR), min(count, place + NEAR + 1)):
            hits += lines.level[order[other]] == STRONG
            promotion += is_promotion(lines, order[other])
        enough = promotion if lines.flags[at] & PROMOTION else hits
        if promotion >= PROSE_NEEDS or (enough > 0 and not is_prose(lines, at)):
            reason[at] = lines.rule[at]


@helper
def is_promotion(lines: Lines, at: Number) -> Number:
    """A line of promotion that goes alone."""
    return lines.level[at] == STRONG and lines.flags[at] & PROMOTION != 0


@helper
def is_weak_promotion(lines: Lines, at: Number) -> Number:
    """A line of promotion that goes in company, and is no real sentence."""
    return lines.level[at] == WEAK and lines.flags[at] & PROMOTION != 0 and not is_prose(lines, at)


@helper
def chain(lines: Lines, order: Buffer, count: Number, reason: Buffer, forward: Number) -> None:
    """Weak promotion goes where the next line of promotion that goes is near, line after line, up to FAR from a hit."""
    known = -1  # lines since a line of promotion that goes
    distance = 0  # lines since a hit of promotion
    for step in range(count):
        at = order[step if forward else count - 1 - step]
        distance += 1
        known += known >= 0
        if is_promotion(lines, at):
            known, distance = 0, 0
        elif 0 <= known <= NEAR + 1 and distance <= FAR and is_weak_promotion(lines, at):
            reason[at] = lines.rule[at]
            known = 0


@helper
def fill_gaps(lines: Lines, order: Buffer, count: Number, reason: Buffer) -> None:
    """Lines between two hits of promotion go if they are few, none is prose, and bare ones do not pile up.

    Before the first prose of a text stands its title: there only weak lines go.
    """
    seen_prose = False
    last = -1  # place of the last hit
    bare = 0  # bare lines in a row since
    broken = True
    for place in range(count):
        at = order[place]
        if reason[at] != STAYS:
            if not broken and place - last - 1 <= LONGEST_GAP:
                for inside in range(last + 1, place):
                    reason[order[inside]] = GAP
            last = place
            bare = 0
            broken = lines.flags[at] & PROMOTION == 0
        elif lines.level[at] != WEAK:
            bare += lines.flags[at] & BULLET == 0
            seen_prose |= is_prose(lines, at)
            broken |= not seen_prose or not is_bare(lines, at) or bare > BARE_GAP
        else:
            bare = 0


@helper
def count_promotion(lines: Lines, order: Buffer, count: Number, reason: Buffer, ahead: Buffer) -> None:
    """Fill ahead[:count + 1]: lines of promotion that go, before each place."""
    ahead[0] = 0
    for place in range(count):
        at = order[place]
        ahead[place + 1] = ahead[place] + (reason[at] != STAYS and lines.flags[at] & PROMOTION != 0)


@helper
def lead_in(lines: Lines, order: Buffer, count: Number, reason: Buffer, ahead: Buffer) -> None:
    """Up to LEAD bare lines before a dense run of promotion introduce it; never before the first prose of a text."""
    count_promotion(lines, order, count, reason, ahead)
    first = count
    for place in range(count):
        at = order[place]
        if first == count and reason[at] == STAYS and is_prose(lines, at):
            first = place
    for back in range(count):
        place = count - 1 - back
        gone = reason[order[place]] != STAYS
        dense = gone and ahead[min(count, place + 2 * NEAR)] - ahead[place] >= DENSE
        if not dense or lines.flags[order[place]] & PROMOTION == 0:
            continue
        for before in range(place - 1, max(first, place - 1 - LEAD), -1):
            at = order[before]
            if reason[at] != STAYS or lines.flags[at] & ENDED or not is_bare(lines, at):
                break
            reason[at] = GAP


@helper
def drop_outlines(lines: Lines, order: Buffer, count: Number, reason: Buffer) -> None:
    """Bullets with one prefix, at least OUTLINE_BULLETS in a row and no sentences, near a hit of promotion.

    Only where a script without spaces is in it: elsewhere eight letters are no more than a word.
    """
    begin = 0
    while begin < count:
        end = begin + 1
        head = order[begin]
        prefix = lines.prefix[head]
        if prefix != 0 and lines.flags[head] & SOME_UNSPACED and not is_prose(lines, head):
            while end < count and lines.prefix[order[end]] == prefix and not is_prose(lines, order[end]):
                end += 1
            if end - begin >= OUTLINE_BULLETS and promotion_near(lines, order, count, reason, begin, end):
                for place in range(begin, end):
                    if reason[order[place]] == STAYS:
                        reason[order[place]] = OUTLINE
        begin = end


@helper
def promotion_near(lines: Lines, order: Buffer, count: Number, reason: Buffer, begin: Number, end: Number) -> Number:
    """Whether a line of promotion goes within OUTLINE_COMPANY lines of [begin, end)."""
    for place in range(max(0, begin - OUTLINE_COMPANY), min(count, end + OUTLINE_COMPANY)):
        at = order[place]
        if reason[at] != STAYS and lines.flags[at] & PROMOTION:
            return True
    return False


@helper
def prose_after(lines: Lines, order: Buffer, count: Number, reason: Buffer, found: Buffer) -> None:
    """Fill found[:count + 1]: signs of prose that stays, from each place on."""
    found[count] = 0
    for back in range(count):
        at = order[count - 1 - back]
        here = lines.signs[at] if reason[at] == STAYS and is_prose(lines, at) else 0
        found[count - 1 - back] = found[count - back] + here


@helper
def drop_other_pages(lines: Lines, order: Buffer, count: Number, reason: Buffer, prose: Buffer) -> None:
    """Titles of other pages after a heading such as "related articles": all behind the main text, few bullets before it."""
    prose_after(lines, order, count, reason, prose)
    for place in range(count):
        at = order[place]
        if reason[at] == STAYS or lines.flags[at] & HEADING == 0:
            continue
        end = place + 1
        while end < count and end - place <= MOST_TITLES:
            if reason[order[end]] == STAYS and not is_title(lines, order[end]):
                break
            end += 1
        within = PROSE_SHARE * prose[end] > prose[0]
        for inside in range(place + 1, end):
            at = order[inside]
            if reason[at] == STAYS and (not within or (lines.flags[at] & BULLET and end - place <= TITLES_WITHIN)):
                reason[at] = OTHER_PAGES


@helper
def without_interleaved(lines: Lines, order: Buffer, count: int, reason: Buffer, rest: Buffer) -> Number:
    """Fill `rest` with the lines but the dates, counters and buttons that go, and return how many they are.

    A thread has those between all its posts.
    """
    size = 0
    for place in range(count):
        if reason[order[place]] == STAYS or lines.flags[order[place]] & INTERLEAVED == 0:
            rest[size] = order[place]
            size += 1
    return size


@helper
def last_anchor(lines: Lines, order: Buffer, count: Number, reason: Buffer, ahead: Buffer) -> Number:
    """Place of the last prose that stays and has no promotion beside it: the main text reaches at least that far."""
    count_promotion(lines, order, count, reason, ahead)
    for back in range(count):
        place = count - 1 - back
        at = order[place]
        if (
            reason[at] == STAYS
            and is_prose(lines, at)
            and ahead[min(count, place + NEAR + 1)] == ahead[max(0, place - NEAR)]
        ):
            return place
    return -1


@helper
def cut_tail(lines: Lines, order: Buffer, count: Number, reason: Buffer, ahead: Buffer, hits: Buffer) -> None:
    """Behind the main text, from the first hit on where half of the next lines and nearly half of all are hits, all goes.

    Whole paragraphs stay even there.
    A text without prose has no main text to stand behind: there only the second half can be a tail.
    """
    hits[count] = 0  # of the lines from a place on
    for back in range(count):
        place = count - 1 - back
        hits[place] = hits[place + 1] + (reason[order[place]] != STAYS)
    anchor = last_anchor(lines, order, count, reason, ahead)
    first = anchor + 1 if anchor >= 0 else (count + 1) // 2
    for place in range(first, count):
        if reason[order[place]] == STAYS or hits[place] < TAIL_HITS:
            continue
        window = min(count, place + TAIL_WINDOW)
        if 2 * (hits[place] - hits[window]) >= window - place and 100 * hits[place] >= 45 * (count - place):
            for inside in range(place, count):
                if reason[order[inside]] == STAYS and not belongs(lines, order, count, reason, inside):
                    reason[order[inside]] = TAIL
            return


@helper
def drop_weak_end(lines: Lines, order: Buffer, count: Number, reason: Buffer) -> None:
    """The end of a text that is promotion line by line, though no line of it goes alone.

    From the last line back as long as lines go or are weak promotion; it goes if it holds WEAK_END such lines that are
    no prose, and is less than a third of the text.
    """
    every, behind, weak = 0, 0, 0
    for place in range(count):
        every += lines.signs[order[place]]
    first = count
    for back in range(count):
        at = order[count - 1 - back]
        loose = reason[at] == STAYS
        if loose and not (lines.level[at] == WEAK and lines.flags[at] & PROMOTION):
            break
        behind += lines.signs[at]
        weak += loose and not is_prose(lines, at)
        first = count - 1 - back
    if weak < WEAK_END or 3 * behind >= every:
        return
    for place in range(first, count):
        if reason[order[place]] == STAYS and not is_paragraph(lines, order[place]):
            reason[order[place]] = lines.rule[order[place]]


def block_room(lines: int) -> npt.NDArray[np.int64]:
    """Space for `judge_blocks` over so many lines."""
    return np.empty((4, lines + 1), np.int64)


@kernel
def judge_blocks(lines: Lines, line_low: Buffer, reason: Buffer, room: Buffer) -> None:
    """Fill `reason`: the rule (>= 0) or block rule (< -1) that drops a line, STAYS for those that stay."""
    order, rest, one, other = room[0], room[1], room[2], room[3]
    for row in range(line_low.shape[0] - 1):
        count = 0
        for at in range(line_low[row], line_low[row + 1]):
            reason[at] = lines.rule[at] if lines.level[at] == STRONG else STAYS
            if lines.flags[at] & BLANK == 0:
                order[count] = at
                count += 1
        join_company(lines, order, count, reason)
        chain(lines, order, count, reason, True)
        chain(lines, order, count, reason, False)
        drop_outlines(lines, order, count, reason)
        fill_gaps(lines, order, count, reason)
        lead_in(lines, order, count, reason, one)
        drop_other_pages(lines, order, count, reason, one)
        drop_weak_end(lines, order, count, reason)
        size = without_interleaved(lines, order, count, reason, rest)
        cut_tail(lines, rest, size, reason, one, other)
