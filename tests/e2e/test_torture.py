"""Pages made to hurt, through a whole run: each has its verdict, the same bytes on one worker and on seven."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.runs import load_run, run
from pipeline.watch import Limits
from tests.e2e.test_core import tree
from tests.stages.hostile_pages import HOSTILE

SLICE = ("depth 3,000", "1e6 attributes", "lone surrogate reference", "nothing")
RULES = {"empty_body", "undecodable", "mojibake"}  # of the reader, and of text that came out
SECONDS = 10.0  # CPU; the slowest page takes 2 s


@pytest.mark.parametrize("names", [SLICE, pytest.param(tuple(HOSTILE), marks=pytest.mark.slow)], ids=["some", "all"])
def test_every_hostile_page_has_the_same_verdict_on_one_and_on_seven_workers(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """No page is beyond its budget of CPU or memory, none is lost: a text, or a reason that is right for it."""
    for number, name in enumerate(names):
        (tmp_path / f"{number:02d}.html").write_bytes(HOSTILE[name][0]())
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: torture\noutput: out\nsources: {pages: {read: {html: '*.html'}}}\nstages: [extract]\n")
    limits = Limits(cpu_seconds=SECONDS, memory_bytes=2 << 30)
    one, seven = (run(recipe, output=tmp_path / str(n), workers=n, limits=limits) for n in (1, 7))
    assert tree(one.output) == tree(seven.output)
    assert one.manifest["recordings"] == {}
    reasons = {row["file"]: row["reason"] for row in load_run(one.output).ledger().collect().to_dicts()}
    kept = set(load_run(one.output).pool().select(pl.col("file")).collect()["file"])
    assert kept.isdisjoint(reasons) and len(kept) + len(reasons) == len(names)
    wrong = {
        name: reasons.get(f"{number:02d}.html")
        for number, name in enumerate(names)
        if reasons.get(f"{number:02d}.html") not in HOSTILE[name][1] | RULES
    }
    assert not wrong, json.dumps(wrong)
