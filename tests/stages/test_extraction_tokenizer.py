"""The tokenizer against lexbor, an HTML5 parser of its own, on hand-made soup and real pages; its work is counted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.extraction.layout import B_CELL, B_PRE
from stages.extraction.page import block_texts, parse

UNREAD = (
    "script style textarea title iframe xmp noembed noframes applet audio canvas datalist object optgroup option select"
    " svg template video"
).split()
_UNSEEN = re.compile("[\\s\u00a0\u00ad\u200b\ufeff\x00-\x1f\x7f]+")
SOUP = st.lists(
    st.sampled_from(
        "<p>|</p>|<div>|</div>|<b>|</b>|<a href=x>|</a>|<ul>|<li>|</ul>|<td>|<table>|</table>|<tr>|</tr>|<br>|</br>|<h1>|</h2>"
        "|<pre>|</pre>|<!-- x -->|<!--|-->|<!-->|<![CDATA[x]]>|<?x?>|</ >|</>|< |<|&amp;|&amp|&notit;|&#x80;|&#0;|&#1;|&|&;"
        "|&lt;b&gt;|&nGt;|<script>|</script>|<style>x</style>|<span class='a b-c'>|</span>|<dl><dt>|<dd>|x y|字|\n|\t|\x00"
        "|<p title='>'>|<p a=b/>|<noscript>|</noscript>|<button>|<form>|</form>|<blockquote>|<code>|<h3>".split("|")
    ),
    max_size=25,
)


def seen(texts: list[str]) -> str:
    return _UNSEEN.sub("", "".join(texts))


def by_lexbor(page: bytes) -> str:
    tree = LexborHTMLParser(page.decode("utf-8", "replace"))
    tree.strip_tags(UNREAD)
    return seen([tree.body.text(deep=True)]) if tree.body else ""


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>one<p>two", ["one", "two"]),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e", ["a", "b", "c", "d", "e"]),
        ("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"]),
        ("a <b>bold\n word</b> c", ["a bold word c"]),
        ("a<br>b<br><br>c", ["a\nb", "c"]),
        ("<pre>\n  x\n    y\n</pre>", ["  x\n    y"]),
        ("a<script>if (a</b) '<p>no'</script>b", ["ab"]),
        ("a<!-- > no --!>b<!-->c<!--->d", ["abcd"]),
        ("a<![CDATA[x]]>b", ["ab"]),
        ("<svg><![CDATA[<p>]]></svg>b", ["b"]),
        ("x<template><p>no</template>y", ["x", "y"]),
        ("x<svg><path/><text>no</text><p>y", ["x", "y"]),
        ("&lt;b&gt; &notit; &amp &#150; &#x1F600; &bogus; &", ["<b> ¬it; & – 😀 &bogus; &"]),
        ("1 < 2 <3", ["1 < 2 <3"]),
        ("a<p title='", ["a"]),
        ("<title>t</title>", []),
        ("<p title='<p>'>a</p>", ["a"]),
    ],
)
def test_blocks_are_what_a_browser_would_break_into_lines(html: str, blocks: list[str]) -> None:
    """The quirks that matter: implied ends, raw text, comments, references with and without semicolon."""
    assert block_texts(parse(html.encode())) == blocks


def test_cells_of_a_row_and_code_are_marked() -> None:
    """What the renderer needs to keep tables and code apart from prose."""
    page = parse(b"<table><tr><td>a<td>b<tr><th>c</th><td>d</td></table><pre>x</pre>")
    assert page.blocks[:, B_CELL].tolist() == [0, 1, 0, 1, 0]
    assert page.blocks[:, B_PRE].tolist() == [0, 0, 0, 0, 1]


@settings(max_examples=300)
@given(SOUP)
def test_soup_has_the_text_that_lexbor_sees(parts: list[str]) -> None:
    """Any order of tags, closed or not. Tables are left out: there lexbor moves text in front of them."""
    page = "".join(part for part in parts if not part.startswith(("<t", "</t"))).encode()
    assert sorted(seen(block_texts(parse(page)))) == sorted(by_lexbor(page))


@pytest.mark.data
def test_real_pages_have_the_text_that_lexbor_sees(data_dir: Path) -> None:
    """Every visible character, in its order. When this was written: 400 of 400."""
    import pyarrow.parquet as pq

    from stages.charsets import clean_unicode, decode_html

    html = pq.ParquetFile(data_dir / "extraction" / "html.parquet").read_row_group(5).slice(0, 60)["html"].to_pylist()
    pages = [clean_unicode(decode_html(page, None).text).encode() for page in html]
    assert sum(seen(block_texts(parse(page))) == by_lexbor(page) for page in pages) >= 58


FAMILIES = {
    "unclosed script": b"<script>x",
    "unclosed title": b"<title>",
    "unclosed comment": b"<!--",
    "nested div": b"<div>",
    "spans in paragraphs": b"<p><span>",
    "links": b"<a href=x>x",
    "cells without a table": b"<td>x",
    "items below spans": b"<li><td><span></li>",
    "crossed ends": b"<b><div></b></div>",
    "end tags": b"<p></span></li></td>",
    "less-than": b"<",
    "ampersands": b"&",
    "attributes": b"<a x=",
    "quotes": b"<a x=\"<a x='",
    "svg": b"<svg>x",
    "selects": b"<select><option>x",
    "entities": b"&CounterClockwiseContourIntegral;",
}


_STEPS = """
import json, sys
import numpy as np
from stages.extraction.tokenizer import tokenize
from stages.extraction.page import tables_for

