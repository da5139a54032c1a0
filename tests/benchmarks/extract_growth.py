"""Does engine `fast` stay linear on pages made to hurt? CPU at n, 2n, 4n and 8n of each family, and the exponent of the growth.

python -m tests.benchmarks.extract_growth [FAMILY ...]
"""

import sys
import time

from stages.extract_engines import FastEngine, fast_engine
from tests.benchmarks.growth import slope_of

SMALLEST = 400_000  # bytes of the smallest page; the largest has eight times as many
TIMES = 3  # the quickest counts: whatever disturbs a measurement only adds
GOAL = 1.15

# name: what is repeated, after what; {i} is the number of the repetition
FAMILIES: dict[str, tuple[str, str]] = {
    "text": ("Some words of text that go on. ", "<p>"),
    "paragraphs": ("<p>Some words of text that go on.</p>\n", ""),
    "short paragraphs": ("<p>a", ""),
    "links": ("<a href=/page/{i}>Page {i}</a> ", "<p>"),
    "list of links": ("<li><a href=/page/{i}>Page {i} and more</a></li>", "<ul>"),
    "open divs": ("<div>x", ""),
    "open p and span": ("<p><span>x", ""),
    "open b": ("<b>x ", "<p>"),
    "open dd below p": ("<p>a<dd>b", ""),
    "crossed end tags": ("<b><div>x</b></div>", ""),
    "end tags of nothing": ("</p></div></b>x", ""),
    "font in paragraphs": ("<p><font color={i}>x</p>", ""),
    "table rows": ("<tr><td>a</td><td>b</td></tr>", "<table>"),
    "nested tables": ("<table><tr><td>x", ""),
    "options": ("<option>a", "<select>"),
    "readings": ("<ruby>\u5b57<rt>zi</ruby>", "<p>"),
    "nested lists": ("<ul><li>x", ""),
    "headings": ("<h2>Part {i}</h2><p>Some words of text.</p>", ""),
    "attributes of one tag": ("a{i}=b ", "<p "),
    "classes of one tag": ("c{i} ", "<p class='"),
    "distinct classes": ("<div class='c{i} d{i}'>x {i}</div>", ""),
    "distinct words": ("<p>w{i} v{i} u{i}</p>", ""),
    "the same block": ("<p>Read more of this story today</p>", ""),
    "entities": ("&CounterClockwiseContourIntegral;", "<p>"),
    "half entities": ("&am", "<p>"),
    "ampersands": ("&", "<p>"),
    "less-than signs": ("<", "<p>x"),
    "open comment": ("x <p> -", "<p>hi<!--"),
    "comments": ("<!-- x -->", "<p>hi"),
    "open script": ("</scr", "<p>hi<script>"),
    "scripts": ("<script>x</script>", "<p>hi"),
    "open quote": ("<p>x", "<p>hi<a href=\""),
    "open textarea": ("</texta", "<p>hi<textarea>"),
    "templates": ("<template>x", ""),
    "noscript": ("<noscript><p>Some words</p></noscript>", ""),
    "title": ("word{i} ", "<title>"),
    "svg": ("<svg><path d=M0/>x", ""),
    "CDATA": ("<![CDATA[ x ", "<svg>"),
    "pre": ("line {i}\n", "<pre>"),
    "Chinese": ("<p>\u8fd9\u662f\u4e00\u6bb5\u6ca1\u6709\u7a7a\u683c\u7684\u6587\u5b57\u3002</p>", ""),
}  # fmt: skip


def page(name: str, size: int) -> bytes:
    """A page of the family of about so many bytes."""
    unit, before = FAMILIES[name]
    times = max(1, size // len(unit.replace("{i}", "000000").encode()))
    return (before + "".join(unit.replace("{i}", str(i)) for i in range(times))).encode()


def seconds(engine: FastEngine, html: bytes) -> float:
    """CPU of one page, the least of TIMES."""
    found = []
    for _ in range(TIMES):
        begin = time.process_time()
        engine(html)
        found.append(time.process_time() - begin)
    return min(found)


def exponent(engine: FastEngine, name: str) -> tuple[float, dict[int, float]]:
    """How the time of a family grows with its size, and the seconds by size in bytes."""
    pages = [page(name, SMALLEST << k) for k in range(4)]
    cpu = {len(html): seconds(engine, html) for html in pages}
    return slope_of(cpu), cpu


def main() -> int:
    engine = fast_engine("text")
    engine(page("paragraphs", 1_000))  # kernels compile
    steepest = 0.0
    for name in sys.argv[1:] or FAMILIES:
        slope, cpu = exponent(engine, name)
        steepest = max(steepest, slope)
        told = "  ".join(f"{1e3 * s:8.1f}" for s in cpu.values())
        print(f"{name:24} {slope:6.3f}   {told} ms", flush=True)
    print(f"steepest {steepest:.3f}, goal {GOAL}")
    return 0 if steepest <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
