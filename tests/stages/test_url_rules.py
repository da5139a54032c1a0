"""URLs: one canonical form, whose they are, and why they are unwanted."""

import socket
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.judge import first_failing
from stages.base import Context
from stages.url_parts import parse, registered_domain
from stages.url_rules import UrlRules


def judge(*urls: str | None, **settings: object) -> list[str | None]:
    answer = UrlRules(**settings).open(Context())(pa.record_batch({"url": pa.array(urls, pa.string())}))
    reasons: list[str | None] = answer.column("url__block").to_pylist()
    return reasons


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://a.example", "http://a.example/"),
        ("HTTP://User:pw@WWW.A.Example:80/", "http://www.a.example/"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example:8443/x", "https://a.example:8443/x"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://a.example//b/./c/../d", "http://a.example/b/d"),
        ("http://a.example/../../x", "http://a.example/x"),
        ("http://a.example/%7euser/%e4%b8%ad", "http://a.example/~user/%E4%B8%AD"),
        ("http://a.example/中?q=文", "http://a.example/%E4%B8%AD?q=%E6%96%87"),
        ("http://a.example/x?b=2&a=1#part", "http://a.example/x?a=1&b=2"),
        ("http://a.example/x?utm_source=n&id=7&gclid=9", "http://a.example/x?id=7"),
        ("http://a.example/x?page&&q=", "http://a.example/x?page&q="),
        ("http://a.example/b/%2e%2E/c", "http://a.example/c"),
        ("http://a.example/b%2F..%2fc", "http://a.example/b%2F..%2Fc"),
        ("http://a.example/100%/50%25%", "http://a.example/100%25/50%25%25"),
        ("http://a.example/%%32e%%32E/x", "http://a.example/%252e%252E/x"),
        ("http://a.example/x?%75tm_source=n&%2Eref=1&id=7", "http://a.example/x?id=7"),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
        ("  http://a.example/x \n", "http://a.example/x"),
    ],
)
def test_spellings_of_one_address_have_one_form(url: str, canonical: str) -> None:
    """RFC 3986's normalisations, tracking parameters and fragments removed; parameters without a value kept."""
    found = parse(url)
    assert found is not None
    assert found.canonical == canonical


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.bbc.co.uk", "bbc.co.uk"),
        ("bbc.co.uk", "bbc.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.example.com", "example.com"),
        ("docs.site.example", "site.example"),
        ("site.example", "site.example"),
        ("localhost", "localhost"),
        ("192.168.0.1", "192.168.0.1"),
        ("::1", "::1"),
        ("www.xn--fsqu00a.xn--fiqs8s", "xn--fsqu00a.xn--fiqs8s"),
    ],
)
def test_the_registered_domain_is_what_someone_bought(host: str, domain: str) -> None:
    """By the public suffix list; under an unknown suffix, such as .example, the last two labels."""
    assert registered_domain(host) == domain


