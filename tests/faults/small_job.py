"""The job every fault is tried on: a small crawl, a few WARC records of every fate, rows, dedupe, a mix with its tokenizer."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import Result, run_with
from pipeline.store import Hook, Store
from tests.corpus import chinese, english, page, warc_bytes, web

ROOT = Path(__file__).resolve().parents[2]
FULL = os.environ.get("WINNOW_FAULTS") == "full"

RECIPE = """\
name: small
seed: 17
output: out
sources:
  web: {{read: {{warc: "in/*.warc.gz"}}}}
  rows: {{read: {{jsonl: "in/*.jsonl"}}}}
{crawl}stages:
  - url_rules
  - extract: {{engine: resiliparse}}
  - language: {{keep: [en, zh]}}
dedupe: [exact]
mixes:
  all: {{tokenizer: {{train: {{vocab_size: 400}}}}, tokens: 20k, shortage: shrink, validation: {{share: 0.1}}}}
"""
# For real workers: no model and no compiled kernel to load, but many units.
LIGHT = """\
name: light
seed: 17
output: out
sources: {rows: {read: {jsonl: "in/*.jsonl"}}}
stages: [url_rules]
dedupe: [exact]
mixes:
  all: {tokenizer: {train: {vocab_size: 300}}, tokens: 20k, shortage: shrink, validation: {share: 0.1}}
"""
CRAWL = '  site: {{crawl: {{seeds: ["{url}"], allow_private: ["127.0.0.0/8"], delay: 0}}}}\n'


def write_inputs(folder: Path) -> None:
    """One WARC with damage in its middle and one JSONL with a broken line; 15 records and 7 rows."""
    folder.mkdir(parents=True)
    every = web(5, 4)
    (folder / "a.warc.gz").write_bytes(warc_bytes([*every[:4], *every[5:10], *every[4:5]], damage=True))
    rng = random.Random(3)
    rows = [
        {"id": f"row-{i}", "text": "\n".join(english(rng, 2)), "url": f"https://rows.example/{i}"} for i in range(5)
    ]
    lines = [*(json.dumps(r) for r in rows), json.dumps(rows[0] | {"id": "copy"}), "{broken"]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_job(folder: Path, crawl: str = "") -> Path:
    """Inputs and a recipe; returns the recipe's path. crawl: URL of a site to fetch too."""
    write_inputs(folder / "in")
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(crawl=CRAWL.format(url=crawl) if crawl else ""), encoding="utf-8")
    return path


@contextmanager
def small_site() -> Iterator[str]:
    """Five pages behind robots.txt on loopback; its URL."""
    from tests.stages.crawl_server import Site
    from tests.stages.crawl_server import web as serving

    rng = random.Random(9)
    pages: dict[str, object] = {"/robots.txt": "User-agent: *\nDisallow: /no\n"}
    for n in range(5):
        prose = page(f"Page {n}", chinese(rng, 3) if n % 2 else english(rng, 3)).decode()
        pages[f"/p{n}"] = prose.replace("</body>", f'<a href="/p{n + 1}">on</a><a href="/no/{n}">no</a></body>')
    pages["/"] = pages["/p0"]
    site = Site("127.0.0.1", pages)  # type: ignore[arg-type]
    with serving(site):
        yield site.url


def tree(output: Path) -> dict[str, str]:
    """sha256 of every file of a run, apart from what may hold clocks."""
    files = [p for p in sorted(output.rglob("*")) if p.is_file() and "state/logs" not in p.as_posix()]
    return {p.relative_to(output).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """Paths that are missing, too many or of other bytes."""
    return sorted(p for p in here.keys() | there.keys() if here.get(p) != there.get(p))


@dataclass(frozen=True)
class Job:
    """A recipe and the undisturbed run of it, the oracle of every disturbed one."""

    recipe: Path
    undisturbed: Path
    files: dict[str, str]

    def start(self, output: Path) -> Path:
        """An empty output, but for what was fetched: a recording is replayed, not made again."""
        fetched = self.undisturbed / "state/crawl"
        if fetched.exists():
            shutil.copytree(fetched, output / "state/crawl")
        return output

    def copy(self, output: Path) -> Path:
        """The finished run, to be damaged."""
        return Path(shutil.copytree(self.undisturbed, output))

    def run(self, output: Path, hook: Hook | None = None) -> Result:
        return run_with(InlineExecutor(Store(output, hook)), Recipe.from_yaml(self.recipe))


def write_light_job(folder: Path, files: int = 10) -> Path:
    """Rows in so many files, some of them copies or broken; returns the recipe's path."""
    (folder / "in").mkdir(parents=True)
    rng = random.Random(5)
    prose = ["\n".join(english(rng, 2)) for _ in range(4 * files)]
    for n in range(files):
        texts = [*prose[4 * n : 4 * n + 4], prose[n]]
        lines = [json.dumps({"text": text, "url": f"https://rows.example/{n}/{i}"}) for i, text in enumerate(texts)]
        (folder / f"in/{n:02d}.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(LIGHT, encoding="utf-8")
    return path


def finish(folder: Path, crawl: str = "") -> Job:
    """Write the job down and run it undisturbed."""
    return undisturbed(write_job(folder, crawl))


def undisturbed(recipe: Path) -> Job:
    folder = recipe.parent
    result = run_with(InlineExecutor(Store(folder / "out")), Recipe.from_yaml(recipe))
    return Job(recipe, result.output, tree(result.output))
