"""The whole recipe on the evaluation crawl: two languages, a fitted quality model, two mixes with tokenizers of their own."""

import json
import lzma

import polars as pl
import pytest

from pipeline.fit import fit_quality
from pipeline.recipe import Recipe
from pipeline.runs import load_run, run
from pipeline.verify import verify

pytestmark = [pytest.mark.data, pytest.mark.slow]

RECIPE = """\
name: full
seed: 17
output: out
sources:
  web: {{read: {{warc: "{data}/warc/*.warc.gz"}}}}
stages:
  - url_rules
  - extract
  - clean_lines
  - language: {{keep: [en, zh]}}
  - rules
  - quality: {{model: quality.bin}}
dedupe: [exact, minhash]
mixes:
  even:
    tokenizer: {{train: {{vocab_size: 8192}}}}
    tokens: 200k
    shortage: shrink
    parts:
      - {{where: {{language: zh}}, share: 0.5}}
      - {{where: {{language: en}}, share: 0.5}}
  good:
    tokenizer: {{train: {{vocab_size: 4096}}}}
    tokens: 300k
    shortage: shrink
    parts:
      - {{where: {{language: en, quality_score: ">= 0.5"}}, share: 0.7}}
      - {{where: {{language: en, quality_score: "< 0.5"}}, share: 0.3}}
"""


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory, language_model):
    folder = tmp_path_factory.mktemp("full")
    with lzma.open(data_dir / "quality/dclm-majority_data.jsonl.xz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for name, label in (("good", 1), ("bad", 0)):
        lines = (json.dumps({"text": r["text"], "language": "eng"}) for r in rows if r["label"] == label)
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    fit_quality([str(folder / "good.jsonl")], [str(folder / "bad.jsonl")], str(folder / "quality.bin"))
    (folder / "recipe.yaml").write_text(RECIPE.format(data=data_dir.resolve()), encoding="utf-8")
    return folder / "recipe.yaml", run(folder / "recipe.yaml", workers=2)


def test_pool_and_mixes_balance_and_verify(finished, capsys):
    balance = finished[1].manifest["balance"]
    for part in balance.values():
        assert part["in"] == part["kept"] + sum(sum(part[r].values()) for r in ("dropped", "duplicate", "quarantined"))
    for manifest in finished[1].mixes.values():
        assert manifest["selected"] + manifest["not_selected"] == balance["documents"]["kept"]
    assert verify(finished[1].output)["ok"]
    with capsys.disabled():
        print(f"\n{balance['documents']['in']:,} in, {balance['documents']['kept']:,} kept")


def test_realised_shares_are_the_asked_ones(finished, capsys):
    """Within 1 % of the mix, or one document."""
    for name, manifest in finished[1].mixes.items():
        longest = pl.read_parquet(finished[1].output / f"mixes/{name}/tokens/train-*.parquet")["n_tokens"].max()
        realised = [p["realised_tokens"] for p in manifest["parts"]]
        for part, got, share in zip(manifest["parts"], realised, shares(name), strict=True):
            assert abs(got - share * sum(realised)) <= max(0.01 * sum(realised), longest), part
        with capsys.disabled():
            print(f"\n{name}: " + ", ".join(f"{n / sum(realised):.4f} of {sum(realised):,}" for n in realised))


def shares(name: str) -> tuple[float, float]:
    return {"even": (0.5, 0.5), "good": (0.7, 0.3)}[name]


def test_every_kept_english_document_has_a_score(finished):
    pool = load_run(finished[1].output).pool().select("language", "quality_score").collect()
    assert set(pool["language"]) == {"eng", "cmn"}
    assert pool["quality_score"].null_count() == 0
    assert pool["quality_score"].is_between(0, 1).all()


def test_changing_a_mix_runs_no_earlier_pass(finished):
    changed = run(Recipe.from_yaml(finished[0], ["mixes.good.tokens=100k"]), workers=2)
    worked = {label for label, units in changed.done.items() if units}
    assert worked and all(label.startswith("mix good: ") for label in worked)
