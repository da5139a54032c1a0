"""Training the judge of lines, on a few pages, by the command."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from filters.boilerplate import training
from filters.boilerplate.learned import read_judge
from filters.trees.forest import ordered, probabilities
from filters.trees.grown import flatten, is_sound
from pipeline.cli import app
from pipeline.errors import UsageError
from tests.filters.boilerplate import PAGES

pytest.importorskip("lightgbm", reason="pip install 'winnow[fit]'")


def test_the_command_trains_a_model_that_knows_more_than_nothing(tmp_path, monkeypatch):
    """Figures are of files left out, so they are honest; the same pages give the same bytes."""
    monkeypatch.setattr(training, "FOLDS", 3)
    monkeypatch.setattr(training, "STEPS", 12)  # enough to see that it learns
    content = tmp_path / "content.jsonl"
    texts = [
        "The harbour office keeps the tide tables of every year since the bridge was built.\nNobody reads them."
    ] * 40
    content.write_text("".join(json.dumps({"text": one}) + "\n" for one in texts), encoding="utf-8")
    files = [str(PAGES / f"lot_{number}.txt") for number in (13, 15, 16)]
    told = []
    for name in ("one.model", "two.model"):
        arguments = ["fit", "boilerplate", *files, "--content", str(content), "--output", str(tmp_path / name)]
        result = CliRunner().invoke(app, [*arguments, "--seen", "lot_13"])
        assert result.exit_code == 0, result.output
        told.append(json.loads(result.stdout))
    assert told[0] == told[1]
    assert read_judge(tmp_path / "one.model").sha256 == told[0]["sha256"]
    unseen = told[0]["unseen"]
    assert set(unseen) == {"lot_13", "lot_15", "lot_16", "texts"}
    assert unseen["lot_16"]["learned"]["removed"] > unseen["lot_16"]["rules"]["removed"]
    assert unseen["texts"]["learned"]["lost"] <= 0.05


def test_pages_of_one_label_teach_nothing(tmp_path):
    """Nor does a file that is not there; both are told before anything is written."""
    (tmp_path / "pages.txt").write_text("# page\nC|only content\n", encoding="utf-8")
    (tmp_path / "texts.txt").write_text("only content, and more of it than a sentence needs\n", encoding="utf-8")
    arguments = ["fit", "boilerplate", str(tmp_path / "pages.txt"), "--content", str(tmp_path / "texts.txt")]
    for more, told in (([], "no lines of both labels"), (["--seen", "other"], "--seen other: none of pages")):
        result = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "m"), *more])
        assert isinstance(result.exception, UsageError)
        assert told in str(result.exception)
        assert not (tmp_path / "m").exists()


def test_a_flattened_forest_says_what_lightgbm_says():
    """On numbers at, above and below the thresholds."""
    import lightgbm

    rng = np.random.default_rng(5)
    rows = rng.integers(-3, 4, (2000, 6)).astype(np.float32) / 2
    target = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int)
    options = {"objective": "binary", "num_leaves": 9, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(rows, target), 30)
    forest = flatten(booster)
    assert is_sound(forest, 6)
    bits, chances = rows.copy().view(np.int32), np.zeros(len(rows), np.float32)
    ordered(bits)
    probabilities(bits, *forest, chances)
    assert chances == pytest.approx(booster.predict(rows), abs=1e-5)
