"""A new crawl against a finished run: what is known is not kept again, and the finished run is not touched."""

import json
import random
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import RecipeError, UsageError
from pipeline.runs import Result, load_run, run
from pipeline.verify import verify
from tests.corpus import english
from tests.e2e.test_core import tree


def pages(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(english(rng)) for _ in range(count)]


def write(folder: Path, name: str, texts: list[str], dedupe: str) -> Path:
    lines = (json.dumps({"id": f"{name}{k}", "text": text}) for k, text in enumerate(texts))
    (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    recipe = folder / f"{name}.yaml"
    source = f"{{read: {{jsonl: {name}.jsonl}}, pipeline: none}}"
    recipe.write_text(f"name: {name}\noutput: out-{name}\nsources: {{{name}: {source}}}\ndedupe: {dedupe}\n", "utf-8")
    return recipe


OLD = pages(1, 30)
NEW = [OLD[0], OLD[1] + " And one word more.", *pages(2, 3), pages(2, 1)[0] + " The end of it."]
AGAINST = "[exact: {against: out-old}, minhash: {against: [out-old]}]"


@pytest.fixture(scope="module")
def updated(tmp_path_factory) -> tuple[Path, Result, dict[str, str]]:
    """(folder, the new run, the files of the old one before it)."""
    folder = tmp_path_factory.mktemp("incremental")
    before = tree(run(write(folder, "old", [*OLD, OLD[2] + " Again."], "[exact, minhash]"), workers=2).output)
    return folder, run(write(folder, "new", NEW, AGAINST), workers=2), before


def test_the_ledger_names_the_known_document_and_the_finished_run_stays_as_it_was(updated):
    folder, new, before = updated
    known = dict(pl.read_parquet(folder / "out-old/pool/data/*.parquet").select("record_key", "id").iter_rows())
    lost = load_run(new.output).ledger().select("record_key", "reason", "duplicate_of").collect().rows()
    own = dict(load_run(new.output).pool().select("record_key", "id").collect().iter_rows())
    assert set(lost[:2]) == {("new0", "exact", known["old0"]), ("new1", "near", known["old1"])}
    assert len(lost) == 3 and lost[2][2] in own.values()
    assert new.manifest["balance"]["documents"]["kept"] == 3
    assert tree(folder / "out-old") == before
    assert verify(new.output)["ok"]


def test_worker_count_and_a_second_run_leave_no_trace(updated, tmp_path):
    folder, new, _ = updated
    other = run(folder / "new.yaml", output=tmp_path / "other", workers=1)
    assert tree(other.output) == tree(new.output)
    assert not any(run(folder / "new.yaml", workers=2).done.values())


def test_more_new_documents_read_nothing_of_the_old_ones_again(updated):
    """The sketches of the earlier corpus are kept under its content: only new pages are hashed."""
    folder, _, _ = updated
    write(folder, "new", [*NEW, OLD[5]], AGAINST)
    again = run(folder / "new.yaml", workers=2, refresh=True)
    for barrier in ("exact", "minhash_candidates"):
        assert (again.done[f"{barrier}: sketch"], again.reused[f"{barrier}: sketch"]) == (1, 1)
    assert again.manifest["balance"]["documents"]["duplicate"] == {"exact": 2, "near": 2}
    write(folder, "new", NEW, AGAINST)


def test_a_changed_corpus_is_noticed_by_its_content(tmp_path):
    """Its digest enters the keys, its place and its name do not count as content."""
    recipe = write(tmp_path, "new", NEW, "[minhash: {against: ['parquet:old-*.parquet']}]")
    pl.DataFrame({"text": OLD[:1]}).write_parquet(tmp_path / "old-1.parquet")
    assert run(recipe, workers=1).manifest["balance"]["documents"]["duplicate"] == {"near": 2}
    pl.DataFrame({"text": OLD[:2]}).write_parquet(tmp_path / "old-1.parquet")
    assert run(recipe, workers=1).manifest["balance"]["documents"]["duplicate"] == {"near": 3}


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("nowhere", "no finished run in 'nowhere'"),
        ("'parquet:'", "names no file"),
        ("'parquet:none-*.parquet'", "no file matches"),
        ("'parquet:new.jsonl'", "no Parquet file"),
        ("'parquet:odd.parquet'", "no column `text`; its columns are body"),
    ],
)
def test_what_is_no_corpus_is_refused_before_anything_is_read(tmp_path, against, message):
    pl.DataFrame({"body": ["x"]}).write_parquet(tmp_path / "odd.parquet")
    recipe = write(tmp_path, "new", ["x"], f"[minhash: {{against: {against}}}]")
    with pytest.raises((RecipeError, UsageError), match=message):
        run(recipe, workers=1)
