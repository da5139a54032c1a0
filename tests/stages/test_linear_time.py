"""Inputs on which a pattern that backtracks runs for hours: here each is done at once, or the suite's time limit strikes."""

from collections.abc import Callable

import pytest

from stages.charsets import detect
from stages.extract_engines import _without_doctype
from stages.files import first_heading
from stages.warc_grammar import ArcGrammar
from stages.warc_pages import media_of

MANY = 1_000_000

FLOODS: dict[str, Callable[[], object]] = {
    "white space before a doctype": lambda: _without_doctype(" " * MANY + "<!doctype html><p>"),
    "doctypes that never end": lambda: _without_doctype("<!doctype" * MANY),
    "a heading with a gap": lambda: first_heading("# a" + " " * MANY + "b", MANY),
    "a line that could be underlined": lambda: first_heading("a" + " " * MANY + "b\n", MANY),
    "code blocks inside each other": lambda: first_heading("```\n~~~\n" * MANY, MANY),
    "comments that never end": lambda: detect(b"<!--" * MANY + b"\xff"),
    "scripts that never end": lambda: detect(b"<script>" * MANY + b"\xff"),
    "script tags that never end": lambda: detect(b"<script " * MANY + b"\xff"),
    "a charset that never comes": lambda: media_of(b"text/html; charset=" + b" " * MANY),
    "an ARC line of spaces": lambda: ArcGrammar().resembles(b" " * MANY + b"\n"),
    "an ARC line of words": lambda: ArcGrammar().starts(b"http:" + b" 1" * MANY + b"\n"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_what_a_pattern_half_matches_takes_linear_time(name):
    FLOODS[name]()


def test_a_content_type_is_remembered_by_its_beginning_alone():
    """A cache of whole header values would hold gigabytes of hostile ones."""
    assert media_of(b"text/html;charset=utf-8" + b"x" * MANY) == media_of(b"text/html;charset=utf-8" + b"x" * 2 * MANY)