def test_nothing_is_fetched_to_know_a_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    """tldextract's default reads the list from the net at first use."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    registered_domain.cache_clear()
    assert registered_domain("www.bbc.co.uk") == "bbc.co.uk"


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///x",
        "http://a b/",
        "http://x..y/",
        "http://h:99999/",
        "http://[bad/",
        "https://%zz/",
        f"http://{'a' * 300}/",
        "http://a/" + "x" * 9_000,
    ],
)
def test_a_web_address_without_a_host_is_invalid(url: str) -> None:
    """It is dropped with a reason of its own, and counted."""
    assert judge(url) == ["invalid_url"]


@pytest.mark.parametrize("url", [None, "", "doi:10.1000/1", "wiki/Winnowing", "ftp://a.example/x", "file.html"])
def test_what_is_no_web_address_passes(url: str | None) -> None:
    """Rows of a JSONL corpus may name their origin as they like; there is no URL to judge."""
    assert judge(url) == [None]


BLOCKS = {
    "block_hosts": ("www.spam.example",),
    "block_domains": ("bad.example", "Bücher.example"),
    "block_paths": ("/tag/", r"[?&]sort="),
    "block_words": ("casino", "赌场"),
    "allow_hosts": ("good.bad.example",),
}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example/x", None),
        ("http://www.spam.example/x", "blocked_host"),
        ("http://spam.example/x", None),
        ("http://bad.example/", "blocked_domain"),
        ("http://a.b.bad.example/", "blocked_domain"),
        ("http://notbad.example/", None),
        ("http://bücher.example/", "blocked_domain"),
        ("http://good.bad.example/casino", None),
        ("http://x.good.bad.example/", None),
        ("http://a.example/TAG/x", "blocked_path"),
        ("http://a.example/x?b=1&sort=up", "blocked_path"),
        ("http://tag.example/x", None),
        ("http://a.example/best-casino.html", "blocked_word"),
        ("http://a.example/casinos", None),
        ("http://casino.example/", "blocked_word"),
        ("http://a.example/%E8%B5%8C%E5%9C%BA/", "blocked_word"),
        ("http://a.example/photo.JPG?size=2", "binary_suffix"),
        ("http://a.example/photo.jpg/about", None),
        ("http://a.example/doc.pdf.html", None),
    ],
)
def test_the_first_reason_that_holds_is_given(url: str, reason: str | None) -> None:
    """Hosts, then domains, lists, paths, words, suffixes; what is allowed is judged no further."""
    assert judge(url, **BLOCKS) == [reason]


def test_lists_hold_domains_hosts_and_urls(tmp_path: Path) -> None:
    """Plain lines, hosts-file lines and comments; a URL covers all below it."""
    listed = tmp_path / "list.txt"
    listed.write_text(
        "# bad\nbad.example\n0.0.0.0 ads.example # hosts file\nhttp://a.example/private/\nb.example/x?id=1\n\n"
    )
    urls = ["http://www.bad.example/", "http://ads.example/", "https://a.example/private/x", "http://a.example/privateer",
            "http://b.example/x?id=1", "http://b.example/x?id=2"]  # fmt: skip
    expected = ["blocked_domain", "blocked_domain", "blocked_url", None, "blocked_url", None]
    assert judge(*urls, lists=[str(listed)]) == expected


def test_a_list_is_known_by_its_content(tmp_path: Path) -> None:
    """The same list elsewhere is the same setting; an edited one is not."""
    for name, content in (("a", "bad.example"), ("b", "bad.example"), ("c", "worse.example")):
        (tmp_path / name).write_text(content)
    configs = [UrlRules(lists=[str(tmp_path / name)]).measure_config() for name in "abc"]
    assert configs[0] == configs[1] != configs[2]


@pytest.mark.parametrize("settings", [{"block_paths": ["(a"]}, {"lists": ["no/such/list"]}, {"ban": []}])
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object]) -> None:
    """When the recipe is read, naming the field or file."""
    with pytest.raises(ValueError, match=r"block_paths|no/such/list|ban"):
        UrlRules(**settings)


def test_a_blocked_row_is_gated_with_its_reason_and_a_row_without_url_is_kept() -> None:
    """The column's value is the reason."""
    (only,) = UrlRules().rules()
    judged = pa.table({"url__block": ["blocked_word", None]})
    assert first_failing(judged, [only]).tolist() == [0, -1]
    assert (only.reason, only.gate, only.action) == (None, True, "drop")


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://a.example/", "http://a.example/?", "HTTP://["]))
def test_a_canonical_url_is_its_own_canonical_form(text: str, start: str) -> None:
    """And no string whatever breaks the stage."""
    url = start + text
    try:
        found = parse(url)
    except ValueError:
        assert judge(url) == ["invalid_url"]
        return
    if found is not None:
        assert parse(found.canonical) == found


@given(
    st.lists(
        st.none() | st.text(max_size=20) | st.sampled_from(["http://a.example/x", "http://bad.example/"]), max_size=9
    ),
    st.integers(1, 4),
)
def test_any_batch_split_gives_the_same_answer(urls: list[str | None], size: int) -> None:
    """Rows do not see each other."""
    parts = [urls[i : i + size] for i in range(0, len(urls), size)]
    assert judge(*urls, **BLOCKS) == [reason for part in parts for reason in judge(*part, **BLOCKS)]


@pytest.mark.data
def test_no_page_of_a_documentation_crawl_is_blocked_by_default(data_dir: Path) -> None:
    """The defaults must not cost a page of an ordinary site."""
    import gzip
    import json

    with gzip.open(data_dir / "warc" / "manifest.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    urls = [row["url"] for row in rows if row["kind"] == "page" or (row.get("mime") or "").startswith("text/html")]
    assert len(urls) > 8_000
    assert set(judge(*urls)) == {None}
