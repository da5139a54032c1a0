"""Mixes from one pool: shares, balance, tokens, and that everybody else's tools open them offline."""

import json
import os
import subprocess
import sys

import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.errors import UsageError
from pipeline.mix_command import mix, tokenize
from pipeline.recipe import Recipe
from pipeline.runs import run
from tests.corpus import RECIPE, write_project
from tests.e2e.test_core import tree

MIXES = """
mixes:
  both:
    tokenizer: {train: {vocab_size: 700}}
    tokens: 20000
    shortage: repeat
    parts:
      - {where: {language: zh}, share: 0.5}
      - {where: {language: en}, share: 0.5}
    validation: {share: 0.1}
  english:
    tokenizer: {train: {vocab_size: 400}}
    parts: [{where: {language: en, source: [web]}, share: 1}]
    validation: {share: 0}
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, language_model):
    recipe = write_project(tmp_path_factory.mktemp("mixes"), RECIPE + MIXES)
    return recipe, run(recipe, workers=2)


def test_pool_is_selected_and_not_selected(mixed):
    """A mix balances against the pool, and its files against its manifest."""
    for name, manifest in mixed[1].mixes.items():
        assert manifest["selected"] + manifest["not_selected"] == mixed[1].manifest["balance"]["documents"]["kept"]
        rows = {
            room: sum(f["rows"] for f in manifest["files"] if f["path"].startswith(room)) for room in ("data", "tokens")
        }
        assert rows == {"data": manifest["selected"], "tokens": manifest["selected"]}
        for file in manifest["files"]:
            assert pq.read_metadata(mixed[1].output / "mixes" / name / file["path"]).num_rows == file["rows"]


def test_realised_shares_are_within_one_document(mixed):
    manifest = mixed[1].mixes["both"]
    shards = pl.read_parquet(mixed[1].output / "mixes/both/tokens/train-*.parquet")
    biggest = shards["n_tokens"].max()
    for part in manifest["parts"]:
        assert abs(part["realised_tokens"] - part["asked_tokens"]) <= biggest
    assert (
        sum(p["realised_tokens"] for p in manifest["parts"])
        == shards.select((pl.col("n_tokens") * pl.col("copies")).sum()).item()
    )


def test_the_manifest_says_what_a_language_costs(mixed):
    """Tokens per byte by language, so that an unfair vocabulary is seen before it is trained on."""
    costs = mixed[1].mixes["both"]["tokenizer"]["tokens_per_byte"]
    assert set(costs) == set(mixed[1].manifest["languages"])
    assert all(0.05 < cost <= 1.01 for cost in costs.values())


def test_a_changed_mix_runs_no_earlier_pass(mixed):
    changed = run(Recipe.from_yaml(mixed[0], ["mixes.both.tokens=9000"]), workers=2)
    assert {k for k, n in changed.done.items() if n} <= {f"mix both: {s}" for s in ("select", "scatter", "gather")}
    again = run(mixed[0], workers=2)
    assert again.mixes == mixed[1].mixes


def test_ids_are_those_of_the_tokenizer_and_end_the_document(mixed):
    """decode(tokens) is the text: nothing lost, nothing added but the end."""
    from tokenizers import Tokenizer

    for name, manifest in mixed[1].mixes.items():
        folder = mixed[1].output / "mixes" / name
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json"))
        text = pl.read_parquet(folder / "data/*.parquet").sort("id")
        tokens = pl.read_parquet(folder / "tokens/*.parquet").sort("id")
        assert text["id"].equals(tokens["id"])
        for row, ids in zip(text["text"], tokens["tokens"].to_list(), strict=True):
            assert ids == [*tokenizer.encode(row, add_special_tokens=False).ids, manifest["tokenizer"]["eos_id"]]
        assert "input_ids" not in text.columns


def test_copies_of_a_cluster_never_stand_on_both_sides(mixed):
    shards = mixed[1].output / "mixes/both/data"
    sides = [set(pl.read_parquet(shards / f"{s}-*.parquet")["cluster"]) for s in ("train", "validation")]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_workers_leave_no_trace_in_a_mix(mixed, tmp_path):
    other = run(mixed[0], output=tmp_path / "other", workers=1)
    wanted, got = tree(mixed[1].output), tree(other.output)
    pick = lambda files: {k: v for k, v in files.items() if k.startswith(("mixes/", "pool/", "ledger/"))}  # noqa: E731
    assert sorted(pick(wanted).items() ^ pick(got).items()) == []


def test_other_tools_open_everything_offline(mixed):
    """datasets, DuckDB and AutoTokenizer, in a process that may not reach a hub."""
    code = """
