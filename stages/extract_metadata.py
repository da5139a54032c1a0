"""What a page declares about itself: author, date, language, canonical address, licence, site, type.

Only declarations are read: `<meta>`, `<link>`, `<html lang>`, `rel=license`, microdata, JSON-LD. Nothing is guessed from
the text, so the answer never depends on today's date.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pyarrow as pa

from stages.base import columns

MOST_CHARS = 300  # of a name
MOST_URL = 2_000
MOST_JSON = 200_000  # characters of one JSON-LD script
MOST_NODES = 200  # objects of JSON-LD looked at
MOST_SCRIPTS = 10  # of JSON-LD in the body
MOST_DECLARED = 2_000  # elements of the head

ADDED = columns(
    extract__author=pa.string(),
    extract__date=pa.string(),  # of publication, YYYY-MM-DD
    extract__declared_language=pa.string(),  # as the page writes it: zh-CN, en_US
    extract__canonical=pa.string(),  # absolute, http or https
    extract__license=pa.string(),  # URL, or the words of the page
    extract__site=pa.string(),
    extract__type=pa.string(),  # og:type, else @type of JSON-LD
)


class Metadata(NamedTuple):
    """What a page says of itself; None where it says nothing. In the order of ADDED."""

    author: str | None = None
    date: str | None = None
    language: str | None = None
    canonical: str | None = None
    license: str | None = None
    site: str | None = None
    type: str | None = None


_AUTHORS = ("author", "article:author", "dc.creator", "dcterms.creator", "byl", "sailthru.author", "citation_author")
_DATES = (
    "article:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "dcterms.created", "dcterms.date",
    "pubdate", "publishdate", "publish_date", "publication_date", "citation_publication_date", "og:published_time", "sailthru.date",
)  # fmt: skip
_CANONICAL = 'link[rel~="canonical"]'
_JSON_LD = "application/ld+json"
_WRITTEN = '[itemprop="author"], [rel="author"]'
_TIMED = '[itemprop="datePublished"], time[pubdate], article time[datetime]'
_DATE = re.compile(r"\s*((?:19|20)\d\d)[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)")
_LICENSED = (
    'a[rel~="license"], link[rel~="license"], '
    'a[href*="creativecommons.org/licenses/"], a[href*="creativecommons.org/publicdomain/"]'
)


def metadata_of(page: str, url: str | None) -> Metadata:
    """The declarations of one page; `url` makes relative addresses absolute. The page has passed the caps of `extract`."""
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(page)
    if tree.document is None:
        return Metadata()
    metas, canonical, linked = _declared_in_head(tree)
    linked = [*linked, *_json_ld(_scripts_in_body(tree))]
    return Metadata(
        author=_name(_first(metas, _AUTHORS))
        or _name(_said(linked, "author"))
        or _name(_one(tree, _WRITTEN, "content")),
        date=_day(_first(metas, _DATES))
        or _day(_said(linked, "datePublished"))
        or _day(_one(tree, _TIMED, "datetime")),
        language=_line(
            _attribute(tree, "html", "lang") or _first(metas, ("content-language", "og:locale", "language"))
        ),
        canonical=_address(canonical or metas.get("og:url") or _attribute(tree, _CANONICAL, "href"), url),
        license=_license(tree, metas, linked, url),
        site=_line(_first(metas, ("og:site_name", "application-name"))),
        type=_line(metas.get("og:type") or _said(linked, "@type")),
    )


def _declared_in_head(tree: Any) -> tuple[dict[str, str], str | None, list[dict[str, Any]]]:
    """Of `<head>`: name, property, itemprop or http-equiv in lower case -> content, the first of each; the canonical
    address; JSON-LD. Step by step, since each look into a collection of resiliparse's walks all of the tree."""
    metas: dict[str, str] = {}
    canonical, scripts = None, []
    element = tree.head.first_element_child if tree.head else None
    for _ in range(MOST_DECLARED):
        if element is None:
            break
        if element.tag == "meta":
            for key in ("name", "property", "itemprop", "http-equiv"):
                if name := element.getattr(key):
                    metas.setdefault(name.strip().lower(), element.getattr("content") or "")
        elif element.tag == "link" and "canonical" in (element.getattr("rel") or "").lower().split():
            canonical = canonical or element.getattr("href")
        elif element.tag == "script" and element.getattr("type") == _JSON_LD:
            scripts.append(element.text)
        element = element.next_element_sibling
    return metas, canonical, list(_json_ld(scripts))


