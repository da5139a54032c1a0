"""Structure survives extraction: headings, lists, quotes, code with its white space, tables; the title apart."""

from pathlib import Path

import numpy as np
import pytest

from filters.trees.forest import ordered, probabilities
from stages.extraction.decoder import choose, likelihoods
from stages.extraction.element_features import R_COLUMNS, R_LISTS, R_WITHIN
from stages.extraction.extractor import Choice, choose_blocks, shipped_model
from stages.extraction.features import COLUMNS
from stages.extraction.model import SHIPPED, read_model
from stages.extraction.reading import measure
from stages.extraction.rendering import markdown, plain_text, title_of


def whole(html: str) -> Choice:
    """Every block of a page, as if all were content."""
    measured = measure(html.encode(), shipped_model().scores)
    keep = np.ones(len(measured.page.blocks), np.bool_)
    return Choice(measured.page, measured.relations, keep, 1.0)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h2>A\nb</h2><p>one<p>two", "## A b\n\none\n\ntwo"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>e", "- a\n- b\n  1. c\n  1. d\n\ne"),
        ("<pre>def f():\n    return `x`</pre>", "```\ndef f():\n    return `x`\n```"),
        ("<pre>a ``` b</pre>", "````\na ``` b\n````"),
        ("<table><tr><th>k<th>v<tr><td>a|b<td>2</table>", "| k | v |\n| --- | --- |\n| a\\|b | 2 |"),
        ("<blockquote><p>said<p>so</blockquote>", "> said\n\n> so"),
        ("<p>a<br>b", "a\nb"),
    ],
)
def test_markdown_says_what_a_block_is(html: str, text: str) -> None:
    """Hand-made pages, one kind of structure each."""
    assert markdown(whole(html)) == text


def test_plain_text_has_a_line_a_block_and_a_tab_between_cells() -> None:
    """Nothing but white space marks the structure; code keeps its own."""
    html = "<h1>T</h1><p>one <b>two</b></p><pre>x\n  y</pre><table><tr><td>a<td>b<tr><td>c<td>d</table>"
    assert plain_text(whole(html)) == "T\none two\nx\n  y\na\tb\nc\td"


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Grain &amp; chaff - Farm News</title><h1>Grain &amp; <i>chaff</i></h1>", "Grain & chaff"),
        ("<title>Grain</title><h1>Another thing</h1>", "Grain"),
        ("<title> a\n b </title>", "a b"),
        ("<h1>Only this</h1>", "Only this"),
        ("<p>nothing", ""),
    ],
)
def test_the_title_is_the_heading_that_the_title_tag_names(html: str, title: str) -> None:
    """Without the site's name where the page says so itself."""
    assert title_of(whole(html)) == title


def test_lists_are_counted_and_containers_known_for_every_element() -> None:
    """What rendering builds on."""
    choice = whole("<ul><li><ol><li>x</ol></ul>")
    assert choice.relations.shape[1] == R_COLUMNS
    assert choice.relations[:, R_LISTS].max() == 2
    assert choice.relations[-1, R_WITHIN] > 0


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    """A flipped or missing byte must neither loop nor read outside the arrays."""
    data = SHIPPED.read_bytes()
    for name, broken in {"cut": data[:-7], "other": b"PK" + data, "wild": data[:-20_000] + b"\xff" * 20_000}.items():
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(ValueError, match=name):
            read_model(tmp_path / name)


def test_the_model_in_the_package_is_small_and_known() -> None:
    """Its hash stands in the data card; whoever changes the model changes both."""
    model = shipped_model()
    assert SHIPPED.stat().st_size < 3_000_000
    assert model.sha256 in SHIPPED.with_name("MODEL.md").read_text(encoding="utf-8")


def test_a_page_without_text_has_no_choice_to_make() -> None:
    """No blocks, no confidence."""
    model = shipped_model()
    choice = choose_blocks(b"<html></html>", model.scores, model.forest)
    assert len(choice.keep) == 0 and choice.confidence == 0


def test_the_forest_says_the_same_of_a_row_wherever_it_stands() -> None:
    """Rows go through the trees in chunks, four abreast: neither may be seen in the answer."""
    forest = shipped_model().forest
    rows = np.random.default_rng(5).normal(size=(1_031, COLUMNS)).astype(np.float32).view(np.int32)
    ordered(rows)
    together, alone = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    probabilities(rows, *forest, together)
    for i in range(len(rows)):
        probabilities(rows[i : i + 1], *forest, alone[i : i + 1])
    assert np.array_equal(together, alone)
    assert together.std() > 0


def chosen(chances: list[float], units: list[float]) -> tuple[list[bool], float]:
    raw, likely = np.array(chances, np.float32), np.empty(len(chances), np.float32)
    likelihoods(raw, likely)
    keep = np.zeros(len(raw), np.bool_)
    expected = choose(raw, likely, np.argsort(-likely, kind="stable"), np.array(units, np.float32), keep)
    return keep.tolist(), expected


def test_a_doubtful_block_stays_between_content_and_goes_between_none() -> None:
    assert chosen([0.9, 0.3, 0.9], [20, 20, 20])[0] == [True, True, True]
    assert chosen([0.9, 0.05, 0.3, 0.05], [20, 20, 20, 20])[0] == [True, False, False, False]
    assert chosen([0.01, 0.02], [20, 20])[0] == [False, False]


def test_the_confidence_is_the_f1_expected_of_what_is_kept() -> None:
    chances, units = [0.9, 0.3, 0.9, 0.05], [19.0, 9.0, 29.0, 99.0]
    keep, expected = chosen(chances, units)
    sizes = [unit + 1 for unit in units]
    hit = sum(c * s for c, s, kept in zip(chances, sizes, keep, strict=True) if kept)
    size = sum(s for s, kept in zip(sizes, keep, strict=True) if kept)
    assert expected == pytest.approx(
        2 * hit / (size + sum(c * s for c, s in zip(chances, sizes, strict=True))), rel=1e-5
    )
