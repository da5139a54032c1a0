"""Layers below the readers, tens of thousands of inputs a minute: headers, addresses, shapes of pages, robots.txt."""

from collections.abc import Callable

Check = Callable[[bytes], None]


def heads() -> Check:
    """Headers of WARC, ARC and HTTP: every place lies within the data, a search moves on, values are storable."""
    from stages.http_body import parse_head
    from stages.read_rows import parse_date
    from stages.warc_grammar import ArcGrammar, WarcGrammar, grammar_of
    from stages.warc_pages import header_text, media_of

    def check(data: bytes) -> None:
        http = parse_head(data, 0, len(data))
        assert 0 <= http.body <= len(data)
        for grammar in (WarcGrammar(), ArcGrammar(), grammar_of(data)):
            at = grammar.find(data, 0)
            while at >= 0:
                assert grammar.starts(data, at), "found what begins no record"
                head = grammar.parse(data, at)
                assert head is None or at < head.begin <= len(data)
                after = grammar.find(data, at + 1)
                assert after < 0 or after > at
                at = after
            head = grammar.parse(data, 0)
            for name, value in (http.fields | (head.fields if head else {})).items():
                assert name == name.lower() and b"\n" not in value
                text = header_text(value)
                assert text is None or "\0" not in text.encode("utf-8").decode("utf-8")
                date = parse_date(value.decode("latin-1"))
                assert date is None or date.utcoffset() is not None
                media_of(value)

    return check


def urls() -> Check:
    """An address, None or ValueError; what is canonical stays so, as do the links of a crawl."""
    from stages.crawling.urls import Refused, link
    from stages.url_parts import MOST_CHARS, parse

    def check(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        try:
            found = parse(text)
        except ValueError:
            found = None
        else:
            short = found is not None and len(found.canonical) <= MOST_CHARS  # each character may have become nine
            assert not short or parse(found.canonical) == found, "canonical, yet not the same when read again"
        try:
            one = link(text, "http://site.example/folder/page")
        except Refused:
            return
        assert link(one.url).key == one.key, "a link that is another one when read again"

    return check


def shapes() -> Check:
    """The scan of a page and the learned extractor's own parser: counts that can be, blocks that are text."""
    from stages.extract_scan import shape
    from stages.extraction.layout import S_BLOCKS, S_ELEMENTS, S_TEXT
    from stages.extraction.page import block_texts, parse

    def check(data: bytes) -> None:
        page = data.decode("utf-8", "replace").encode()
        found = shape(page, 1 << 24)
        assert min(found) >= 0 and found.tags <= found.tokens <= len(page) + 1
        parsed = parse(page)
        room = {S_TEXT: parsed.text, S_ELEMENTS: parsed.elements, S_BLOCKS: parsed.blocks}
        assert all(parsed.state[counter] == len(held) for counter, held in room.items()), "wrote beyond its arrays"
        assert not any("\0" in text for text in block_texts(parsed))

    return check


def robots() -> Check:
    """Rules that answer for any address, whatever a host calls its robots.txt."""
    from stages.crawling.robots import Rules, judge

    def check(data: bytes) -> None:
        rules = Rules(judge(200, data), "winnow")
        for url in ("http://site.example/", "http://site.example/a/b?c=d", "http://site.example/%7E\u00e9"):
            assert rules.refusal(url) in (None, "robots")
        assert 0 <= rules.crawl_delay(60.0) <= 60

    return check
