"""Engines that turn one HTML page into a title and its main text. Each is deterministic and keeps nothing between pages."""

import logging
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, NamedTuple

MOST_TITLE_CHARS = 1_000  # a title is a line, not a place to hide a page in

MOST_DEPTH = 256  # html and body included
_DUPLICATES_REMEMBERED = 4_096  # trafilatura's own LRU_SIZE

# Characters no XML tree may hold, bare or as references: on the first one trafilatura gives the page up in silence.
_NO_XML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    "|&#0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45])(?![0-9]);?"
    "|&#[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]);?"
)
_DOCTYPE = re.compile(r"<\s?!\s?doctype", re.IGNORECASE)


class Extracted(NamedTuple):
    """What an engine found; an empty text means the page has no main text. confidence: the F1 it expects, if it says."""

    title: str
    text: str
    confidence: float | None = None


class TooDeep(Exception):
    """The page is nested deeper than trafilatura copes with, in libxml2's way of closing elements."""


Engine = Callable[[str], Extracted]
FastEngine = Callable[[bytes], Extracted]
Format = Literal["text", "markdown"]
Favor = Literal["balanced", "precision", "recall"]


def trafilatura_engine(favor: Favor, fast: bool, deduplicate: bool) -> Engine:
    """Trafilatura's cascade, without comments.

    favor "precision" with `deduplicate` are FineWeb's settings. fast: skip the comparison with readability and
    jusText. deduplicate: drop a segment from its third occurrence in the page on.
    """
    for library in ("trafilatura", "justext", "htmldate"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # one line a page is no use to anyone
    return partial(_trafilatura, favor=favor, fast=fast, deduplicate=deduplicate)


def resiliparse_engine() -> Engine:
    """Resiliparse's main-content rules over an HTML5 tree: copes with any depth, 15 times trafilatura's speed."""
    return _resiliparse


def fast_engine(form: Format) -> FastEngine:
    """The learned extractor over a page's UTF-8: linear in any page, nothing but its own model decides."""
    from stages.extraction.extractor import choose_blocks, shipped_model
    from stages.extraction.rendering import markdown, plain_text, title_of

    scores, forest, *_ = shipped_model()
    render = markdown if form == "markdown" else plain_text

    def extract(utf8: bytes) -> Extracted:
        choice = choose_blocks(utf8, scores, forest)
        return Extracted(_one_line(title_of(choice)), render(choice), choice.confidence)

    return extract


def _trafilatura(page: str, favor: Favor, fast: bool, deduplicate: bool) -> Extracted:
    from trafilatura import bare_extraction
    from trafilatura.deduplication import LRUCache
    from trafilatura.metadata import extract_title

    tree = _lxml_tree(page)
    if tree is None:
        return Extracted("", "")
    title = extract_title(tree) or ""
    document = bare_extraction(
        tree,
        favor_precision=favor == "precision",
        favor_recall=favor == "recall",
        include_comments=False,
        fast=fast,
        # `True` would count segments across all pages the process has seen: the text of a page would depend on
        # which pages came before it. A cache of its own keeps the effect inside the page.
        deduplicate=LRUCache(maxsize=_DUPLICATES_REMEMBERED) if deduplicate else False,
    )
    return Extracted(_one_line(title), (getattr(document, "text", None) or "").strip())


def _lxml_tree(page: str) -> Any:
    """The page as trafilatura's own parser would see it, but without libxml2's silent limits.

    With default settings libxml2 stops at depth 256 or at a text node of 10 MB and returns what it has.
    Returns None for a page without any element.
    Raises TooDeep for a tree deeper than MOST_DEPTH: trafilatura is quadratic in it (9 s for 2,000 paragraphs at
    depth 1,900), and at 2,048 libxml2 stops even so.
    """
    from lxml.etree import ParserError
    from lxml.html import HTMLParser, document_fromstring

    parser = HTMLParser(
        encoding="utf-8",
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        default_doctype=False,
    )
    # A broken doctype makes libxml2 drop the page's beginning (lxml bug 1955915); nothing else needs it.
    data = _NO_XML.sub("", _without_doctype(page)).encode()
    try:
        tree = document_fromstring(data, parser=parser)
    except ParserError:  # "Document is empty"
        return None
    problem = parser.error_log.last_error
    if (problem is not None and problem.type_name == "ERR_RESOURCE_LIMIT") or _is_deep()(tree):
        raise TooDeep
    return tree


def _without_doctype(page: str) -> str:
    """Without the first doctype. A pattern for all of it takes quadratic time where none of a thousand is closed."""
    begin = _DOCTYPE.search(page)
    end = page.find(">", begin.end()) if begin else -1
    return page[: begin.start()] + page[end + 1 :] if begin and end >= 0 else page


@cache
def _is_deep() -> Callable[[Any], bool]:
    """A test for elements below MOST_DEPTH: each step down is one C loop over a level, 0.2 ms for a real page."""
    from lxml.etree import XPath

    deep: Callable[[Any], bool] = XPath("boolean(" + "/*" * (MOST_DEPTH + 1) + ")")
    return deep


def _resiliparse(page: str) -> Extracted:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(page)
    text = extract_plain_text(tree, main_content=True, alt_texts=False, comments=False)
    return Extracted(_one_line(tree.title or ""), text.strip())


def _one_line(title: str) -> str:
    return " ".join(title[: 4 * MOST_TITLE_CHARS].split())[:MOST_TITLE_CHARS]
