"""The demo's two sites: what is on them, and that a polite crawl of both is one."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from selectolax.lexbor import LexborHTMLParser

from pipeline.demo_docs import to_html
from pipeline.demo_magazine import load_essays
from pipeline.demo_sites import CRAWL_DELAY, DemoSites, build, planted, serve
from stages.crawl import Crawl, crawl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, int]]]:
    directory = tmp_path_factory.mktemp("sites")
    return directory, build(directory)


@pytest.fixture(scope="module")
def crawled(
    built: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DemoSites, Path, dict[str, Any]]]:
    directory = tmp_path_factory.mktemp("crawl")
    with serve(built[0]) as sites:
        yield sites, directory, crawl(Crawl(**sites.crawl()), directory)


def text_of(path: Path, charset: str = "utf-8") -> str:
    return LexborHTMLParser(path.read_bytes().decode(charset)).body.text(separator=" ")  # type: ignore[union-attr]


# What is on them


def test_the_same_python_builds_the_same_bytes(built: tuple[Path, Any], tmp_path: Path) -> None:
    """The figures of the demo are quoted; another hash seed, locale or zone must not change a page."""
    script = f"from pathlib import Path; from pipeline.demo_sites import build; build(Path({str(tmp_path)!r}))"
    environment = {"PYTHONHASHSEED": "123", "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    assert digests(built[0]) == digests(tmp_path)


def digests(directory: Path) -> dict[str, str]:
    files = [p for p in directory.rglob("*") if p.is_file() and p.suffix != ".json"]
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_documentation_is_large_and_tells_nothing_about_this_machine(built: tuple[Path, Any]) -> None:
    """Hundreds of prose pages; no path of this installation, no environment."""
    directory, counts = built
    assert counts["docs"]["library"] > 250 and counts["docs"]["reference"] > 60 and counts["docs"]["topic"] > 80
    pages = [p.read_text(encoding="utf-8") for p in (directory / "docs").rglob("*.html")]
    assert 2e6 < sum(map(len, pages)) < 8e6
    assert not any(sys.prefix in page or str(Path.home()) + "/" in page for page in pages if len(sys.prefix) > 4)


def test_no_documented_module_is_imported() -> None:
    """`antigravity` opens a browser, `this` prints a poem; only their source is read."""
    script = (
        "import sys, sysconfig, tempfile, pathlib; from pipeline.demo_docs import build_docs\n"
        "sysconfig.get_paths(); before = set(sys.modules)\n"
        "build_docs(pathlib.Path(tempfile.mkdtemp())); print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_documentation_text_becomes_markup_without_being_markup() -> None:
    """Docstrings are full of angle brackets."""
    text = "Title\n=====\n\nA <b> & c\nsecond line.\n\n* one\n* two\n\n    code <x>\n\n>>> 1 < 2\nTrue"
    expected = (
        "<h2>Title</h2>\n<p>A &lt;b&gt; &amp; c second line.</p>\n<ul><li>one</li><li>two</li></ul>\n"
        "<pre>    code &lt;x&gt;</pre>\n<pre>&gt;&gt;&gt; 1 &lt; 2\nTrue</pre>"
    )
    assert to_html(text) == expected


def test_the_magazine_is_half_english_half_chinese_prose() -> None:
    """About forty pages of real text, long enough for the rules to keep them."""
    essays = load_essays()
    english = [len(" ".join(e.paragraphs).split()) for e in essays if e.language == "en"]
    chinese = [len("".join(e.paragraphs)) for e in essays if e.language == "zh"]
    assert len(english) >= 20 and len(chinese) >= 20 and len({e.path for e in essays}) == len(essays)
    assert all(150 <= n <= 600 for n in english) and all(300 <= n <= 900 for n in chinese)


def shingles(text: str) -> set[str]:
    units = text.split() if text.isascii() else list(text)
    return {" ".join(units[n : n + 5]) for n in range(len(units) - 4)}


def test_planted_copies_are_as_similar_as_claimed(built: tuple[Path, Any]) -> None:
    """Near-duplicates must be found by a threshold of 0.8 on the prose, and must not be equal when edited."""
    directory = built[0] / "magazine"
    for original, copy in planted().near_duplicates:
        one, other = prose(directory, original), prose(directory, copy)
        similarity = len(one & other) / len(one | other)
        assert similarity >= 0.8 and (similarity < 1.0) == (not copy.startswith("/mirror")), (original, similarity)
    for original, copy in planted().exact_duplicates:
        assert prose(directory, original) == prose(directory, copy)


def prose(directory: Path, path: str) -> set[str]:
    """5-shingles of the paragraphs: words, or characters for Chinese; the boilerplate left out."""
    tree = LexborHTMLParser((directory / path.lstrip("/")).read_bytes().decode("utf-8"))
    texts = [
        p.text()
        for p in tree.css("article > p, #story > p, body > p")
        if "byline" not in (p.attributes.get("class") or "")
    ]
    return shingles("\n".join(texts))


def test_old_charsets_are_declared_in_a_meta_tag_only(built: tuple[Path, Any]) -> None:
    """The bytes are not UTF-8, the server says nothing, and the text is the essay's."""
    with serve(built[0]) as sites:
        for path, charset in planted().charsets.items():
            with urlopen(sites.magazine.rstrip("/") + path) as answer:
                body, label = answer.read(), answer.headers["Content-Type"]
            essay = next(e for e in load_essays() if path == f"/{e.path}.html")
            assert label == "text/html" and essay.paragraphs[0].split("\n")[0] in text_of_bytes(body, charset)
            with pytest.raises(UnicodeDecodeError):
                body.decode("utf-8")
            assert b'charset="g' in body or b'charset="windows-1252"' in body


