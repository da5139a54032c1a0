"""Lines of many pages: `winnow fit lines` finds them in files, `clean_lines: {common: FILE}` takes every copy out."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline.errors import RecipeError, UsageError
from pipeline.fit import fit_lines
from pipeline.recipe import Recipe
from pipeline.resolve import resolve
from stages import clean_lines_fit
from stages.base import Context
from stages.clean_lines import CleanLines

FOOTER = "The Village Gazette, by the old mill"
BLOCK = ["Lower Street 12", "Open on Mondays", "Ring the bell twice"]
STORY = "On the {n}th of May the river rose over the meadow, and {n} sheep were carried to the church."
SETTINGS = {"min_documents": 3, "min_share": 0.001, "min_sites": 4}


def pages() -> list[dict[str, str | None]]:
    """Twelve pages of a site with one footer, of which four share a block; one page each of four sites with one line."""
    gazette = [
        {"url": f"https://www.gazette.example/{n}", "text": "\n".join([STORY.format(n=n), *BLOCK * (n < 4), FOOTER])}
        for n in range(12)
    ]
    others = [
        {"url": f"http://s{n}.example/", "text": f"{STORY.format(n=n + 50)}\nMade with the same kit by the mill"}
        for n in range(4)
    ]
    return [*gazette, *others, {"url": None, "text": FOOTER}, {"url": "https://else.example/", "text": FOOTER}]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "pages.jsonl"
    file.write_text("".join(json.dumps(page) + "\n" for page in pages()), "utf-8")
    return file


def test_the_lines_are_counted_and_shown(corpus, tmp_path):
    told = fit_lines([str(corpus)], str(tmp_path / "lines.parquet"), SETTINGS)
    rows = pq.read_table(tmp_path / "lines.parquet").to_pylist()
    assert told["documents"] == len(pages())
    shown = {(row["line"], row["documents"], row["site"] == 0) for row in rows}
    assert (FOOTER, 12, False) in shown
    assert ("Made with the same kit by the mill", 4, True) in shown
    assert ("\n".join(BLOCK), 4, False) in shown
    assert not any("sheep" in line for line, _, _ in shown)


def test_every_copy_goes_and_is_counted(corpus, tmp_path):
    fit_lines([str(corpus)], str(tmp_path / "lines.parquet"), SETTINGS)
    stage = CleanLines(common=str(tmp_path / "lines.parquet"))
    batch = pa.RecordBatch.from_pylist([*pages(), {"text": None, "url": None}])
    cleaned = stage.open(Context())(batch)
    assert cleaned.schema.names == [*stage.adds.names, "text"]
    found = cleaned.to_pylist()
    assert [row["text"] for row in found[:12]] == [STORY.format(n=n) for n in range(12)]
    assert all("kit" not in row["text"] for row in found[12:16])
    assert [row["text"] for row in found[16:]] == [FOOTER, FOOTER, None]  # no site, another site, no text
    assert [found[n]["clean_lines__common_lines"] for n in (0, 11, 12, 16)] == [4, 1, 1, 0]
    last = found[11]
    assert last["clean_lines__common_chars"] == last["clean_lines__removed_chars"] == len(FOOTER.replace(" ", ""))
    assert last["clean_lines__top_rule"] == "common"
    kept, gone = last["clean_lines__kept_chars"], last["clean_lines__removed_chars"]
    assert last["clean_lines__kept_share"] == pytest.approx(kept / (kept + gone))


def test_common_lines_and_phrases_are_counted_together(corpus, tmp_path):
    fit_lines([str(corpus)], str(tmp_path / "lines.parquet"), SETTINGS)
    text = "\n".join([STORY.format(n=7), FOOTER, "Share this article", "Follow us on Facebook and Twitter for more"])
    batch = pa.RecordBatch.from_pylist([{"url": "https://gazette.example/9", "text": text}])
    (row,) = CleanLines(common=str(tmp_path / "lines.parquet")).open(Context())(batch).to_pylist()
    assert row["text"] == STORY.format(n=7)
    assert (row["clean_lines__removed_lines"], row["clean_lines__common_lines"]) == (3, 1)
    assert row["clean_lines__top_rule"] != "common"


def test_the_file_is_the_same_however_the_pages_are_cut_and_spilled(corpus, tmp_path, monkeypatch):
    fit_lines([str(corpus)], str(tmp_path / "one.parquet"), SETTINGS)
    halves = [tmp_path / "cut" / f"{n}.parquet" for n in range(2)]
    halves[0].parent.mkdir()
    for file, rows in zip(halves, (pages()[:7], pages()[7:]), strict=True):
        pq.write_table(pa.Table.from_pylist(rows), file)
    monkeypatch.setattr(clean_lines_fit, "BUFFERED_ROWS", 5)
    fit_lines([str(tmp_path / "cut")], str(tmp_path / "two.parquet"), SETTINGS)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_what_is_allowed_stays(corpus, tmp_path):
    fit_lines([str(corpus)], str(tmp_path / "lines.parquet"), {**SETTINGS, "allow": (FOOTER,)})
    assert FOOTER not in pq.read_table(tmp_path / "lines.parquet")["line"].to_pylist()


def test_a_recipe_names_the_file_beside_itself(corpus, tmp_path):
    fit_lines([str(corpus)], str(tmp_path / "lines.parquet"), SETTINGS)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: t\nsources:\n  a: {read: {jsonl: pages.jsonl}}\nstages: [clean_lines: {common: lines.parquet}]\n",
        "utf-8",
    )
    (stage,) = resolve(Recipe.from_yaml(recipe)).sources[0].stages
    assert stage.common.path == str(tmp_path / "lines.parquet")
    assert "url" in stage.reads.names
    recipe.write_text(recipe.read_text("utf-8").replace("lines.parquet", "none.parquet"), "utf-8")
    with pytest.raises(RecipeError, match=r"none\.parquet"):
        resolve(Recipe.from_yaml(recipe))


def test_other_files_are_refused_by_name(corpus, tmp_path):
    with pytest.raises(UsageError, match="no column `text`"):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
        fit_lines([str(tmp_path / "other.parquet")], str(tmp_path / "lines.parquet"), SETTINGS)
    with pytest.raises(ValidationError, match="winnow fit lines"):
        CleanLines(common=str(tmp_path / "other.parquet"))
    with pytest.raises(ValidationError, match="winnow fit lines"):
        CleanLines(common=str(corpus))
    (tmp_path / "none.jsonl").write_text("", "utf-8")
    with pytest.raises(UsageError, match="no document"):
        fit_lines([str(tmp_path / "none.jsonl")], str(tmp_path / "lines.parquet"), SETTINGS)


def test_a_file_that_changed_since_the_recipe_was_read_is_refused(corpus, tmp_path):
    path = tmp_path / "lines.parquet"
    fit_lines([str(corpus)], str(path), SETTINGS)
    stage = CleanLines(common=str(path))
    fit_lines([str(corpus)], str(path), {**SETTINGS, "min_documents": 5})
    from stages.clean_lines import _common_lines

    _common_lines.cache_clear()
    with pytest.raises(ValueError, match="changed since"):
        stage.open(Context())


def test_odd_cells_of_a_table_are_no_address_and_no_crash(tmp_path):
    rows = [{"url": url, "text": f"{FOOTER}\ud800"} for url in (5, ["a"], None, "http://a.example/")]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert fit_lines([str(tmp_path / "odd.jsonl")], str(tmp_path / "lines.parquet"), SETTINGS)["documents"] == 4
