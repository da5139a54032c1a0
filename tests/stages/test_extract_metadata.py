"""What pages declare about themselves, and what they may not do to us by it."""

import json

import pyarrow as pa
import pytest

from stages.base import Context
from stages.extract import Extract
from stages.extract_metadata import ADDED, MOST_CHARS, Metadata, metadata_of

PAGE = """<!doctype html><html lang="de-AT"><head><title>Die Mühle</title>
<meta name="Author" content=" Anna  Berg "><meta property="article:published_time" content="2021-05-04T10:00:00+02:00">
<link rel="alternate canonical" href="/muehle"><meta property="og:site_name" content="Dorfblatt"><meta property="og:type" content="article">
</head><body><p>Text.</p><a rel="license" href="//creativecommons.org/licenses/by/4.0/">CC BY</a></body></html>"""


def linked(data: object, where: str = "head") -> str:
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    head, body = (script, "") if where == "head" else ("", script)
    return f"<html><head>{head}</head><body><p>Text</p>{body}</body></html>"


def test_what_a_page_declares():
    assert metadata_of(PAGE, "https://dorf.example/a/b?c=1") == Metadata(
        author="Anna Berg",
        date="2021-05-04",
        language="de-AT",
        canonical="https://dorf.example/muehle",
        license="https://creativecommons.org/licenses/by/4.0/",
        site="Dorfblatt",
        type="article",
    )


def test_a_page_that_declares_nothing():
    assert metadata_of("<p>Text</p>", None) == Metadata()
    assert metadata_of("", None) == Metadata()


@pytest.mark.parametrize("where", ["head", "body"])
def test_json_ld(where):
    article = {
        "@type": "NewsArticle",
        "datePublished": "2020-02-29",
        "author": [{"name": "A"}, {"name": "B"}],
        "license": "CC BY",
    }
    for data in (article, [article], {"@context": "https://schema.org", "@graph": [{"name": "x"}, article]}):
        found = metadata_of(linked(data, where), None)
        assert (found.author, found.date, found.type, found.license) == ("A, B", "2020-02-29", "NewsArticle", "CC BY")


def test_microdata_and_time():
    page = '<body><span itemprop="author">C. Dorn</span><article><time datetime="1999-12-31">long ago</time></article></body>'
    assert metadata_of(page, None)[:2] == ("C. Dorn", "1999-12-31")


@pytest.mark.parametrize(
    ("written", "day"),
    [("2020-02-30", None), ("20200201", None), ("2019年3月5日", "2019-03-05"), ("2019/3/5 8:00", "2019-03-05"),
     ("1850-01-01", None), ("yesterday", None), ("", None)],
)  # fmt: skip
def test_only_days_that_exist(written, day):
    assert metadata_of(f'<head><meta name="date" content="{written}"></head>', None).date == day


@pytest.mark.parametrize("href", ["javascript:alert(1)", "http://[::1", "ftp://a.example/", "", "x" * 3000])
def test_an_address_is_http_or_nothing(href):
    assert metadata_of(f'<head><link rel="canonical" href="{href}"></head>', "https://a.example/").canonical in (
        None,
        "https://a.example/",
    )


def test_the_address_of_a_profile_is_no_author():
    assert (
        metadata_of('<head><meta property="article:author" content="https://f.example/anna"></head>', None).author
        is None
    )


@pytest.mark.parametrize(
    "data",
    ["[" * 100_000, '{"author": ' * 100_000, '{"@graph": [' * 900, "\ud800".encode("utf-8", "replace").decode(), "{", "[1, null, \"x\"]"],
)  # fmt: skip
def test_hostile_json_ld_is_passed_over(data):
    page = f'<html lang=en><head><script type="application/ld+json">{data}</script></head><body>x</body></html>'
    assert metadata_of(page, None) == Metadata(language="en")


def test_long_names_are_cut_and_surrogates_replaced():
    found = metadata_of(linked({"author": "n" * 9_000, "@type": "\ud83d"}), None)
    assert found.author is not None
    assert len(found.author) == MOST_CHARS
    assert found.type == "?"


def test_the_stage_adds_columns_only_where_asked():
    row = {"html": PAGE.encode(), "charset": "utf-8", "text": None, "title": None, "url": "https://dorf.example/"}
    text = {"html": None, "charset": None, "text": "A text", "title": None, "url": None}
    stage = Extract(metadata=True)
    batch = pa.RecordBatch.from_pylist([row, text], pa.schema([*stage.reads]))
    found = stage.open(Context())(batch)
    assert found.schema.names == [*stage.adds.names, *stage.replaces.names]
    assert [row["extract__author"] for row in found.to_pylist()] == ["Anna Berg", None]
    assert not set(ADDED.names) & set(Extract().adds.names)
    assert "url" not in Extract().reads.names
