"""`dedupe: [pages, ...]`: a page that was received more than once is extracted once, and nothing is lost by it."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.errors import RecipeError
from pipeline.runs import Result, load_run, run
from pipeline.verify import verify
from tests.corpus import english
from tests.e2e.test_core import tree

DAY = "2026-01-{:02d}T00:00:00Z"


def page(seed: int) -> str:
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in english(random.Random(seed)))
    return f"<html><body><article>{paragraphs}</article></body></html>"


# (id, URL, day, page): b = a elsewhere; c = a where URL rules refuse it, and newer; e = d's address, later; g has no page.
ROWS: list[tuple[str, str, int, str | None]] = [
    ("a", "https://one.example/a", 1, page(1)),
    ("b", "https://two.example/b", 2, page(1)),
    ("c", "https://bad.example/c", 9, page(1)),
    ("d", "https://one.example/d", 1, page(2)),
    ("e", "https://one.example:443/d#top", 5, page(3)),
    ("f", "https://one.example/f", 1, page(4)),
    ("g", "https://one.example/f", 1, None),
]
TEXT = "A row that comes as text is not a page and is left alone by the step that compares pages. " * 3


def write(folder: Path, dedupe: str, rows: list[tuple[str, str, int, str | None]] = ROWS) -> Path:
    for name, part in (("first", rows[:3]), ("second", rows[3:])):
        lines = [json.dumps(_row(*row)) for row in part]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        'name: once\nsources: {web: {read: {jsonl: "*.jsonl"}}}\n'
        "stages: [url_rules: {block_hosts: [bad.example]}, extract: {engine: resiliparse}]\n"
        f"dedupe: {dedupe}\n",
        encoding="utf-8",
    )
    return recipe


def _row(name: str, url: str, day: int, html: str | None) -> dict[str, Any]:
    return {"id": name, "url": url, "date": DAY.format(day)} | ({"html": html} if html else {"text": TEXT})


def kept(result: Result) -> dict[str, str]:
    return dict(load_run(result.output).pool().select("record_key", "content_hash").collect().iter_rows())


def lost(result: Result) -> dict[str, dict[str, Any]]:
    return {row["record_key"]: row for row in load_run(result.output).ledger().collect().to_dicts()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Result:
    folder = tmp_path_factory.mktemp("plain")
    return run(write(folder, "[exact]"), folder / "out", workers=1)


@pytest.fixture(scope="module")
def by_payload(tmp_path_factory) -> Result:
    folder = tmp_path_factory.mktemp("payload")
    return run(write(folder, "[pages, exact]"), folder / "out", workers=2)


def test_the_same_bytes_are_extracted_once_and_the_same_documents_survive(plain: Result, by_payload: Result) -> None:
    """Exact dedupe would have taken the copies anyway, after the dearest step of all."""
    assert kept(by_payload) == kept(plain)
    assert set(kept(plain)) == {"b", "d", "e", "f", "g"}
    assert verify(by_payload.output)["ok"]
    counters = {
        s: json.loads((by_payload.output / "pool/manifest.json").read_text())["balance"]["documents"][s]
        for s in ("in", "duplicate")
    }
    assert counters == {"in": 7, "duplicate": {"repeated_page": 1}}


def test_the_ledger_names_the_page_that_was_read_instead(by_payload: Result) -> None:
    ids = dict(pl.read_parquet(by_payload.output / "pool/data/*.parquet").select("record_key", "id").iter_rows())
    row = lost(by_payload)["a"]
    assert (row["stage"], row["reason"], row["action"]) == ("pages", "repeated_page", "duplicate")
    assert row["duplicate_of"] == ids["b"]


def test_a_page_that_url_rules_refuse_stands_for_no_other(by_payload: Result) -> None:
    """c is the newest of three equal pages, but its text would not be kept."""
    assert lost(by_payload)["c"]["reason"] == "blocked_host"


def test_of_one_address_the_newest_capture_is_read(tmp_path: Path) -> None:
    """Two spellings of an address are one; what is no page is left alone. Here text is lost, by design."""
    result = run(write(tmp_path, "[pages: {by: url}]"), tmp_path / "out", workers=1)
    assert set(kept(result)) == {"a", "b", "e", "f", "g"}
    assert lost(result)["d"]["reason"] == "repeated_page"


def test_the_order_of_inputs_and_the_number_of_workers_decide_nothing(tmp_path: Path) -> None:
    told = []
    for name, rows, workers in (("one", ROWS, 1), ("two", ROWS[::-1], 2)):
        (tmp_path / name).mkdir()
        result = run(write(tmp_path / name, "[pages, exact]", rows), tmp_path / name / "out", workers=workers)
        told.append((kept(result), {k: row["reason"] for k, row in lost(result).items()}))
    assert told[0] == told[1]


def test_a_new_page_measures_only_the_slices_it_concerns(tmp_path: Path) -> None:
    """An added file that repeats nothing leaves every measured part as it was."""
    recipe = write(tmp_path, "[pages, exact]")
    run(recipe, tmp_path / "out", workers=1)
    before = tree(tmp_path / "out")
    (tmp_path / "third.jsonl").write_text(json.dumps(_row("h", "https://one.example/h", 1, page(9))) + "\n")
    again = run(recipe, tmp_path / "out", workers=1, refresh=True)
    assert (again.done["measure 1"], again.reused["measure 1"]) == (1, 2)
    assert (again.done["pages: sketch"], again.reused["pages: sketch"]) == (1, 2)
    assert len(before) < len(tree(tmp_path / "out"))


def test_pages_come_first(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="list it first"):
        run(write(tmp_path, "[exact, pages]"), tmp_path / "out", workers=1)
