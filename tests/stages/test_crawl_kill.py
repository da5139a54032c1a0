"""SIGKILL at random moments: a committed page is never fetched twice, none is lost, the files stay sound."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator

from stages.crawl import Crawl, crawl
from tests.stages.crawl_server import Site, links, status, web

ROOT = Path(__file__).resolve().parents[2]


def tree_site(pages: int) -> Site:
    """Page n links to 2n+1 and 2n+2, to a forbidden page, to a redirect and to itself."""
    found: dict[str, object] = {"/robots.txt": "User-agent: *\nDisallow: /no\n"}
    for n in range(pages):
        children = [f"/p{k}" for k in (2 * n + 1, 2 * n + 2) if k < pages]
        found[f"/p{n}"] = links(*children, f"/no/{n}", f"/to/{n}", f"/p{n}") + f"page {n} " * n
        found[f"/to/{n}"] = status(302, Location=f"/p{n}")
    found["/"] = links("/p0")
    return Site("127.0.0.1", found)  # type: ignore[arg-type]


def kill_after(directory: Path, seconds: float) -> bool:
    """Run the worker for a while, then SIGKILL it; False if it was done before."""
    with subprocess.Popen(
        [sys.executable, "-m", "stages.crawling.worker", str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as worker:
        try:
            worker.wait(seconds)
        except subprocess.TimeoutExpired:
            worker.kill()
            return True
        return False


def committed(directory: Path) -> set[str]:
    """Paths the frontier holds as fetched right now, read by an outside hand."""
    path = directory / "frontier.sqlite"
    if not path.exists():
        return set()
    with sqlite3.connect(path) as db:
        try:
            rows = db.execute("SELECT url FROM url WHERE state = 'fetched'").fetchall()
        except sqlite3.OperationalError:
            return set()
    return {"/" + url.split("/", 3)[3] for (url,) in rows}


def responses(directory: Path) -> dict[str, bytes]:
    """URL path -> body; fails on a URL that was stored twice."""
    found: dict[str, bytes] = {}
    for path in sorted(directory.glob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, check_digests="raise"):
                if record.rec_type == "response":
                    key = "/" + record.rec_headers["WARC-Target-URI"].split("/", 3)[3]
                    assert key not in found
                    found[key] = record.raw_stream.read()
    return found


def survive(directory: Path, pages: int, kills: int, seed: int) -> None:
    """The whole experiment: one undisturbed crawl, one that is killed again and again, then the comparison.

    The delay keeps the fastest machine from finishing before it has been killed often enough.
    """
    site = tree_site(pages)
    config = Crawl(seeds=(site.url,), delay=0.03, allow_private=("127.0.0.0/8",), warc_bytes=20_000)
    chance = random.Random(seed)
    disturbed = directory / "disturbed"
    disturbed.mkdir()
    (disturbed / "config.json").write_text(config.model_dump_json())
    with web(site):
        crawl(config, directory / "undisturbed")
        site.visits.clear()
        hits = 0
        for _ in range(kills):
            known = committed(disturbed)
            before = len(site.visits)
            killed = kill_after(disturbed, 0.4 + chance.random() * 0.9)
            again = known & {path for path, _ in site.visits[before:]}
            assert not again, f"fetched again although committed: {sorted(again)}"
            if not killed:
                break
            hits += 1
        result = crawl(config, disturbed)
    assert result["finished"] and result["counts"]["queued"] == 0
    assert responses(disturbed) == responses(directory / "undisturbed")
    assert result["counts"] == crawl(config, directory / "undisturbed")["counts"]
    for file in result["files"]:
        with (disturbed / file["path"]).open("rb") as stream:
            assert sum(1 for _ in FastIterator(stream)) > 0
    assert hits > kills / 2, "the crawl was over before it could be killed often enough"
    assert len(site.visits) - len(set(site.paths())) <= hits  # one request may be in flight at each kill


def test_random_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """Eight kills within one crawl of 80 pages, several WARC files, redirects and forbidden pages."""
    survive(tmp_path, pages=80, kills=8, seed=17)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_many_random_kills(tmp_path: Path, seed: int) -> None:
    """The same, 200 kills in all."""
    survive(tmp_path, pages=300, kills=25, seed=seed)


def quick(site: Site) -> Crawl:
    return Crawl(seeds=(site.url,), delay=0.0, allow_private=("127.0.0.0/8",))


def test_a_kill_while_finishing_changes_nothing(tmp_path: Path) -> None:
    """The last file has its name, its commit or crawl.json is missing: the next run only writes what is missing."""
    site = tree_site(10)
    with web(site):
        result = crawl(quick(site), tmp_path)
        visits = len(site.visits)
        (tmp_path / "crawl.json").unlink()
        assert crawl(quick(site), tmp_path) == result
        (tmp_path / "crawl.json").unlink()
        with sqlite3.connect(tmp_path / "frontier.sqlite") as db:
            db.execute("UPDATE warc SET closed = 0, sha256 = NULL, size = size - 1")
        assert crawl(quick(site), tmp_path) == result
    assert len(site.visits) == visits
    assert [p.name for p in tmp_path.glob("*.warc.gz*")] == ["crawl-00000.warc.gz"]


@pytest.mark.parametrize("damage", ["cut", "zeros", "lost"])
def test_after_a_power_cut_the_damaged_end_is_fetched_again(tmp_path: Path, damage: str) -> None:
    """The frontier may know more than the disk kept; every page is there once in the end."""
    site = tree_site(10)
    with web(site):
        crawl(quick(site), tmp_path)
        expected = responses(tmp_path)
        path = tmp_path / "crawl-00000.warc.gz"
        whole = path.read_bytes()
        waiting = path.rename(tmp_path / "crawl-00000.warc.gz.open")
        half = len(whole) // 2
        if damage == "lost":
            waiting.unlink()
        else:
            waiting.write_bytes(whole[:half] + (bytes(len(whole) - half) if damage == "zeros" else b""))
        (tmp_path / "crawl.json").unlink()
        with sqlite3.connect(tmp_path / "frontier.sqlite") as db:
            db.execute("UPDATE warc SET closed = 0, sha256 = NULL")
        result = crawl(quick(site), tmp_path)
    kept = responses(tmp_path)
    assert kept == {k: v for k, v in expected.items() if k in kept} and set(expected) - set(kept) <= {"/robots.txt"}
    assert result["counts"]["fetched"] == len(expected) - 1