steps = 0

def count(frame, event, argument):
    global steps
    if "extraction" not in frame.f_code.co_filename:
        return None
    steps += event == "line"
    return count

def steps_of(page):
    global steps
    steps = 0
    tables = tables_for(page)
    source = np.frombuffer(page, np.uint8).astype(np.int64)  # as the kernels see bytes
    sys.settrace(count)
    tokenize(source, *tables)
    sys.settrace(None)
    return steps

told = {name: [steps_of(bytes.fromhex(unit) * n) for n in (60, 120)] for name, unit in json.load(sys.stdin).items()}
json.dump(told, sys.stdout)
"""


def test_twice_the_page_takes_twice_the_steps() -> None:
    """Lines run by the tokenizer, uncompiled: exactly twice as many, give or take the last tag."""
    families = json.dumps({name: unit.hex() for name, unit in FAMILIES.items()})
    done = subprocess.run(
        [sys.executable, "-c", _STEPS], input=families, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for family, (once, twice) in json.loads(done.stdout).items():
        assert 300 < once < twice < 2.02 * once + 100, family


_FUZZ = """
import random, sys
from stages.extraction.extractor import choose_blocks, shipped_model
from stages.extraction.rendering import plain_text
seed, count = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
model = shipped_model()
parts = [p.encode() for p in sys.stdin.read().split("|")] + [bytes([i]) for i in range(256)]
for _ in range(count):
    page = b"".join(random.choices(parts, k=random.randrange(40)))
    plain_text(choose_blocks(page, model.scores, model.forest))
print("done")
"""
PARTS = (
    "<p>|</p>|<div class='a b-c' id=x>|</div>|<b>|</b>|<a href=x>|</a>|<ul>|<li>|</ul>|<td>|<table>|</table>|<tr>|<br>|<h1>|</h2>|<pre>"
    "|</pre>|<!--|-->|<![CDATA[|]]>|<?|</|<|&amp;|&#x|&nGt;|&#xFFFFFF;|<script>|</script>|<svg>|</svg>|<math>|<select>|<option>"
    "|<meta property=og:type content=article>|<title>|</title>|<style>|字。|text of some words, and more.|'|\"|=|>|\n| |<template>"
)


def test_no_page_makes_the_kernels_reach_outside_their_arrays(tmp_path: Path) -> None:
    """Built with bounds checks, which turn a stray read into an IndexError."""
    done = fuzz(1, 2_000, tmp_path)
    assert done.stdout.strip() == "done", done.stderr[-2_000:]


def fuzz(seed: int, pages: int, cache: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", _FUZZ, str(seed), str(pages)]
    return subprocess.run(command, env=environment, input=PARTS, capture_output=True, text=True, check=False)
