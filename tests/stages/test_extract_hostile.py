"""Every page gets a verdict: a text or a reason, within seconds and bounded memory, whatever it holds."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from stages.extract import Extract, PageReader
from tests.stages.hostile_pages import HOSTILE, SENTENCE, nested

MOST_SECONDS = 10.0  # CPU; the slowest takes 2 s
MOST_MEMORY = 300 << 20  # beyond a worker that has loaded all it needs, itself 200 to 280 MiB


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(Extract())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_gets_its_verdict_in_time(reader: PageReader, name: str) -> None:
    """libxml2 stops silently at depth 256 or 10 MB of text; lexbor and lxml are quadratic in depth and attributes."""
    make, verdicts = HOSTILE[name]
    html = make()
    started = time.process_time()
    outcome = reader.page(html, None)
    assert time.process_time() - started < MOST_SECONDS
    assert outcome.error in verdicts
    assert (outcome.text is None) == (outcome.error is not None)
    if outcome.text is not None:
        outcome.text.encode()
        assert "\x00" not in outcome.text


@pytest.mark.parametrize("depth", [1, 100, 240, 249, 253, 254, 257, 500, 2_000, 2_048, 3_000])
def test_text_is_found_at_any_depth(reader: PageReader, depth: int) -> None:
    """The same words must come out whichever parser the depth calls for."""
    assert (reader.page(nested("div", depth), None).text or "").split() == (SENTENCE * 5).split()


def test_unclosed_formatting_loses_no_text(reader: PageReader) -> None:
    """trafilatura's own parser keeps the first 8 % of such a page, and says nothing."""
    make, _ = HOSTILE["3,000 unclosed <b>"]
    assert (reader.page(make(), None).text or "").count(SENTENCE.strip()) == 3_000


def test_the_greediest_pages_fit_a_worker(reader: PageReader) -> None:
    """The page stage may grow by 512 MiB on no page (faults.md); these take most, 230, the others next to nothing.

    Looked at beyond what is loaded, which differs by 70 MiB from one environment to the next (438 to 512 MiB were
    measured in all). reader: it has compiled, which would take 130 MB more.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_read_greedy, args=(theirs,))
    child.start()
    errors, loaded, peak = ours.recv()
    child.join()
    assert errors == [None, None, None]
    assert peak - loaded < MOST_MEMORY


def _read_greedy(answer: Connection) -> None:
    reader = PageReader(Extract())
    loaded = _peak()
    greedy = [HOSTILE[name][0]() for name in ("20,000 table rows", "390 tags of 1,000 attributes")]
    errors = [reader.page(html, None).error for html in (*greedy, b"<p>a" * 399_000)]
    answer.send((errors, loaded, _peak()))


def _peak() -> int:
    """Most memory this process has held. Not ru_maxrss: that outlives exec, and begins with the parent's."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