def text_of_bytes(body: bytes, charset: str) -> str:
    return LexborHTMLParser(body.decode(charset)).body.text()  # type: ignore[union-attr]


def test_the_hostile_page_is_hostile(built: tuple[Path, Any]) -> None:
    """Deeper than lxml reads, with more attributes than anyone needs."""
    page = (built[0] / "magazine" / planted().hostile.lstrip("/")).read_text()
    assert page.count("<div>") == 3000 and page.count(" data-") == 20_000


# The crawl


def test_robots_is_respected_in_the_servers_own_log(crawled: tuple[DemoSites, Path, Any]) -> None:
    """Zero violations: not one request for what is forbidden, though pages link there; the decisions are counted."""
    sites, _, result = crawled
    forbidden = ("/private/", "/members/")
    assert not [v for v in sites.visits if v.path.startswith(forbidden)]
    assert result["counts"]["disallowed"] == {"robots": 3}
    first = {site: next(v.path for v in sites.visits if v.site == site) for site in ("docs", "magazine")}
    assert set(first.values()) == {"/robots.txt"}
    assert {v.agent for v in sites.visits} == {"winnow/1"}


def test_crawl_delay_is_honoured_in_the_servers_own_log(crawled: tuple[DemoSites, Path, Any]) -> None:
    """Between the end of one answer and the next request, for every pair of requests to one site."""
    visits = crawled[0].visits
    for site in ("docs", "magazine"):
        own = [v for v in visits if v.site == site]
        assert min(b.began - a.began for a, b in pairwise(own[1:])) >= CRAWL_DELAY


def test_every_page_is_fetched_once(crawled: tuple[DemoSites, Path, Any], built: tuple[Path, Any]) -> None:
    """All that robots.txt allows, nothing else but one dead link."""
    sites, _, result = crawled
    asked = [(v.site, v.path) for v in sites.visits if not v.path.endswith("robots.txt")]
    on_disk = {
        (site, "/" + str(p.relative_to(built[0] / site)))
        for site in ("docs", "magazine")
        for p in (built[0] / site).rglob("*.html")
    }
    allowed = {(s, p) for s, p in on_disk if not p.startswith(("/private/", "/members/"))}
    assert len(asked) == len(set(asked))
    assert {(s, "/index.html" if p == "/" else p) for s, p in asked} == allowed | {("magazine", "/gone.html")}
    assert result["counts"]["status"]["404"] == 1 and result["counts"]["fetched"] == len(asked)


def test_outside_readers_accept_the_files(crawled: tuple[DemoSites, Path, Any]) -> None:
    """warcio checks every digest; fastwarc reads every response."""
    _, directory, result = crawled
    paths = [directory / file["path"] for file in result["files"]]
    check = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", *map(str, paths)], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout
    responses = 0
    for path in paths:
        with path.open("rb") as file:
            responses += sum(1 for _ in ArchiveIterator(file, record_types=WarcRecordType.response))
    assert responses == result["counts"]["fetched"] + 2  # and two robots.txt


def test_a_frozen_crawl_holds_no_clock(crawled: tuple[DemoSites, Path, Any]) -> None:
    """crawl.json enters keys; it must be data alone."""
    result = json.loads((crawled[1] / "crawl.json").read_text())
    assert set(result) == {"schema", "finished", "config_sha256", "counts", "files", "seal"}
    assert result == crawled[2]


def test_the_ports_are_those_of_the_last_time(built: tuple[Path, Any], tmp_path: Path) -> None:
    """A demo that was cut off must find its pages again; a taken port is no reason to fail."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "magazine").mkdir()
    with serve(tmp_path) as first:
        known = (first.docs, first.magazine)
        with serve(tmp_path) as beside:
            assert beside.docs != first.docs
    (tmp_path / "ports.json").write_text(json.dumps({"docs": port(known[0]), "magazine": port(known[1])}))
    with serve(tmp_path) as again:
        assert (again.docs, again.magazine) == known


def port(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])
