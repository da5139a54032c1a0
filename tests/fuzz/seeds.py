"""Sound inputs to start from: made by the project's own code, and small files of the evaluation data where it is."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import brotli
import pyarrow as pa
import pyarrow.parquet as pq

from stages.warc_codecs import zstd_module
from tests import corpus
from tests.stages import warc_making
from tests.stages.hostile_pages import HOSTILE

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 24 << 10  # bytes of a sample worth mutating

WARC_WORDS = (
    *(b"WARC/1.0\r\n", b"WARC/1.1\r\n", b"warc/0.17\n", b"Content-Length: ", b"WARC-Type: response\r\n", b"\r\n\r\n"),
    *(b"WARC-Segment-Number: 1\r\n", b"Content-Type: application/http\r\n", b"HTTP/1.1 200 OK\r\n", b"\n", b"\r\n"),
    *(b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\0", b"\x04\x22\x4d\x18"),
    *(
        b"\x5d\x2a\x4d\x18\x10\0\0\0",
        b"filedesc://x 0.0.0.0 20260301000000 text/plain 9\n",
        gzip.compress(b"", mtime=0),
    ),
    b"http://a.example/ 192.0.2.1 20260301000000 text/html 10\n",
)
HTTP_WORDS = (
    b"0\r\n\r\n",
    b"ffffffff\r\n",
    b"5;x=y\r\n",
    b"\x1f\x8b\x08",
    b"\x78\x9c",
    b"\r\n",
    b"\x28\xb5\x2f\xfd",
    b"\0",
)
HTML_WORDS = (
    *(
        b"<div>",
        b"</div>",
        b"<table><tr><td colspan=9999999>",
        b"<script>",
        b"</script>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
    ),
    *(
        b"<svg>",
        b"<template>",
        b"<select><option>",
        b"&#xD800;",
        b"&#0;",
        b"&notin",
        b"<meta charset=gbk>",
        b"\xff\xfe",
    ),
    *(
        b"<plaintext>",
        b"<frameset>",
        b'<a href="',
        b"<b><p>",
        b"\xef\xbb\xbf",
        b"\0",
        b"\x1b$B",
        b"\xe2\x80\xa8",
        b"<title>",
    ),
    *(
        b"<textarea>",
        b"<math><mi>",
        b"<form><input>",
        b"<!doctype html>",
        b"<?xml encoding='utf-16'?>",
        b"~{",
        b"\xed\xa0\x80",
    ),
)
JSON_WORDS = (
    *(
        b'{"text": "',
        b'"}\n',
        b"\n",
        b"[",
        b"{",
        b"\\ud800",
        b"\\u0000",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"null",
        b"\xff",
    ),
    *(b'"meta": {"url": ', b'"d": 1e17', b"\xef\xbb\xbf", b'"html": 5', b"\\", b'"', b"9" * 400),
)
PARQUET_WORDS = (
    b"PAR1",
    b"\x15\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\x19\x4c",
    b"\x00\x00\x00\x80",
    b"ARROW:schema",
    b"\xed\xa0\x80",
)
URL_WORDS = (
    *(
        b"http://",
        b"https://",
        b"//",
        b"/../",
        b"/./",
        b"%2e%2E",
        b"%",
        b"%00",
        b"?",
        b"#",
        b"&a=1",
        b"utm_x=1",
        b":443",
    ),
    *(b":99999", b"@", b"[::1]", b"\\", b"xn--", "。".encode(), "ß".encode(), b"..", b";", b"+", b" ", b"\t", b"\0"),
)
ROBOTS_WORDS = (
    *(
        b"User-agent: *\n",
        b"User-agent: winnow\n",
        b"Disallow: /",
        b"Allow: /",
        b"*",
        b"$",
        b"%",
        b"%E3%81",
        b"\n",
        b"\r",
    ),
    *(
        b"Crawl-delay: ",
        b"1e400",
        b"nan",
        b"-1",
        b"Sitemap: x\n",
        b"\xef\xbb\xbf",
        b"\0",
        b"Request-rate: 1/10s 0000-2400\n",
    ),
)
YAML_WORDS = (
    *(
        b"!!python/object/apply:os.system ['x']",
        b"&a [*a, *a]",
        b"<<: *a",
        b"!!binary x",
        b"? {a: b}\n",
        b".nan",
        b"\t",
    ),
    *(
        b"- ",
        b"  ",
        b"\n",
        b"{",
        b"[" * 80,
        b"../../etc",
        b"include: [x.yaml]\n",
        b"name: ",
        b"&x",
        b"*x",
        b"%YAML 1.1\n---\n",
    ),
    *(
        b"\xff",
        b"\0",
        b"1_000",
        b"0x7fffffffffffffff",
        b"99999999999999999999",
        b"tokens: 5Q\n",
        b"---\n",
        b"...\n",
        b"'",
    ),
)


def _samples(folder: str, pattern: str) -> list[bytes]:
    data = Path(os.environ.get("WINNOW_DATA", ROOT.parent / "shared" / "data")) / folder
    paths = sorted(path for path in data.rglob(pattern) if path.is_file() and 0 < path.stat().st_size <= LARGEST)
    return [path.read_bytes() for path in paths]


@cache
def warcs() -> list[bytes]:
    """The same records in every container, ARC, odd kinds and lengths; real damaged files."""
    records = [warc_making.record("warcinfo", 90, b"software: x\r\n"), *warc_making.pages(5)]
    records += [warc_making.record("revisit", 91, b""), warc_making.record("conversion", 92, "héllo".encode())]
    made = [pack(records) for pack in warc_making.CONTAINERS.values()]
    made += [b"".join(warc_making.arc([warc_making.body_of(n) for n in range(4)]))]
    made += [warc_making.gzipped(warc_making.arc([warc_making.body_of(n) for n in range(4)]))]
    return made + _samples("warc-samples", "*arc*")


@cache
def heads() -> list[bytes]:
    """The beginnings of records and responses."""
    made = [record[:1000] for record in warc_making.pages(2)] + warc_making.arc([warc_making.body_of(1)])
    bare = made[0].replace(b"\r\n", b"\n")
    folded = made[0].replace(b"WARC-Type: response", b"warc-type :\r\n\t response")
    answer = "Content-Type: text/html; charset=utf-8\nContent-Encoding: gzip\nTransfer-Encoding: chunked\nX: café"
    return [*made, bare, folded, warc_making.http(b"<p>", answer), warc_making.http(b"", status="404 Not Found") * 3]


@cache
def urls() -> list[bytes]:
    """Addresses of every kind that pages hold."""
    made = (
        *("http://site.example/", "https://www.site.example:8443/a//b/../c;d?b=2&a=1&utm_source=x&page#top"),
        *("http://bücher.example/straße?q=你好", "http://192.0.2.1:80/%7euser/%zz", "http://[2001:db8::1]/x"),
        *(
            "//cdn.example/x.html",
            "../up/../../page.html?x=%26%3d",
            "?only=query",
            "mailto:a@b.example",
            "http://u:p@h/",
        ),
        *(
            "HTTP://WWW.Site.CO.UK./A%2fB/?",
            "http://xn--bcher-kva.example/",
            "javascript:void(0)",
            "page;jsessionid=1A?x",
        ),
    )
    return [address.encode() for address in made]


@cache
def robots() -> list[bytes]:
    rules = b"User-agent: *\nDisallow: /a/*?c=\nAllow: /a/b$\nCrawl-delay: 2.5\n\n"
    ours = b"user-agent : winnow\ndisallow: /%7E\n# note\nSitemap: http://site.example/s.xml\n"
    return [
        rules,
        ours,
        rules + ours,
        rules.replace(b"\n", b"\r"),
        b"<html><title>404</title>",
        b"User-agent: *\nDisallow:",
    ]


CODERS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda data: gzip.compress(data, mtime=0),
    2: zlib.compress,
    3: lambda data: bytes(brotli.compress(data, quality=4)),
    4: lambda data: bytes(zstd_module().compress(data)),
    5: lambda data: gzip.compress(gzip.compress(data, mtime=0), mtime=0),
    6: lambda data: bytes(brotli.compress(gzip.compress(data, mtime=0))),
}


def _chunked(data: bytes) -> bytes:
    parts = [data[i : i + 300] for i in range(0, len(data), 300)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@cache
def bodies() -> list[bytes]:
    """A byte that names the labels, then a body that is what they say; some are bombs."""
    pages = [corpus.web()[0].body, b"<html>" + b"a" * 200_000]
    plain = [bytes([label]) + code(page) for label, code in CODERS.items() for page in pages]
    return plain[:1] + plain[2:] + [bytes([128 + label]) + _chunked(code(pages[0])) for label, code in CODERS.items()]


@cache
def texts() -> list[bytes]:
    """Prose of several scripts in many character sets, as pages and as plain text."""
    chance = random.Random(5)
    chinese, english = "\n".join(corpus.chinese(chance)), "# Title\n\n" + "\n".join(corpus.english(chance))
    made = [chinese.encode(name) for name in ("utf-8", "gb18030", "utf-16", "utf-16-le")]
    made += [chinese.encode(name, "replace") for name in ("big5hkscs", "hz")]
    russian = "Тихая река течёт мимо старого города, и лодки стоят у берега. " * 8
    made += [russian.encode(name) for name in ("utf-8", "koi8-r", "cp1251", "utf-32")]
    japanese = "静かな川が古い町のそばを流れ、船は岸につながれている。" * 8
    made += [japanese.encode(name) for name in ("utf-8", "shift_jis", "euc_jp", "iso2022_jp")]
    return [*made, english.encode(), ("größe — " + english).encode("cp1252", "replace")]


@cache
def pages() -> list[bytes]:
    """Whole pages, and the small ones of those made to hurt."""
    made = [page.body for page in corpus.web()[:6]]
    hostile = (make() for make, _ in HOSTILE.values())
    return made + [page for page in hostile if 0 < len(page) <= LARGEST] + texts()[:8]


@cache
def json_lines() -> list[bytes]:
    rows = [
        {"text": "one", "meta": {"url": "http://a.example/"}, "n": 1, "d": "2026-01-01"},
        {"text": "zwei \ud800 \0", "n": None, "d": 1767323045},
        {"html": "<p>drei", "d": 1767323045000.5, "n": [1]},
        {"text": "四" * 40, "meta": "none", "n": True},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    packed = [gzip.compress(lines * 3, mtime=0), bytes(zstd_module().compress(lines)), bz2.compress(lines)]
    return [lines, lines * 8, *packed, lzma.compress(lines)]


@cache
def parquets() -> list[bytes]:
    """Few rows in several groups, every type a column of text may come as, nested turns, all compressions."""
    rows = {
        "text": [f"row {n} " + "words " * n for n in range(12)],
        "html": [b"<p>%d" % n for n in range(12)],
        "url": [None, "http://a.example/"] * 6,
        "date": [datetime(2026, 1, 1 + n, tzinfo=UTC) for n in range(12)],
        "messages": [[{"role": "user", "content": "hi"}]] * 12,
    }
    table = pa.table(rows)
    large = table.set_column(0, "text", table["text"].cast(pa.large_string())).drop_columns(["html"])
    encoded = table.set_column(0, "text", table["text"].dictionary_encode())
    made = [(table, "none"), (table, "zstd"), (large, "snappy"), (encoded, "gzip"), (table.select(["text"]), "none")]
    return [_parquet(one, compression) for one, compression in made]


def _parquet(table: pa.Table, compression: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=5, compression=compression, write_page_checksum=compression == "zstd")
    return out.getvalue()


@cache
def recipes() -> list[bytes]:
    full = (ROOT / "tests" / "pipeline" / "full_form.yaml").read_bytes()
    short = b"name: q\nseed: 17\nsources:\n  web: {read: {warc: 'd/*.warc.gz'}}\nstages: [url_rules, extract]\ntokens: 50M\n"
    return [full, short, corpus.RECIPE.encode()]