import sys, duckdb
from datasets import load_dataset
from transformers import AutoTokenizer
out = sys.argv[1]
pool = load_dataset(out + "/pool", split="train")
both = load_dataset(out + "/mixes/both")
assert set(both) == {"train", "validation"}, both
n = duckdb.sql(f"select count(*) from '{out}/pool/data/*.parquet'").fetchall()[0][0]
assert n == len(pool) > 0
tokenizer = AutoTokenizer.from_pretrained(out + "/mixes/both/tokenizer")
assert tokenizer.decode(tokenizer(both["train"][0]["text"])["input_ids"]) == both["train"][0]["text"]
"""
    pytest.importorskip("transformers")
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    call = [sys.executable, "-c", code, str(mixed[1].output)]
    done = subprocess.run(call, env=os.environ | offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_trl_tokenises_a_mix_by_itself(mixed, tmp_path):
    """Text shards carry no `input_ids`, which TRL would take for its own model's: it has to tokenise the text."""
    pytest.importorskip("trl")
    code = """
import sys
from datasets import load_dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import SFTConfig, SFTTrainer
out, scratch = sys.argv[1:]
data = load_dataset("parquet", data_files=out + "/mixes/english/data/train-*.parquet", split="train")
assert "input_ids" not in data.column_names and "tokens" not in data.column_names, data.column_names
tokenizer = AutoTokenizer.from_pretrained(out + "/mixes/english/tokenizer")
sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes))
wish = dict(max_steps=2, per_device_train_batch_size=2, max_length=64, report_to=[], save_strategy="no", use_cpu=True)
trainer = SFTTrainer(model, SFTConfig(scratch, **wish), train_dataset=data, processing_class=tokenizer)
ids = trainer.train_dataset[0]["input_ids"]
text = tokenizer.decode(ids, skip_special_tokens=True)
assert len(text) > 20 and any(row.startswith(text) for row in data["text"]), text
trainer.train()
"""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    call = [sys.executable, "-c", code, str(mixed[1].output), str(tmp_path / "trl")]
    done = subprocess.run(call, env=os.environ | offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_winnow_mix_and_tokenize_need_the_pool_alone(mixed, tmp_path):
    output = mixed[1].output
    assert mix(output, "english") == mixed[1].mixes["english"]
    made = tokenize(output, str(output / "mixes/english/tokenizer"), workers=2)
    assert made["selected"] == mixed[1].manifest["balance"]["documents"]["kept"]
    with pytest.raises(UsageError, match="no mix 'nope'"):
        mix(output, "nope")
    with pytest.raises(UsageError, match="neither a run nor"):
        tokenize(tmp_path, "x")


def test_a_part_that_matches_nothing_and_a_budget_too_large_are_refused(mixed, tmp_path):
    """Nothing silently different from what was asked."""
    wishes = {
        "matches no document": {"parts": [{"where": {"language": "deu"}, "share": 1}]},
        "lower `tokens:`": {"tokens": "5M", "shortage": "error"},
    }
    for words, wish in wishes.items():
        from pipeline.recipe_models import MixSpec

        spec = MixSpec.model_validate({"tokenizer": {"train": {"vocab_size": 400}}, **wish})
        with pytest.raises(Exception, match=words) as told:
            mix(mixed[1].output, "refused", spec, workers=1)
        assert told.value.exit_code == 2
    assert not (mixed[1].output / "mixes/refused/manifest.json").exists()
    assert json.loads((mixed[1].output / "pool/manifest.json").read_text())["kind"] == "pool"