def _scripts_in_body(tree: Any) -> list[str]:
    scripts = tree.body.query_selector_all(f'script[type="{_JSON_LD}"]') if tree.body else []
    return [script.text for script in islice(scripts, MOST_SCRIPTS)]


def _json_ld(scripts: Iterable[str | None]) -> Iterator[dict[str, Any]]:
    """Objects of JSON-LD, those of @graph too, the outer ones first."""
    waiting: list[Any] = []
    for text in scripts:
        if text and len(text) <= MOST_JSON:
            try:
                waiting.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):
                continue
    for _ in range(MOST_NODES):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting[:0] = one[:MOST_NODES]
        elif isinstance(one, dict):
            yield one
            waiting.append(one.get("@graph"))


def _said(linked: list[dict[str, Any]], key: str) -> str | None:
    """The first value of a key that is text, or an object or list that names itself."""
    return next((found for one in linked if (found := _spelled(one.get(key)))), None)


def _spelled(value: Any) -> str | None:
    if isinstance(value, list):
        return (
            ", ".join(found for one in value[:10] if isinstance(one, str | dict) and (found := _spelled(one))) or None
        )
    if isinstance(value, dict):
        named = value.get("name") or value.get("@id")
        return named if isinstance(named, str) else None
    return value if isinstance(value, str) else None


def _first(metas: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((metas[name] for name in names if metas.get(name, "").strip()), None)


def _attribute(tree: Any, selector: str, name: str) -> str | None:
    element = tree.document.query_selector(selector)
    return element.getattr(name) if element else None


def _one(tree: Any, selector: str, name: str) -> str | None:
    """Of the first such element of the body: that attribute, its `content` or its text."""
    element = tree.body.query_selector(selector) if tree.body else None
    return (element.getattr(name) or element.getattr("content") or element.text) if element else None


def _license(tree: Any, metas: dict[str, str], linked: list[dict[str, Any]], url: str | None) -> str | None:
    """A licence link, else what metadata say; words are kept as they are."""
    link = _address(_attribute(tree, _LICENSED, "href"), url)
    said = _first(metas, ("dc.rights", "dcterms.license", "dcterms.rights", "license")) or _said(linked, "license")
    return link or _line(said)


def _line(text: str | None) -> str | None:
    """One line, cut where no name is so long; lone surrogates can't be stored."""
    return " ".join((text or "")[: 4 * MOST_CHARS].split())[:MOST_CHARS].encode("utf-8", "replace").decode() or None


def _name(text: str | None) -> str | None:
    """A name; the address of a profile is none."""
    line = _line(text)
    return None if line is None or line.lower().startswith(("http:", "https:", "//")) else line


def _day(text: str | None) -> str | None:
    """2024-03-01 of what begins with such a date in any usual writing; None for days that do not exist."""
    import datetime

    found = _DATE.match((text or "")[:40])
    if not found:
        return None
    try:
        return datetime.date(*map(int, found.groups())).isoformat()
    except ValueError:
        return None


def _address(href: str | None, url: str | None) -> str | None:
    """An absolute http(s) address, or None."""
    try:
        found = urljoin(url or "", (href or "").strip())
    except ValueError:
        return None
    fine = found.lower().startswith(("http://", "https://")) and len(found) <= MOST_URL
    return found.encode("utf-8", "replace").decode() if fine and href else None
