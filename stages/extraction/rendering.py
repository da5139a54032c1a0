"""Kept blocks as plain text or Markdown, and the page's title."""

import html
import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from stages.extraction.element_features import H1_BIT, H1_SHIFT, HEADING_BITS, R_LISTS, R_WITHIN, WITHIN
from stages.extraction.extractor import Choice
from stages.extraction.layout import B_CELL, B_ELEMENT, B_END, B_PRE, B_START, E_PARENT, E_TAG, S_TITLE, S_TITLE_END
from stages.extraction.tags import TAG

_QUOTE_BIT = 1 << WITHIN.index("blockquote")
_LI, _OL, _UL = TAG["li"], TAG["ol"], TAG["ul"]
_MOST_STEPS = 64  # looked up from a block for its list; real pages need three
_MOST_NESTING = 16  # of lists, in spaces before an item
_MOST_TITLE = 4_000  # bytes of <title> looked at
_TICKS = re.compile("`+")


def plain_text(choice: Choice) -> str:
    """One line a block; the cells of a table row on one line, with tabs between; code with its white space."""
    parts: list[bytes] = []
    data, before = choice.page.text.tobytes(), False
    rows = choice.page.blocks[:, [B_START, B_END, B_CELL]].tolist()
    for (start, end, is_next_cell), keep in zip(rows, choice.keep.tolist(), strict=True):
        if keep:
            if parts:
                parts.append(b"\t" if is_next_cell and before else b"\n")
            parts.append(data[start:end])
        before = keep
    return b"".join(parts).decode("utf-8", "replace")


class _Block(NamedTuple):
    text: str
    element: int
    within: int  # bits of WITHIN
    lists: int  # lists around it
    is_pre: bool
    row: int  # equal for the cells of one table row


def markdown(choice: Choice) -> str:
    """Headings, nested lists, quotes, fenced code and pipe tables; paragraphs have a blank line between them."""
    pieces: list[str] = []
    item: int | None = None
    before = ""
    for _, group in groupby(_kept(choice), key=lambda block: block.row):
        cells = list(group)
        kind, item_before = "text", item
        if len(cells) > 1:
            kind, piece = "table", _table_row(cells, first=before != "table")
        else:
            item, ordered = _item(choice, cells[0].element)
            kind = "item" if item else "text"
            piece = _spelled(cells[0], item is not None and item != item_before, ordered)
        if pieces:
            pieces.append("\n" if kind == before and kind in ("table", "item") else "\n\n")
        pieces.append(piece)
        before = kind
    return "".join(pieces)


def _kept(choice: Choice) -> Iterator[_Block]:
    data, row, before = choice.page.text.tobytes(), 0, False
    blocks = choice.page.blocks[:, [B_START, B_END, B_CELL, B_ELEMENT, B_PRE]].tolist()
    for (start, end, is_next_cell, element, is_pre), keep in zip(blocks, choice.keep.tolist(), strict=True):
        if keep:
            row += not (is_next_cell and before)
            within, lists = (int(choice.relations[element, column]) for column in (R_WITHIN, R_LISTS))
            yield _Block(data[start:end].decode("utf-8", "replace"), element, within, lists, bool(is_pre), row)
        before = keep


def _table_row(cells: list[_Block], first: bool) -> str:
    line = "| " + " | ".join(" ".join(cell.text.split()).replace("|", "\\|") for cell in cells) + " |"
    return f"{line}\n|{' --- |' * len(cells)}" if first else line


def _item(choice: Choice, element: int) -> tuple[int | None, bool]:
    """(the list item a block stands in, whether its list is numbered)."""
    elements, item = choice.page.elements, None
    for _ in range(_MOST_STEPS):
        tag = int(elements[element, E_TAG])
        if tag == _LI and item is None:
            item = element
        if tag in (_UL, _OL) or element == 0:
            return item, tag == _OL
        element = int(elements[element, E_PARENT])
    return item, False


def _spelled(block: _Block, begins_item: bool, ordered: bool) -> str:
    if block.is_pre:
        ticks = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(block.text)), default=0))
        return f"{ticks}\n{block.text}\n{ticks}"
    text = block.text
    if block.within & HEADING_BITS:
        level = next(i + 1 for i in range(6) if block.within >> (H1_SHIFT + i) & 1)
        text = "#" * level + " " + " ".join(text.split())
    depth = min(max(0, block.lists - 1), _MOST_NESTING)
    if begins_item:
        text = "  " * depth + ("1. " if ordered else "- ") + text
    elif block.lists:
        text = "  " * (depth + 1) + text
    return "> " + text.replace("\n", "\n> ") if block.within & _QUOTE_BIT else text


def title_of(choice: Choice) -> str:
    """The first <h1> if <title> holds it, as it does with the site's name around it; else <title>; else the <h1>."""
    state = choice.page.state
    start, end = int(state[S_TITLE]), int(state[S_TITLE_END])
    raw = choice.page.source[start : min(end, start + _MOST_TITLE)].tobytes().decode("utf-8", "replace")
    title, heading = " ".join(html.unescape(raw).split()), _first_h1(choice)
    return heading if heading and (not title or heading.casefold() in title.casefold()) else title


def _first_h1(choice: Choice) -> str:
    page = choice.page
    for start, end, element in page.blocks[:, [B_START, B_END, B_ELEMENT]].tolist():
        if choice.relations[element, R_WITHIN] & H1_BIT:
            return " ".join(page.text[start:end].tobytes().decode("utf-8", "replace").split())
    return ""
